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
        Err(Unready::Missing(reason)) if optional && !everything_required() => {
            say(format_args!("NOT RUN: {program}: {reason}"));
            None
        }
        Err(error) => panic!("{program} cannot be run: {error}"),
    }
}

fn everything_required() -> bool {
    std::env::var_os("QUILT_TESTS_REQUIRE").is_some_and(|value| value == "all")
}

/// Writes a line to standard error past the capture of the test runner.
pub fn say(message: fmt::Arguments<'_>) {
    // One write, so that lines of parallel tests do not mix. If standard error is closed
    // there is nobody to tell.
    drop(std::io::stderr().write_all(format!("{message}\n").as_bytes()));
}
