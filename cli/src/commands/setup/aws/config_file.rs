//! The configuration file of AWS programs, as set-up reads it, and what it says
//! where that fails.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quilt_proto::{locations, quoted, state_files};

use crate::exit::{self, Failure};
use crate::lock_file::LockFile;
use crate::{aws_files, files};

/// How long others that set up may take.
const LOCK_TIMEOUT: Duration = Duration::from_secs(30);

/// The right to set up, alone among all that do.
pub(super) fn alone() -> Result<LockFile, Failure> {
    let state = locations::state_dir()?;
    LockFile::take(
        &state.join(state_files::SETUP_LOCK),
        Instant::now() + LOCK_TIMEOUT,
    )
    .map_err(|error| failed("the lock of set-ups", &state, &error))
}

pub(super) fn place(variable: &str) -> Result<PathBuf, Failure> {
    aws_files::place(variable)
        .ok_or_else(|| Failure::new(exit::UNEXPECTED, format!("set HOME or {variable}")))
}

pub(super) fn read(path: &Path) -> Result<Option<Vec<u8>>, Failure> {
    aws_files::read(path).map_err(|error| failed_at(path, &error))
}

/// The record of set-ups is beside the daemon's own files.
pub(super) fn unrecorded(error: &io::Error) -> Failure {
    match locations::state_dir() {
        Ok(state) => failed("the record of set-ups", &state, error),
        Err(no_home) => no_home.into(),
    }
}

pub(super) fn failed_at(path: &Path, error: &io::Error) -> Failure {
    failed(&quoted::path(path).to_string(), path, error)
}

/// What a file operation failed with, and what shows why.
fn failed(what: &str, path: &Path, error: &io::Error) -> Failure {
    if let Some(failure) = files::is_distrusted(error) {
        return failure;
    }
    let hint = quilt_trust::look(path, error.kind());
    Failure::new(exit::UNEXPECTED, format!("{what}: {error}")).hint(hint)
}

pub(super) fn unwritable() -> Failure {
    let what = "the path of quiltctl or of the socket cannot be written in an AWS configuration";
    Failure::new(exit::INPUT, what).hint("quiltctl setup aws --help")
}
