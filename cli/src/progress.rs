//! A line on the terminal while something takes longer than a second.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::stdio::stderr;
use rustix::termios::{isatty, tcgetwinsize};

/// How long to say nothing.
const QUIET: Duration = Duration::from_secs(1);

/// How often to say something after that.
const EVERY: Duration = Duration::from_millis(200);

/// Cells of a terminal that does not say.
const USUAL: usize = 80;

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
    what: What,
    count: u64,
    shown: bool,
    ended: bool,
}

#[derive(Clone, Copy)]
enum What {
    Count(&'static str),
    Answer(&'static str),
    Work(&'static str),
}

impl Progress {
    /// Says how many of these there are so far.
    pub(crate) fn counting(of: &'static str) -> Self {
        Self::start(What::Count(of))
    }

    /// Says what is waited for.
    pub(crate) fn waiting(answer: &'static str) -> Self {
        Self::start(What::Answer(answer))
    }

    /// Says what is done here.
    pub(crate) fn working(what: &'static str) -> Self {
        Self::start(What::Work(what))
    }

    fn start(what: What) -> Self {
        // A dumb one cannot wipe a line.
        let can_wipe = std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let shared = (can_wipe && isatty(stderr())).then(|| {
            let state = State {
                what,
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
        let text = match self.what {
            What::Count(of) => format!("{} {of} in {seconds} s", self.count),
            What::Work(what) => format!("{what} ({seconds} s)"),
            What::Answer(answer) => format!("Waiting for quiltd: {answer} ({seconds} s)"),
        };
        // A line that is broken could not be wiped.
        let room = tcgetwinsize(stderr()).map_or(0, |size| usize::from(size.ws_col));
        let room = if room == 0 { USUAL } else { room };
        let text: String = text.chars().take(room.saturating_sub(1)).collect();
        say(&format!("{WIPE}{text}"));
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
