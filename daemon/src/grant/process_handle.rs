//! The process a grant was given to, and its end.

use rustix::process::Pid;

/// A process whose end can be waited for.
#[derive(Debug)]
pub struct ProcessHandle {
    pid: u32,
    #[cfg(target_os = "linux")]
    process: tokio::io::unix::AsyncFd<rustix::fd::OwnedFd>,
}

/// A process cannot be watched.
#[derive(Debug, thiserror::Error)]
pub enum ProcessHandleError {
    /// It runs where this daemon cannot see it, as in another container.
    #[error("the calling process cannot be seen from here")]
    Unseen,
    /// The system refused.
    #[error("the calling process cannot be watched: {0}")]
    System(#[from] std::io::Error),
}

impl ProcessHandle {
    /// Watches a process. It must be known to run now, as the other end of a
    /// connection does that waits for an answer.
    pub fn watch(pid: Option<u32>) -> Result<Self, ProcessHandleError> {
        let number = pid.ok_or(ProcessHandleError::Unseen)?;
        let pid = i32::try_from(number).ok().and_then(Pid::from_raw);
        Self::of(number, pid.ok_or(ProcessHandleError::Unseen)?)
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }
}

#[cfg(target_os = "linux")]
impl ProcessHandle {
    fn of(number: u32, pid: Pid) -> Result<Self, ProcessHandleError> {
        use rustix::process::{PidfdFlags, pidfd_open};
        use tokio::io::Interest;

        let process = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(std::io::Error::from)?;
        #[expect(
            deprecated,
            reason = "sound with a descriptor that is owned; the successor needs unsafe code"
        )]
        let process = tokio::io::unix::AsyncFd::with_interest(process, Interest::READABLE)?;
        Ok(Self {
            pid: number,
            process,
        })
    }

    /// Returns when the process has ended, by whatever means.
    pub async fn ended(&self) {
        // A descriptor of a process becomes readable when it ends. An error
        // means the runtime is going away, and the grant with it.
        let _ = self.process.readable().await;
    }
}

#[cfg(not(target_os = "linux"))]
impl ProcessHandle {
    fn of(number: u32, pid: Pid) -> Result<Self, ProcessHandleError> {
        rustix::process::test_kill_process(pid).map_err(std::io::Error::from)?;
        Ok(Self { pid: number })
    }

    /// Returns within a second of the process's end.
    pub async fn ended(&self) {
        let pid = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        while pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok()) {
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
}
