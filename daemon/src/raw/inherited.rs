//! Descriptors that whoever started this program meant for it.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, FromRawFd, OwnedFd, RawFd};

use rustix::io::{FdFlags, fcntl_setfd};

/// Takes over a descriptor that this program was started with: nothing that it
/// starts has it from then on, and it goes with its value. Standard input is left
/// empty in its place; standard output and error stay.
///
/// Call it before anything else is opened: the number would be that one's.
pub fn inherited(number: u32) -> io::Result<File> {
    let number = RawFd::try_from(number).map_err(io::Error::other)?;
    let taken = match number {
        0 => {
            let taken = io::stdin().as_fd().try_clone_to_owned()?;
            rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
            taken
        }
        1 => io::stdout().as_fd().try_clone_to_owned()?,
        2 => io::stderr().as_fd().try_clone_to_owned()?,
        _ => {
            // SAFETY: only flags are asked for.
            if unsafe { libc::fcntl(number, libc::F_GETFD) } == -1 {
                return Err(io::Error::last_os_error());
            }
            // SAFETY: it is open, and nothing here has opened anything yet.
            unsafe { OwnedFd::from_raw_fd(number) }
        }
    };
    fcntl_setfd(&taken, FdFlags::CLOEXEC)?;
    Ok(taken.into())
}
