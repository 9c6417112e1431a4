//! Signals that are waited for, beside a key or alone.

use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

/// These signals do nothing any more but be heard here, for as long as somebody
/// hears them; after that they do what they do to any program.
pub(crate) struct Signals {
    last: Arc<AtomicUsize>,
    wake: UnixStream,
    unheard: Arc<AtomicBool>,
}

impl Drop for Signals {
    fn drop(&mut self) {
        self.unheard.store(true, Ordering::SeqCst);
        // What came since somebody last listened was for this program, too.
        if let Some(signal) = self.taken() {
            // Without a default action there is nothing to do.
            let _ = signal_hook::low_level::emulate_default_handler(signal);
        }
    }
}

impl Signals {
    pub(crate) fn watch(signals: &[i32]) -> io::Result<Self> {
        let last = Arc::new(AtomicUsize::new(0));
        let (wake, sender) = UnixStream::pair()?;
        wake.set_nonblocking(true)?;
        let unheard = Arc::new(AtomicBool::new(false));
        for signal in signals {
            let number = usize::try_from(*signal).unwrap_or_default();
            signal_hook::flag::register_conditional_default(*signal, Arc::clone(&unheard))?;
            signal_hook::flag::register_usize(*signal, Arc::clone(&last), number)?;
            signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
        }
        Ok(Self {
            last,
            wake,
            unheard,
        })
    }

    /// Waits for a key or a signal; the signal, if it was one.
    pub(crate) fn before_key(&mut self, terminal: BorrowedFd<'_>) -> Option<i32> {
        self.or(&[PollFd::from_borrowed_fd(terminal, PollFlags::IN)])
    }

    /// Waits for a signal.
    pub(crate) fn next(&mut self) -> i32 {
        loop {
            if let Some(signal) = self.or(&[]) {
                return signal;
            }
        }
    }

    /// Waits for a signal, or for one of these.
    fn or(&mut self, others: &[PollFd<'_>]) -> Option<i32> {
        let mut ready = vec![PollFd::new(&self.wake, PollFlags::IN)];
        ready.extend_from_slice(others);
        // Where waiting fails, reading waits.
        while poll(&mut ready, None) == Err(Errno::INTR) {}
        let _ = self.wake.read(&mut [0; 64]);
        self.taken()
    }

    /// The signal that came last, if any did since it was asked.
    fn taken(&self) -> Option<i32> {
        match self.last.swap(0, Ordering::SeqCst) {
            0 => None,
            signal => i32::try_from(signal).ok(),
        }
    }
}
