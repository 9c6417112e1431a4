//! The program for the commands that speak to AWS themselves. The AWS SDKs
//! stay out of this one, which SDKs start thousands of times an hour.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use quilt_proto::api::ReadHealth;
use quilt_proto::locations::AWS_HELPER;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::programs;

/// A run of it for this daemon, which is started if need be, and this catalog.
pub(crate) struct AwsHelper {
    command: Command,
}

impl AwsHelper {
    pub(crate) fn new(context: &Context, task: &str) -> Result<Self, Failure> {
        context.send(&ReadHealth)?;
        let mut command = Command::new(executable()?);
        command.arg(task).arg("--socket").arg(context.socket()?);
        if let Some(catalog) = context.catalog()? {
            command.arg("--catalog").arg(catalog);
        }
        if context.global().json {
            command.arg("--json");
        }
        Ok(Self { command })
    }

    /// With one more option.
    pub(crate) fn option(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        // In one word: a value may start with a dash.
        let mut word = OsString::from(name);
        word.push("=");
        word.push(value);
        self.command.arg(word);
        self
    }

    /// The same where there is a value for it.
    pub(crate) fn option_if(self, name: &str, value: Option<impl AsRef<OsStr>>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }

    /// Becomes it.
    pub(crate) fn exec(mut self) -> Failure {
        unstarted(&self.command.exec())
    }

    /// Runs it to its end; it has said itself what went wrong.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        let status = self.command.status().map_err(|error| unstarted(&error))?;
        match status.code() {
            Some(0) => Ok(()),
            code => {
                let code = code.and_then(|code| u8::try_from(code).ok());
                Err(Failure::quiet(code.unwrap_or(exit::INTERRUPTED)))
            }
        }
    }
}

fn unstarted(error: &io::Error) -> Failure {
    let what = format!("cannot start {AWS_HELPER}: {error}");
    Failure::new(exit::UNEXPECTED, what)
}

fn executable() -> Result<PathBuf, Failure> {
    let found = programs::beside(AWS_HELPER).map_err(|distrust| {
        let what = format!("the {AWS_HELPER} beside quiltctl is not started: {distrust}");
        Failure::new(exit::UNEXPECTED, what).hint(distrust.remedy())
    })?;
    found.ok_or_else(|| {
        let what = format!("{AWS_HELPER} is not beside quiltctl: install it as that was");
        Failure::new(exit::UNEXPECTED, what).hint(programs::look_beside())
    })
}
