//! Catches what blocks a thread of the runtime. In debug builds alone, which the
//! tests run: the harness fails a test whose daemon's log has [`CAUGHT`] in it.
//!
//! A thread counts as blocked when the kernel has it asleep, for 100 ms without
//! having woken once, while the runtime has something for it to do. One that only
//! waits for a processor is not asleep, so a busy machine is nobody's fault. A
//! thread may sleep for a mutex whose holder waits for a processor: that is
//! believed only after a longer while (`MUTEX` in `threads.rs`).

use tokio::runtime::{Builder, Handle, RuntimeFlavor};

#[cfg(target_os = "linux")]
mod threads;

/// What is logged of a blocked thread begins with this.
pub const CAUGHT: &str = "a runtime thread is blocked";

/// Has a runtime's threads watched, where the system tells of threads.
pub fn watch(builder: &mut Builder) {
    #[cfg(target_os = "linux")]
    threads::watch(builder);
    #[cfg(not(target_os = "linux"))]
    let _ = builder;
}

/// Runs what may wait, for a disk, on a thread that the runtime does without
/// meanwhile, where it has others.
pub fn may_block<R>(work: impl FnOnce() -> R) -> R {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(|| {
            #[cfg(target_os = "linux")]
            threads::leave();
            work()
        }),
        _ => work(),
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use parking_lot::Mutex;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use super::*;

    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Log {
        fn is_caught(&self) -> bool {
            String::from_utf8_lossy(&self.0.lock()).contains(CAUGHT)
        }
    }

    impl std::io::Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
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
            tokio::time::sleep(while_).await;
            let begun = Instant::now();
            while begun.elapsed() < while_ {
                std::hint::spin_loop();
            }
            may_block(|| std::thread::sleep(while_));
        });
        assert!(!log.is_caught());
        let seen = log.clone();
        in_runtime(async move {
            // Threads are known from when they had nothing to do.
            tokio::time::sleep(while_).await;
            let begun = Instant::now();
            // Until it is seen, however busy the machine is.
            while !seen.is_caught() && begun.elapsed() < Duration::from_mins(1) {
                std::thread::sleep(while_);
            }
        });
        assert!(log.is_caught());
    }
}
