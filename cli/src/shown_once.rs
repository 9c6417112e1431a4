//! What is shown only once: it gets to whoever reads stdout, or fails.

use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FileType, OFlags};
use rustix::io::Errno;
use rustix::stdio::stdout;

use crate::exit::{self, Failure};
use crate::output::{unwritten, write_all};

/// How long a reader may take to read it, or to go away.
const READER_TIMEOUT: Duration = Duration::from_millis(500);
/// How often to look whether it has.
const PAUSE: Duration = Duration::from_millis(5);

/// Fails where nothing written to stdout can arrive, before something is made
/// that is shown only once.
pub(crate) fn check_stdout() -> Result<(), Failure> {
    let stat = rustix::fs::fstat(stdout()).map_err(unwritten)?;
    let mode = rustix::fs::fcntl_getfl(stdout()).map_err(unwritten)? & OFlags::ACCMODE;
    if mode == OFlags::RDONLY {
        return Err(unwritten(Errno::BADF));
    }
    // The standard library opens the null device for reading and writing in
    // place of a descriptor it was started without; a shell opens it to write.
    let null = rustix::fs::stat("/dev/null").map(|null| null.st_rdev);
    let kind = FileType::from_raw_mode(stat.st_mode);
    if mode == OFlags::RDWR && kind == FileType::CharacterDevice && null == Ok(stat.st_rdev) {
        let what = "stdout is closed, or the null device opened to read and write";
        return Err(Failure::new(exit::UNEXPECTED, what));
    }
    if is_abandoned() {
        return Err(unwritten(Errno::PIPE));
    }
    // A socket may take an empty write for a message.
    if matches!(kind, FileType::CharacterDevice | FileType::RegularFile) {
        rustix::io::write(stdout(), &[]).map_err(unwritten)?;
    }
    Ok(())
}

/// Writes what is shown only once, and fails unless it got to where stdout
/// leads: a reader that went away without it is an error here.
pub(crate) fn delivered(bytes: &[u8]) -> Result<(), Failure> {
    write_all(bytes).map_err(unwritten)?;
    // A disk may notice only now that it is full. What is no file has nothing
    // to store.
    if let Err(error @ (Errno::NOSPC | Errno::DQUOT | Errno::IO)) = rustix::fs::fsync(stdout()) {
        return Err(unwritten(error));
    }
    let deadline = Instant::now() + READER_TIMEOUT;
    while is_unread() {
        if is_abandoned() {
            return Err(unwritten(Errno::PIPE));
        }
        if Instant::now() >= deadline {
            break;
        }
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// Whether a pipe holds what nobody has read yet.
fn is_unread() -> bool {
    let is_pipe = rustix::fs::fstat(stdout())
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Fifo);
    is_pipe && rustix::io::ioctl_fionread(stdout()).is_ok_and(|bytes| bytes > 0)
}

/// Whether the reader of a pipe went away.
fn is_abandoned() -> bool {
    let stdout = stdout();
    let mut fds = [PollFd::new(&stdout, PollFlags::OUT)];
    poll(&mut fds, Some(&Timespec::default())).is_ok() && fds[0].revents().contains(PollFlags::ERR)
}
