//! Signals that are waited for, beside a key or alone.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::os::fd::BorrowedFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use signal_hook::SigId;
use signal_hook::low_level::unregister;

/// These signals do nothing any more but be heard here, for as long as somebody
/// hears them; after that they do what they do to any program.
pub(crate) struct Signals {
    last: Arc<AtomicUsize>,
    wake: UnixStream,
    actions: Vec<SigId>,
}

/// Whether nobody hears signals, and how many do; which have their default action
/// then. An action that is registered stays.
static UNHEARD: LazyLock<Arc<AtomicBool>> = LazyLock::new(Arc::default);
static HEARING: Mutex<(usize, BTreeSet<i32>)> = Mutex::new((0, BTreeSet::new()));

impl Drop for Signals {
    fn drop(&mut self) {
        {
            let mut hearing = HEARING.lock().unwrap_or_else(PoisonError::into_inner);
            hearing.0 -= 1;
            UNHEARD.store(hearing.0 == 0, Ordering::SeqCst);
        }
        for action in self.actions.drain(..) {
            unregister(action);
        }
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
        let mut listener = Self {
            last: Arc::clone(&last),
            wake,
            actions: Vec::new(),
        };
        let mut hearing = HEARING.lock().unwrap_or_else(PoisonError::into_inner);
        hearing.0 += 1;
        UNHEARD.store(false, Ordering::SeqCst);
        for signal in signals.iter().filter(|signal| !hearing.1.contains(signal)) {
            signal_hook::flag::register_conditional_default(*signal, Arc::clone(&UNHEARD))?;
        }
        hearing.1.extend(signals);
        drop(hearing);
        for signal in signals {
            let number = usize::try_from(*signal).unwrap_or_default();
            let noted = signal_hook::flag::register_usize(*signal, Arc::clone(&last), number)?;
            let told = signal_hook::low_level::pipe::register(*signal, sender.try_clone()?)?;
            listener.actions.extend([noted, told]);
        }
        Ok(listener)
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

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};
    use signal_hook::consts::SIGUSR1;

    use super::*;

    /// Its default action would end the tests.
    #[test]
    fn whoever_hears_after_somebody_else_hears_all_there_is() {
        for _ in 0..2 {
            let mut signals = Signals::watch(&[SIGUSR1]).unwrap();
            kill_process(getpid(), Signal::USR1).unwrap();
            assert_eq!(signals.next(), SIGUSR1);
        }
    }
}
