//! How a command ends: an exit code and at most one line on stderr.

use std::env;
use std::fmt;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quilt_client::Error;
use quilt_proto::locations::NoHome;
use quilt_proto::suggested_command::{Command, clause, sentence};
use quilt_proto::{
    ApiKeySecret, CatalogUrl, ErrorCode, Problem, RegistryHost, locations, terminal_safe,
};
use quilt_trust::Distrust;

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
        let hint = match &error {
            Error::Problem(problem) => return Self::from((**problem).clone()),
            Error::InvalidAnswer(_) => {
                return Self::new(UNEXPECTED, error).hint("quiltctl daemon restart");
            }
            Error::ForeignSocket { uid, .. } => {
                // Root with the home of a user is to be that user.
                let home = || quilt_trust::of_others().map(|(_, command)| command);
                let hint = quilt_trust::as_owner(*uid).or_else(home);
                hint.unwrap_or_else(|| "quiltctl --socket PATH daemon start".into())
            }
            Error::Nobody { .. } => Distrust::Nobody.remedy(),
            Error::Unreachable { source, .. } if source.kind() == ErrorKind::InvalidFilename => {
                IN_HOME.into()
            }
            Error::Unreachable { socket, source }
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                past_others(socket)
            }
            Error::Stopped { pid } => Command::of("kill -CONT").operand(pid),
            // Where it was looked for: also where only this call was told of that place.
            Error::Unreachable { socket, .. } if error.is_absent() => {
                Command::to_daemon(Some(socket), "daemon start")
            }
            _ => "quiltctl daemon restart".into(),
        };
        Self::new(DAEMON, error).hint(hint)
    }
}

/// Starts a daemon in a place that is this user's.
const IN_HOME: &str = "quiltctl --socket \"$HOME/.quilt/quiltd.sock\" daemon start";

/// Whether a text looks like a key or a token.
pub(crate) fn may_be_secret(text: &str) -> bool {
    ApiKeySecret::is_like_or_token(text)
}

/// What helps where the way to a socket is closed: another user's daemon serves
/// nobody else, so one's own is needed, or to be that user.
fn past_others(socket: &Path) -> Command {
    let mut places = socket.ancestors();
    let nearest = places.find_map(|place| place.symlink_metadata().ok());
    if let Some(command) = nearest.and_then(|found| quilt_trust::as_owner(found.uid())) {
        return command;
    }
    let others = quilt_trust::of_others().filter(|(home, _)| socket.starts_with(home));
    if let Some((_, command)) = others {
        return command;
    }
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    // As su leaves it.
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|dir| socket.starts_with(dir));
    if is_set(locations::SOCKET_ENV) {
        "unset QUILTD_SOCKET && quiltctl daemon start".into()
    } else if runtime.is_some_and(|dir| !dir.is_empty()) {
        "unset XDG_RUNTIME_DIR && quiltctl daemon start".into()
    } else {
        IN_HOME.into()
    }
}

impl From<NoHome> for Failure {
    fn from(error: NoHome) -> Self {
        Self::new(UNEXPECTED, error).hint(error.hint())
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        let hint = default_hint(&problem.code).map(Command::of);
        let failure = Self::new(problem.code.exit_code(), &problem.detail);
        Self {
            hint: problem.hint.clone().or(hint),
            problem: Some(Box::new(problem)),
            ..failure
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
