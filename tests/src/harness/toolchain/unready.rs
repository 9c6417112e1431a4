//! Why a program cannot be run, and when that is tolerated.

use std::fmt;
use std::io::Write;

use super::{Client, Program};

/// Why a program is not ready.
#[derive(Debug, thiserror::Error)]
pub enum Unready {
    /// This machine has no such toolchain.
    #[error("{0}")]
    Missing(String),
    /// The toolchain is here, but preparing the program failed.
    #[error("{0}")]
    Failed(String),
}

impl Unready {
    pub(super) fn missing(what: impl fmt::Display) -> Self {
        Self::Missing(what.to_string())
    }

    pub(super) fn failed(what: impl fmt::Display) -> Self {
        Self::Failed(what.to_string())
    }
}

pub(super) fn client_or_not_run(
    program: Program,
    prepared: Result<Client, Unready>,
    optional: bool,
) -> Option<Client> {
    match prepared {
        Ok(client) => Some(client),
        Err(Unready::Missing(reason)) if optional => {
            not_run(program, reason);
            None
        }
        Err(error) => panic!("{program} cannot be run: {error}"),
    }
}

/// Says that something could not be run for lack of something on this machine.
///
/// # Panics
/// When everything is required to run (`QUILT_TESTS_REQUIRE=all`).
pub fn not_run(what: impl fmt::Display, reason: impl fmt::Display) {
    let required = std::env::var_os("QUILT_TESTS_REQUIRE").is_some_and(|value| value == "all");
    assert!(!required, "{what} cannot be run: {reason}");
    say(format_args!("NOT RUN: {what}: {reason}"));
}

/// Writes a line to standard error past the capture of the test runner.
pub fn say(message: fmt::Arguments<'_>) {
    // One write, so that lines of parallel tests do not mix. If standard error is closed
    // there is nobody to tell.
    drop(std::io::stderr().write_all(format!("{message}\n").as_bytes()));
}
