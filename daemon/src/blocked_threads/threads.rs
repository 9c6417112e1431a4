//! The threads of the runtime, as Linux sees them.

use std::collections::HashMap;
use std::fs;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quilt_proto::process_status;
use tokio::runtime::Builder;

use super::CAUGHT;

/// How long a thread may be asleep.
const MOST: Duration = Duration::from_millis(100);

/// How long it may wait for a mutex.
const MUTEX: Duration = Duration::from_secs(2);

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// The threads that have something to do, by what the kernel calls them, and how
/// often they have woken so far.
type Busy = HashMap<i32, u64>;

static BUSY: LazyLock<Mutex<Busy>> = LazyLock::new(Mutex::default);

/// How often any of them has.
static WOKEN: AtomicU64 = AtomicU64::new(0);

fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Has a runtime's threads watched.
pub(super) fn watch(builder: &mut Builder) {
    if !fs::exists("/proc/self/task").unwrap_or(false) {
        return;
    }
    builder.on_thread_unpark(|| {
        let turn = WOKEN.fetch_add(1, Ordering::Relaxed);
        BUSY.lock().insert(this_thread(), turn);
    });
    builder.on_thread_park(leave).on_thread_stop(leave);
    let started = std::thread::Builder::new().name("watchdog".to_owned());
    if let Err(error) = started.spawn(look_on) {
        tracing::debug!(%error, "nobody watches the runtime's threads");
    }
}

/// The runtime does without this thread for now.
pub(super) fn leave() {
    BUSY.lock().remove(&this_thread());
}

/// A thread that was asleep when last looked at.
struct Asleep {
    turn: u64,
    switches: u64,
    since: Instant,
    told: bool,
}

fn look_on() {
    let mut asleep: HashMap<i32, Asleep> = HashMap::new();
    loop {
        std::thread::sleep(LOOK);
        let now = BUSY.lock().clone();
        asleep.retain(|thread, _| now.contains_key(thread));
        for (thread, turn) in now {
            let Some(switches) = sleeping(thread) else {
                asleep.remove(&thread);
                continue;
            };
            let seen = asleep
                .entry(thread)
                .or_insert_with(|| Asleep::new(turn, switches));
            if (seen.turn, seen.switches) != (turn, switches) {
                *seen = Asleep::new(turn, switches);
            } else if !seen.told && seen.since.elapsed() >= MOST {
                let place = fs::read_to_string(format!("/proc/self/task/{thread}/wchan"));
                let place = place.unwrap_or_default();
                // "0" is no place: it has been woken since, mostly from a mutex.
                let may_be_mutex = place == "0" || place.contains("futex");
                if !may_be_mutex || seen.since.elapsed() >= MUTEX {
                    seen.told = true;
                    tracing::error!(thread, place, "{CAUGHT}");
                }
            }
        }
    }
}

impl Asleep {
    fn new(turn: u64, switches: u64) -> Self {
        Self {
            turn,
            switches,
            since: Instant::now(),
            told: false,
        }
    }
}

/// How often a thread has gone to sleep, while it is asleep (proc(5)).
fn sleeping(thread: i32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/self/task/{thread}/status")).ok()?;
    let field = |name: &str| process_status::field(&status, name);
    if !field("State")?.starts_with('S') {
        return None;
    }
    field("voluntary_ctxt_switches")?.parse().ok()
}
