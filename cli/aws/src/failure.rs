//! How a run ends: quiltctl's exit codes, and one line on stderr.

use std::fmt::Display;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::ExitCode;

use aws_sdk_athena::config::http::HttpResponse;
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};
use quilt_client::Error;
use quilt_network::Origin;
use quilt_proto::suggested_command::{Command, sentence};
use quilt_proto::{NetworkFailure, Problem, Quoted, Reason, exit_code, quoted, terminal_safe};

/// Shows as whom AWS is asked.
const WHO: &str = "aws sts get-caller-identity";

const HELP: &str = "quiltctl --help";

/// Shows where AWS's files name places of its services.
const WHERE: &str = "grep -n endpoint_url \"${AWS_CONFIG_FILE:-$HOME/.aws/config}\"";

/// Why it did not come about.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    what: String,
    hint: Command,
}

impl Failure {
    pub(crate) fn new(code: u8, what: impl Display, hint: impl Into<Command>) -> Self {
        Self {
            code,
            what: what.to_string(),
            hint: hint.into(),
        }
    }

    pub(crate) fn unexpected(what: impl Display) -> Self {
        Self::new(exit_code::UNEXPECTED, what, "quiltctl status")
    }

    pub(crate) fn input(what: impl Display) -> Self {
        Self::new(exit_code::INPUT, what, HELP)
    }

    /// What AWS answered, or that it did not. Only its code and message: the
    /// rest of an answer may hold a secret.
    pub(crate) fn aws<E>(what: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if let Some((failure, origin)) = quilt_network::aws::failure(error) {
            let whom = origin
                .as_ref()
                .map_or("AWS".to_owned(), ToString::to_string);
            let hint = match failure.kind() {
                NetworkFailure::PlainHttp => unset(origin.as_ref()),
                _ => failure.remedy(origin.as_ref()),
            };
            let line = format!("{what}: {whom} {failure}");
            return Self::new(exit_code::UPSTREAM, line, hint);
        }
        let Some(service) = error.as_service_error() else {
            let reason = match error {
                SdkError::ConstructionFailure(_) => "there are no AWS credentials".to_owned(),
                SdkError::TimeoutError(_) => "AWS did not answer in time".to_owned(),
                // Never from an answer: neither credentials nor connection got that far.
                SdkError::DispatchFailure(_) => causes(error).to_string(),
                _ => "AWS gave an answer that is not its own".to_owned(),
            };
            let line = format!("{what}: {reason}");
            return Self::new(exit_code::UPSTREAM, line, WHO);
        };
        let kind = service.code().unwrap_or("an error");
        let message = Reason::theirs_or(service.message().map(Quoted::new), "no reason given");
        let code = match kind {
            "ResourceNotFoundException" => exit_code::NOT_FOUND,
            "InvalidRequestException" | "InvalidParameterException" | "ValidationException" => {
                exit_code::INPUT
            }
            kind if kind.contains("Internal") || kind.contains("Throttl") => exit_code::UPSTREAM,
            _ => exit_code::REFUSED,
        };
        let line = format!("{what}: AWS answered {}: {message}", quoted::name(kind));
        Self::new(code, line, WHO)
    }
}

/// What lies behind an error, the outermost first.
fn causes(error: &dyn std::error::Error) -> Quoted {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    Quoted::new(&causes.join(": "))
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let hint = error.remedy().unwrap_or_else(|| HELP.into());
        Self::new(error.exit_code(), error, hint)
    }
}

/// What has `place` not asked in the clear: not to name it.
fn unset(place: Option<&Origin>) -> Command {
    let names = place
        .map(quilt_network::variables_naming)
        .unwrap_or_default();
    if names.is_empty() {
        return WHERE.into();
    }
    names.iter().fold("unset".into(), Command::operand)
}

/// Reports the end of the program, as quiltctl would.
pub(crate) fn finish(result: Result<(), Failure>, json: bool) -> ExitCode {
    let Err(Failure { code, what, hint }) = result else {
        return ExitCode::SUCCESS;
    };
    if json {
        let (status, kind) = exit_code::as_problem(code);
        let mut problem = Problem::new(status, kind, one_line(&what));
        problem.hint = Some(hint);
        if let Ok(document) = serde_json::to_string(&problem) {
            remark(&terminal_safe::json_for_terminal(&document));
        }
        return ExitCode::from(code);
    }
    remark(&format!(
        "quiltctl: {}",
        sentence(&one_line(&what), Some(&hint))
    ));
    ExitCode::from(code)
}

/// Says something to the person in front of the terminal.
pub(crate) fn note(text: impl Display) {
    remark(&one_line(&text.to_string()));
}

/// That nobody can read it changes nothing.
fn remark(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Writes the result to stdout.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    match writeln!(io::stdout(), "{text}") {
        // A reader that went away is no error worth a word.
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            let what = format!("cannot write the result: {error}");
            Err(Failure::new(exit_code::UNEXPECTED, what, "df -h"))
        }
        _ => Ok(()),
    }
}

/// Text that may come from elsewhere, on one line, harmless to a terminal.
pub(crate) fn one_line(text: &str) -> String {
    terminal_safe::error_line(text)
}

/// JSON as it is, but for a terminal, which it must not steer.
pub(crate) fn shown_json(json: String) -> String {
    if io::stdout().is_terminal() {
        terminal_safe::json_for_terminal(&json)
    } else {
        json
    }
}
