//! What a refresher runs on: a lock, tasks, and a limit to waiting. Apart from
//! it, so that a model checker can take their place in tests.

#[cfg(test)]
pub(crate) mod checked;

#[cfg(test)]
pub(crate) use self::checked::{Mutex, MutexGuard, Scoped, detached, scoped, timeout};
#[cfg(not(test))]
pub(crate) use self::real::{Mutex, MutexGuard, Scoped, detached, scoped, timeout};

mod real {
    use std::future::Future;

    #[cfg_attr(test, expect(unused_imports, reason = "chosen by name there"))]
    pub(crate) use parking_lot::{Mutex, MutexGuard};
    pub(crate) use tokio::time::timeout;
    pub(crate) use tokio_util::task::AbortOnDropHandle as Scoped;

    /// Runs a task until its handle is dropped.
    pub(crate) fn scoped(task: impl Future<Output = ()> + Send + 'static) -> Scoped<()> {
        Scoped::new(tokio::spawn(task))
    }

    /// Runs a task to its end.
    pub(crate) fn detached(task: impl Future<Output = ()> + Send + 'static) {
        tokio::spawn(task);
    }
}
