//! What the system said of a file, in words.

use std::io;

use rustix::io::Errno;

/// What is wrong, in our own words where there are some, else the system's.
pub fn words(error: &io::Error) -> String {
    match (error.get_ref(), Errno::from_io_error(error)) {
        (Some(ours), _) => ours.to_string(),
        // Of which the kind says nothing.
        (None, Some(Errno::MFILE | Errno::NFILE)) => "too many open files".to_owned(),
        (None, _) if error.kind() == io::ErrorKind::NotFound => "no such file".to_owned(),
        (None, _) => error.kind().to_string(),
    }
}
