//! Real AWS programs, prepared on demand from the pins in `tests/clients`.
//!
//! Whatever has to be downloaded or compiled is kept under `clients/` in cargo's target
//! directory, one folder for each program and state of its pins.

mod aws_cli;
mod cache;
mod go;
mod java;
mod node;
mod program;
mod python;
mod reading;
mod rust;
mod system;
mod tool;
mod unready;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use cache::target_dir;
pub use node::dotenv;
pub use program::{Profiles, Program};
pub use python::{Python, Venv};
pub use reading::Reading;
pub use system::S3CMD;
pub use unready::{Unready, not_run, say};

/// How to run a program that lists a bucket, reads an object and prints `ok`.
///
/// It takes `BUCKET`, `KEY`, `EXPECT_SHA256` and the standard `AWS_*` variables from its
/// environment, and handles no credentials itself.
#[derive(Clone, Debug)]
pub struct Client {
    program: PathBuf,
    args: Vec<OsString>,
}

impl Client {
    fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            args: Vec::new(),
        }
    }

    fn arg(mut self, arg: impl Into<OsString>) -> Self {
        self.args.push(arg.into());
        self
    }

    /// The same program, run by another, which gets it as its last arguments.
    #[must_use]
    pub fn within(
        self,
        runner: impl Into<PathBuf>,
        before: impl IntoIterator<Item = OsString>,
    ) -> Self {
        let own = std::iter::once(self.program.into_os_string()).chain(self.args);
        Self {
            program: runner.into(),
            args: before.into_iter().chain(own).collect(),
        }
    }

    /// The command, in an environment that holds `PATH` alone: no ambient credentials.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        // Nothing here may ever wait for an instance's metadata service.
        command.env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }
}

/// The program of AWS CLI version 2, for other uses than the client.
pub fn aws_cli_v2() -> Result<PathBuf, Unready> {
    aws_cli::v2_program()
}

/// aws-vault, for the benchmark.
pub fn aws_vault() -> Result<PathBuf, Unready> {
    Ok(go::aws_vault()?.program)
}

/// A file of `tests/clients`.
pub fn source(name: &str) -> PathBuf {
    sources().join(name)
}

/// `tests/clients` in the source tree.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}
