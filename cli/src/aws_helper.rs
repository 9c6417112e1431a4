//! The program for the commands that speak to AWS themselves. The AWS SDKs
//! stay out of this one, which SDKs start thousands of times an hour.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use quilt_proto::api::ReadHealth;
use quilt_proto::locations::{AWS_HELPER, CREDENTIALS_PROGRAM};
use quilt_proto::quoted;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::programs;

/// This program, by the name that survives an upgrade: package managers keep
/// a symlink on the path and replace what it points to. A name that somebody
/// else gave it, or a place where others could put another program, would lead
/// elsewhere one day.
pub(crate) fn program() -> Result<PathBuf, Failure> {
    let exe = env::current_exe().map_err(|error| {
        let what = format!("the place of quiltctl: {error}");
        Failure::new(exit::UNEXPECTED, what).hint("quiltctl setup --help")
    })?;
    let is_this = |path: &PathBuf| fs::canonicalize(path).is_ok_and(|found| found == exe);
    let mut named = programs::on_path("quiltctl").filter(is_this);
    if let Some(path) = named.find(|path| programs::check(path).is_ok()) {
        return Ok(path);
    }
    may_be_written_down(&exe)?;
    Ok(exe)
}

/// What a profile of AWS programs is to run: the small program beside this one,
/// by a name that survives an upgrade as well, else this one.
pub(crate) fn for_profiles() -> Result<PathBuf, Failure> {
    let quiltctl = program()?;
    let small = quiltctl.with_file_name(CREDENTIALS_PROGRAM);
    let is_fit = |program: &Path| program.is_file() && programs::check(program).is_ok();
    // It becomes the quiltctl beside the place where it really is.
    let becomes = fs::canonicalize(&small).map(|small| small.with_file_name("quiltctl"));
    let is_there = is_fit(&small) && becomes.is_ok_and(|quiltctl| is_fit(&quiltctl));
    Ok(if is_there { small } else { quiltctl })
}

/// Passes if a program may be named in a file from which it is run for as long
/// as that stands.
pub(crate) fn may_be_written_down(program: &Path) -> Result<(), Failure> {
    programs::check(program).map_err(|distrust| {
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        let what = format!("{} is not written down: {distrust}", quoted::name(&name));
        Failure::new(exit::UNEXPECTED, what).hint(distrust.remedy())
    })
}

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
