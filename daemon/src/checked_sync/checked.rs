//! The real things, or inside [`under_check`] those of shuttle, which decides
//! who goes on whenever somebody takes a lock or waits.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::ops::{Deref, DerefMut};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::real;

thread_local! {
    static IS_CHECKED: Cell<bool> = const { Cell::new(false) };
    static DETACHED: Cell<u64> = const { Cell::new(0) };
}

/// Runs a check of shuttle's.
pub(crate) fn under_check(check: impl FnOnce()) {
    struct Over;
    impl Drop for Over {
        fn drop(&mut self) {
            IS_CHECKED.set(false);
        }
    }
    IS_CHECKED.set(true);
    let _over = Over;
    check();
}

/// How many tasks were detached on this thread.
pub(crate) fn detached_so_far() -> u64 {
    DETACHED.get()
}

fn is_checked() -> bool {
    IS_CHECKED.get()
}

pub(crate) enum Mutex<T> {
    Real(parking_lot::Mutex<T>),
    Checked(shuttle::sync::Mutex<T>),
}

pub(crate) enum MutexGuard<'a, T> {
    Real(parking_lot::MutexGuard<'a, T>),
    Checked(shuttle::sync::MutexGuard<'a, T>),
}

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        if is_checked() {
            Self::Checked(shuttle::sync::Mutex::new(value))
        } else {
            Self::Real(parking_lot::Mutex::new(value))
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        match self {
            Self::Real(lock) => MutexGuard::Real(lock.lock()),
            // A panic ends the check.
            Self::Checked(lock) => MutexGuard::Checked(lock.lock().unwrap()),
        }
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match self {
            Self::Real(guard) => guard,
            Self::Checked(guard) => guard,
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Self::Real(guard) => guard,
            Self::Checked(guard) => guard,
        }
    }
}

pub(crate) enum Scoped<T> {
    Real { _task: real::Scoped<T> },
    Checked(shuttle::future::JoinHandle<T>),
}

impl<T> Drop for Scoped<T> {
    fn drop(&mut self) {
        if let Self::Checked(task) = self {
            task.abort();
        }
    }
}

pub(crate) fn scoped(task: impl Future<Output = ()> + Send + 'static) -> Scoped<()> {
    if is_checked() {
        Scoped::Checked(shuttle::future::spawn(task))
    } else {
        Scoped::Real {
            _task: real::scoped(task),
        }
    }
}

pub(crate) fn detached(task: impl Future<Output = ()> + Send + 'static) {
    if is_checked() {
        DETACHED.set(DETACHED.get() + 1);
        drop(shuttle::future::spawn(task));
    } else {
        real::detached(task);
    }
}

/// It took too long.
pub(crate) struct Late;

/// Under check nobody is impatient but those who do not wait at all.
pub(crate) async fn timeout<F: Future>(timeout: Duration, waiting: F) -> Result<F::Output, Late> {
    if !is_checked() {
        return real::timeout(timeout, waiting).await.map_err(|_| Late);
    }
    if !timeout.is_zero() {
        return Ok(waiting.await);
    }
    let mut waiting = pin!(waiting);
    poll_fn(|context| match waiting.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Ok(output)),
        Poll::Pending => Poll::Ready(Err(Late)),
    })
    .await
}
