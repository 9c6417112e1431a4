//! A mutex that outlives the panic of a test that held it.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// State many handlers share. Held for moments, never across an await.
#[derive(Debug, Default)]
pub(crate) struct Shared<T>(Mutex<T>);

impl<T> Shared<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    /// Locks; a panic elsewhere does not poison the stack for the tests that follow.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
