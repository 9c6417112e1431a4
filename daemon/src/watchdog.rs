//! Catches what blocks a thread of the runtime. In debug builds alone, which the
//! tests run: the harness fails a test whose daemon's log has [`CAUGHT`] in it.
//!
//! A thread counts as blocked when the kernel has it asleep, for 100 ms without
//! having woken once, while the runtime has something for it to do. One that only
//! waits for a processor is not asleep, so a busy machine is nobody's fault. A
//! thread may sleep for a mutex whose holder waits for a processor: that is
//! believed after [`MUTEX`] only.

use std::collections::HashMap;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::runtime::Builder;

/// What is logged of a blocked thread begins with this.
pub const CAUGHT: &str = "a runtime thread is blocked";

/// How long a thread may be asleep.
const MOST: Duration = Duration::from_millis(100);

/// How long it may wait for a mutex.
const MUTEX: Duration = Duration::from_secs(2);

/// How often to look.
const LOOK: Duration = Duration::from_millis(20);

/// The threads that have something to do, by what the kernel calls them, and how
/// often they have woken so far.
type Busy = HashMap<i32, u64>;

static BUSY: Mutex<Option<Busy>> = Mutex::new(None);

fn busy() -> MutexGuard<'static, Option<Busy>> {
    BUSY.lock().unwrap_or_else(PoisonError::into_inner)
}

fn this_thread() -> i32 {
    rustix::thread::gettid().as_raw_nonzero().get()
}

/// Has a runtime's threads watched.
pub fn watch(builder: &mut Builder) {
    if !fs::exists("/proc/self/task").unwrap_or(false) {
        return;
    }
    static WOKEN: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    builder.on_thread_unpark(|| {
        let turn = WOKEN.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        busy().get_or_insert_default().insert(this_thread(), turn);
    });
    builder.on_thread_park(|| {
        busy().get_or_insert_default().remove(&this_thread());
    });
    builder.on_thread_stop(|| {
        busy().get_or_insert_default().remove(&this_thread());
    });
    let started = std::thread::Builder::new().name("watchdog".to_owned());
    if let Err(error) = started.spawn(look_on) {
        tracing::debug!(%error, "nobody watches the runtime's threads");
    }
}

/// Runs what may wait, for a disk, on a thread that the runtime does without
/// meanwhile.
pub fn may_block<R>(work: impl FnOnce() -> R) -> R {
    tokio::task::block_in_place(|| {
        if let Some(busy) = busy().as_mut() {
            busy.remove(&this_thread());
        }
        work()
    })
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
        let now = busy().clone().unwrap_or_default();
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
                if !place.contains("futex") || seen.since.elapsed() >= MUTEX {
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
    let field = |name: &str| {
        let mut lines = status.lines();
        lines.find_map(|line| Some(line.strip_prefix(name)?.trim()))
    };
    if !field("State:")?.starts_with('S') {
        return None;
    }
    field("voluntary_ctxt_switches:")?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn is_caught(&self) -> bool {
            String::from_utf8_lossy(&self.0.lock().unwrap()).contains(CAUGHT)
        }
    }

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn in_runtime(work: impl Future<Output = ()> + Send + 'static) {
        let mut builder = Builder::new_multi_thread();
        watch(builder.worker_threads(1).enable_all());
        let runtime = builder.build().unwrap();
        runtime.block_on(runtime.spawn(work)).unwrap();
    }

    #[test]
    fn a_blocked_thread_is_caught_and_one_that_is_busy_or_waits_is_not() {
        let log = Log::default();
        let to = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || to.clone());
        // The watchdog is a thread of its own, so it is for all of them.
        tracing::subscriber::set_global_default(subscriber.finish()).unwrap();
        let while_ = Duration::from_millis(300);
        in_runtime(async move {
            let begun = Instant::now();
            while begun.elapsed() < while_ {
                std::hint::spin_loop();
            }
            tokio::time::sleep(while_).await;
            may_block(|| std::thread::sleep(while_));
        });
        assert!(!log.is_caught());
        let seen = log.clone();
        in_runtime(async move {
            let begun = Instant::now();
            // Until it is seen, however busy the machine is.
            while !seen.is_caught() && begun.elapsed() < Duration::from_mins(1) {
                std::thread::sleep(while_);
            }
        });
        assert!(log.is_caught());
    }
}
