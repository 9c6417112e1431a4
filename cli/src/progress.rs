//! A line on the terminal while something takes longer than a second.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::stdio::stderr;
use rustix::termios::isatty;

/// How long to say nothing.
const QUIET: Duration = Duration::from_secs(1);

/// How often to say something after that.
const EVERY: Duration = Duration::from_millis(200);

/// Back to the start of the line, and the line wiped.
const WIPE: &str = "\r\x1b[K";

/// Goes away when dropped. Says nothing where stderr is no terminal.
pub(crate) struct Progress {
    shared: Option<Arc<Shared>>,
}

struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

struct State {
    of: &'static str,
    count: u64,
    shown: bool,
    ended: bool,
}

impl Progress {
    /// Counts `of`; nothing is counted where that is empty.
    pub(crate) fn start(of: &'static str) -> Self {
        let shared = isatty(stderr()).then(|| {
            let state = State {
                of,
                count: 0,
                shown: false,
                ended: false,
            };
            let shared = Arc::new(Shared {
                state: Mutex::new(state),
                ended: Condvar::new(),
            });
            let watched = Arc::clone(&shared);
            thread::spawn(move || watched.show());
            shared
        });
        Self { shared }
    }

    pub(crate) fn count(&self, more: u64) {
        if let Some(shared) = &self.shared {
            shared.lock().count += more;
        }
    }

    /// Does something that may write to the same terminal.
    pub(crate) fn pause<T>(&self, write: impl FnOnce() -> T) -> T {
        let Some(shared) = &self.shared else {
            return write();
        };
        let mut state = shared.lock();
        state.wipe();
        write()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(shared) = &self.shared {
            let mut state = shared.lock();
            state.wipe();
            state.ended = true;
            shared.ended.notify_all();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self) {
        let started = Instant::now();
        let mut pause = QUIET;
        let mut state = self.lock();
        loop {
            let waited = self
                .ended
                .wait_timeout_while(state, pause, |state| !state.ended);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            if state.ended {
                return;
            }
            state.draw(started.elapsed().as_secs());
            pause = EVERY;
        }
    }
}

impl State {
    fn draw(&mut self, seconds: u64) {
        self.shown = true;
        if self.of.is_empty() {
            say(&format!("{WIPE}working for {seconds} s"));
        } else {
            say(&format!("{WIPE}{} {} in {seconds} s", self.count, self.of));
        }
    }

    fn wipe(&mut self) {
        if std::mem::take(&mut self.shown) {
            say(WIPE);
        }
    }
}

fn say(text: &str) {
    // A terminal that is gone needs no progress.
    let _ = std::io::stderr().write_all(text.as_bytes());
}
