//! Read leases on files (fcntl(2), "Leases"): whoever opens such a file for
//! writing waits until the lease is given back.

use std::fs::File;
use std::io;

/// A read lease. Dropping it gives it back, and lets waiting writers go on.
///
/// The system says SIGIO when somebody begins to wait, and takes the lease
/// away after `/proc/sys/fs/lease-break-time` seconds (45 where nobody changed
/// it). SIGIO ends a process that does not handle it.
#[derive(Debug)]
pub struct ReadLease {
    #[cfg_attr(not(target_os = "linux"), expect(dead_code, reason = "there are none"))]
    file: File,
}

#[cfg(target_os = "linux")]
impl ReadLease {
    /// Leases a file of one's own that is open for reading. Fails where
    /// somebody has it open for writing, or the file system has no leases.
    pub fn take(file: File) -> io::Result<Self> {
        fcntl(&file, libc::F_SETLEASE, libc::F_RDLCK)?;
        Ok(Self { file })
    }

    /// Whether somebody waits for the lease to be given back.
    pub fn is_wanted(&self) -> bool {
        // What the lease has to become, not what it is, once somebody waits.
        fcntl(&self.file, libc::F_GETLEASE, 0).is_ok_and(|kind| kind != libc::F_RDLCK)
    }
}

#[cfg(target_os = "linux")]
fn fcntl(file: &File, command: libc::c_int, argument: libc::c_int) -> io::Result<libc::c_int> {
    use std::os::fd::AsRawFd;

    // SAFETY: both commands take an integer and touch no memory of ours; the
    // descriptor is open for as long as `file` is borrowed.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, argument) } {
        -1 => Err(io::Error::last_os_error()),
        answer => Ok(answer),
    }
}

#[cfg(not(target_os = "linux"))]
impl ReadLease {
    /// There are no leases here.
    pub fn take(_file: File) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Never.
    pub fn is_wanted(&self) -> bool {
        false
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_writer_waits_until_the_lease_is_given_back() {
        let mut asked = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::io()).unwrap();
        let dir = tempfile::TempDir::new().unwrap();
        let (path, aside) = (dir.path().join("file"), dir.path().join("aside"));
        fs::write(&path, "old").unwrap();
        let lease = ReadLease::take(File::open(&path).unwrap()).unwrap();
        assert!(!lease.is_wanted());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            "old",
            "readers do not wait"
        );
        let written = path.clone();
        let writer = std::thread::spawn(move || fs::write(written, "new"));
        tokio::time::timeout(Duration::from_secs(10), asked.recv())
            .await
            .unwrap();
        assert!(lease.is_wanted() && !writer.is_finished());
        fs::rename(&path, &aside).unwrap();
        drop(lease);
        writer.join().unwrap().unwrap();
        assert!(!path.exists(), "the writer had the file, not its name");
        assert_eq!(fs::read_to_string(&aside).unwrap(), "new");
    }
}
