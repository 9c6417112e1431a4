//! How a command ends: an exit code and at most one line on stderr.

use std::fmt;
use std::io::ErrorKind;
use std::process::ExitCode;

use quilt_client::Error;
use quilt_proto::command::{Command, sentence};
use quilt_proto::{CatalogUrl, ErrorCode, Problem, RegistryHost};

use crate::output;

/// Something this program did not expect.
pub(crate) const UNEXPECTED: u8 = 1;
/// `doctor` found something that keeps programs from their credentials.
pub(crate) const UNWELL: u8 = 1;
/// The command line is wrong.
pub(crate) const USAGE: u8 = 2;
/// A login is needed.
pub(crate) const LOGIN: u8 = 3;
/// The daemon does not answer.
pub(crate) const DAEMON: u8 = 4;
/// The input cannot be used.
pub(crate) const INPUT: u8 = 8;
/// The thing named does not exist.
pub(crate) const NOT_FOUND: u8 = 7;
/// `exec` found the program but cannot run it, as shells say it.
pub(crate) const NOT_RUNNABLE: u8 = 126;
/// `exec` found no program, as shells say it.
pub(crate) const NO_PROGRAM: u8 = 127;
/// Ended by Ctrl-C, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked: what failed, then what to run.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: Option<String>,
    hint: Option<Command>,
    /// What the user may agree to, so that it does not fail.
    question: Option<Question>,
}

/// What somebody at a terminal can be asked.
#[derive(Debug)]
enum Question {
    /// Whether this is the registry.
    Registry(RegistryHost),
    /// Whether it shall be this catalog.
    Catalog(CatalogUrl),
}

impl Failure {
    /// A failure with a line for the user.
    pub(crate) fn new(code: u8, what: impl fmt::Display) -> Self {
        Self {
            code,
            what: Some(what.to_string()),
            hint: None,
            question: None,
        }
    }

    /// A failure that says nothing.
    pub(crate) fn quiet(code: u8) -> Self {
        Self {
            code,
            what: None,
            hint: None,
            question: None,
        }
    }

    /// The same failure with the command that mends it.
    pub(crate) fn hint(self, command: impl Into<Command>) -> Self {
        let hint = Some(command.into());
        Self { hint, ..self }
    }

    /// The same failure; `command` mends it if nothing better is named.
    pub(crate) fn or_hint(self, command: impl FnOnce() -> Command) -> Self {
        match (&self.what, &self.hint) {
            (Some(_), None) => self.hint(command()),
            _ => self,
        }
    }

    /// What failed, and what to run.
    pub(crate) fn apart(self) -> (String, Option<Command>) {
        (self.what.unwrap_or_default(), self.hint)
    }

    /// What failed.
    pub(crate) fn what(&self) -> &str {
        self.what.as_deref().unwrap_or_default()
    }

    /// The host that has to be agreed to as the registry's.
    pub(crate) fn registry_host(&self) -> Option<&RegistryHost> {
        match &self.question {
            Some(Question::Registry(host)) => Some(host),
            _ => None,
        }
    }

    /// The catalog that the one named says it is.
    pub(crate) fn other_catalog(&self) -> Option<&CatalogUrl> {
        match &self.question {
            Some(Question::Catalog(catalog)) => Some(catalog),
            _ => None,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = self.what.as_deref().unwrap_or_default();
        f.write_str(&sentence(&output::one_line(what), self.hint.as_ref()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => Self::from(*problem),
            Error::InvalidAnswer(_) => Self::new(UNEXPECTED, error).hint("quiltctl daemon restart"),
            Error::ForeignSocket { uid, .. } => {
                // Root with the home of a user is to be that user.
                let hint = quilt_trust::as_owner(uid);
                let hint = hint.unwrap_or_else(|| "quiltctl --socket PATH daemon start".into());
                Self::new(DAEMON, error).hint(hint)
            }
            Error::Unreachable { ref source, .. }
                if source.kind() == ErrorKind::InvalidFilename =>
            {
                let hint = "quiltctl --socket \"$HOME/.quilt/quiltd.sock\" daemon start";
                Self::new(DAEMON, error).hint(hint)
            }
            Error::Stopped { pid } => {
                Self::new(DAEMON, error).hint(Command::of("kill -CONT").operand(pid))
            }
            error if error.is_absent() => Self::new(DAEMON, error).hint("quiltctl daemon start"),
            error => Self::new(DAEMON, error).hint("quiltctl daemon restart"),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let hint = default_hint(&problem.code).map(Command::of);
        let question = match problem.code {
            ErrorCode::RegistryChanged => problem.registry_host.map(Question::Registry),
            ErrorCode::OtherCatalog => problem.catalog_url.map(|url| Question::Catalog(*url)),
            _ => None,
        };
        Self {
            hint: problem.hint.or(hint),
            question,
            ..Self::new(problem.code.exit_code(), problem.detail)
        }
    }
}

/// What mends an error for which the daemon named nothing. Wrong input is for
/// the help of the command that was run.
fn default_hint(code: &ErrorCode) -> Option<&'static str> {
    match code {
        ErrorCode::LoginRequired | ErrorCode::SessionExpired => Some("quiltctl login"),
        ErrorCode::InvalidInput => None,
        _ => Some("quiltctl status"),
    }
}

/// Reports the end of the program.
pub(crate) fn finish(result: Result<(), Failure>) -> ExitCode {
    let Err(failure) = result else {
        return ExitCode::SUCCESS;
    };
    if failure.what.is_some() {
        output::remark(&format!("quiltctl: {failure}\n"));
    }
    ExitCode::from(failure.code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_of_the_daemon_names_a_command() {
        for code in ErrorCode::all() {
            let exit = code.exit_code();
            let failure = Failure::from(Problem::new(400, code, "it failed\n\u{1b}[31mred"))
                .or_hint(|| "quiltctl x --help".into());
            assert_eq!(failure.code(), exit);
            let line = failure.to_string();
            assert!(
                line.starts_with("it failed [31mred; run: quiltctl "),
                "{line}"
            );
        }
    }
}
