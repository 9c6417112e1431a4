//! How a command ends: an exit code and at most one line on stderr.

use std::fmt;

use quilt_client::Error;
use quilt_proto::locations::NoHome;
use quilt_proto::suggested_command::{Command, clause, sentence};
use quilt_proto::{ApiKeySecret, CatalogUrl, ErrorCode, Problem, RegistryHost, terminal_safe};

pub(crate) use quilt_proto::exit_code::{
    DAEMON, INPUT, LOGIN, NOT_FOUND, REFUSED, UNEXPECTED, USAGE,
};

/// `doctor` found something that keeps programs from their credentials.
pub(crate) const UNWELL: u8 = UNEXPECTED;
/// `exec` found the program but cannot run it, as shells say it.
pub(crate) const NOT_RUNNABLE: u8 = 126;
/// `exec` found no program, as shells say it.
pub(crate) const NO_PROGRAM: u8 = 127;
/// Ended by Ctrl-C, as shells count it.
pub(crate) const INTERRUPTED: u8 = 130;

/// Why a command did not do what it was asked: what failed, then what to run.
#[derive(Debug, Default)]
pub(crate) struct Failure {
    code: u8,
    what: Option<String>,
    hint: Option<Command>,
    /// What the daemon said, as it said it.
    problem: Option<Box<Problem>>,
    /// The catalog it is about, where that is not the one of every command.
    pub(crate) catalog: Option<String>,
}

impl Failure {
    /// A failure with a line for the user.
    pub(crate) fn new(code: u8, what: impl fmt::Display) -> Self {
        Self {
            what: Some(what.to_string()),
            ..Self::quiet(code)
        }
    }

    /// A failure that says nothing.
    pub(crate) fn quiet(code: u8) -> Self {
        Self {
            code,
            ..Self::default()
        }
    }

    /// The same failure with the command that mends it.
    pub(crate) fn hint(self, command: impl Into<Command>) -> Self {
        let hint = Some(command.into());
        Self { hint, ..self }
    }

    /// The same failure with another command that mends it, where there is one.
    pub(crate) fn hint_if(self, command: Option<Command>) -> Self {
        let hint = command.or(self.hint);
        Self { hint, ..self }
    }

    /// The same failure; `command` mends it if nothing better is named.
    pub(crate) fn or_hint(self, command: impl FnOnce() -> Command) -> Self {
        match (&self.what, &self.hint) {
            (Some(_), None) => self.hint(command()),
            _ => self,
        }
    }

    /// The same failure, which also says what there is to choose from.
    pub(crate) fn with_choice(self, of: &str) -> Self {
        let what = self.what.map(|what| format!("{}; {of}", clause(what)));
        Self { what, ..self }
    }

    /// The same failure of a login by a key that nobody types: where one would be
    /// typed, that login is run once more.
    pub(crate) fn untyped(self, again: Command) -> Self {
        const TYPED: &str = "quiltctl login --api-key";
        let is_typed = |hint: &Command| {
            let line = hint.to_string();
            let rest = line.strip_prefix(TYPED);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(' '))
        };
        let is_typed = self.hint.as_ref().is_some_and(is_typed);
        self.hint_if(is_typed.then_some(again))
    }

    /// The same failure of what was for `catalog`: so is what it names to run.
    pub(crate) fn about(self, catalog: Option<&str>) -> Self {
        let catalog = catalog.map(str::to_owned).or(self.catalog);
        Self { catalog, ..self }
    }

    /// What to run.
    pub(crate) fn advice(&self) -> Option<&Command> {
        self.hint.as_ref()
    }

    /// What failed, and what to run.
    pub(crate) fn apart(self) -> (String, Option<Command>) {
        (self.what.unwrap_or_default(), self.hint)
    }

    /// What failed.
    pub(crate) fn what(&self) -> &str {
        self.what.as_deref().unwrap_or_default()
    }

    /// The host that has to be agreed to as the registry's, where that is why it
    /// failed.
    pub(crate) fn registry_host(&self) -> Option<&RegistryHost> {
        let problem = self.problem_of(&ErrorCode::RegistryChanged)?;
        problem.registry_host.as_ref()
    }

    /// The catalog that the one named says it is, where that is why it failed.
    pub(crate) fn other_catalog(&self) -> Option<&CatalogUrl> {
        let problem = self.problem_of(&ErrorCode::OtherCatalog)?;
        problem.catalog_url.as_deref()
    }

    fn problem_of(&self, code: &ErrorCode) -> Option<&Problem> {
        self.problem.as_deref().filter(|said| said.code == *code)
    }

    /// The failure as the API says one.
    pub(crate) fn problem(&self) -> Problem {
        let own = || {
            let (status, code) = kind(self.code);
            Problem::new(status, code, "")
        };
        let mut problem = self.problem.as_deref().cloned().unwrap_or_else(own);
        problem.detail = terminal_safe::error_line(self.what());
        problem.hint.clone_from(&self.hint);
        problem
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = terminal_safe::error_line(self.what());
        f.write_str(&sentence(&what, self.hint.as_ref()))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => Self::from(*problem),
            error => Self::new(error.exit_code(), &error).hint_if(error.remedy()),
        }
    }
}

/// Whether a text looks like a key or a token.
pub(crate) fn may_be_secret(text: &str) -> bool {
    ApiKeySecret::is_like_or_token(text)
}

impl From<NoHome> for Failure {
    fn from(error: NoHome) -> Self {
        Self::new(UNEXPECTED, error).hint(error.hint())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let failure = Self::new(problem.code.exit_code(), &problem.detail);
        Self {
            hint: problem.remedy(),
            problem: Some(Box::new(problem)),
            ..failure
        }
    }
}

/// The HTTP status and the code that stand for an exit code, where the failure
/// is this program's own.
fn kind(exit: u8) -> (u16, ErrorCode) {
    let own = |name: &str| ErrorCode::Unknown(name.to_owned());
    match exit {
        NOT_RUNNABLE => (422, own("not_runnable")),
        NO_PROGRAM => (404, own("no_program")),
        exit => quilt_proto::exit_code::as_problem(exit),
    }
}

#[cfg(test)]
mod tests;
