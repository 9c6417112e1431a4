//! When the wall clock was set, or the machine woke from suspend: nobody has to
//! look every second.

use tokio::sync::watch;

/// Tells of every jump. Ends with the runtime it was made in.
#[derive(Debug)]
pub(super) struct Jumps(pub(super) watch::Receiver<()>);

impl Jumps {
    /// Hears of every jump from now on.
    pub(super) fn subscribe(&self) -> watch::Receiver<()> {
        let mut jumps = self.0.clone();
        jumps.mark_unchanged();
        jumps
    }

    /// `None` where the system does not tell. Must be called inside a tokio
    /// runtime.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn watch() -> Option<Self> {
        None
    }

    /// A timer of the wall clock that is cancelled whenever that is set, as it
    /// is on waking, too (timerfd_create(2), `TFD_TIMER_CANCEL_ON_SET`).
    #[cfg(target_os = "linux")]
    pub(super) fn watch() -> Option<Self> {
        let timer = system::timer().ok()?;
        let (told, jumps) = watch::channel(());
        tokio::spawn(async move {
            while !told.is_closed() && system::jump(&timer).await.is_ok() {
                told.send_replace(());
            }
        });
        Some(Self(jumps))
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::io;
    use std::os::fd::OwnedFd;

    use rustix::io::Errno;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// A time that does not come, in seconds since 1970: the year 2262.
    const NEVER: i64 = i64::MAX / 1_000_000_000;

    #[expect(
        deprecated,
        reason = "its successor is unsafe; an owned descriptor stays open and the same"
    )]
    pub(super) fn timer() -> io::Result<AsyncFd<OwnedFd>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        let timer = timerfd_create(TimerfdClockId::Realtime, flags)?;
        arm(&timer)?;
        AsyncFd::with_interest(timer, Interest::READABLE)
    }

    fn arm(timer: &OwnedFd) -> io::Result<()> {
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        let never = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: NEVER,
                tv_nsec: 0,
            },
        };
        match timerfd_settime(timer, flags, &never) {
            // It was set between two looks: armed all the same.
            Ok(_) | Err(Errno::CANCELED) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for one.
    pub(super) async fn jump(timer: &AsyncFd<OwnedFd>) -> io::Result<()> {
        loop {
            let mut ready = timer.readable().await?;
            match rustix::io::read(timer.get_ref(), &mut [0; 8]) {
                Err(Errno::CANCELED) => {
                    ready.clear_ready();
                    return arm(timer.get_ref());
                }
                Err(Errno::AGAIN) => ready.clear_ready(),
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
