//! How a run ends: quiltctl's exit codes, and one line on stderr.

use std::fmt::Display;
use std::process::ExitCode;

use aws_sdk_athena::config::http::HttpResponse;
use aws_sdk_athena::error::{ProvideErrorMetadata, SdkError};
use quilt_client::Error;

/// The most characters of a line.
const MAX_LINE: usize = 1000;

/// The most characters of a reason, so that the command to run fits as well.
const MAX_REASON: usize = 300;

/// Why it did not come about.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    line: String,
}

impl Failure {
    pub(crate) fn new(code: u8, what: impl Display, run: &str) -> Self {
        let line = format!("{what}; run: {run}");
        Self { code, line }
    }

    pub(crate) fn unexpected(what: impl Display) -> Self {
        Self::new(1, what, "quiltctl status")
    }

    pub(crate) fn input(what: impl Display) -> Self {
        Self::new(8, what, "quiltctl --help")
    }

    /// What AWS answered, or that it did not. Only its code and message: the
    /// rest of an answer may hold a secret.
    pub(crate) fn aws<E>(what: &str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let Some(service) = error.as_service_error() else {
            let reason = match error {
                SdkError::ConstructionFailure(_) => "there are no AWS credentials".to_owned(),
                SdkError::TimeoutError(_) => "AWS did not answer in time".to_owned(),
                // Never from an answer: neither credentials nor connection got that far.
                SdkError::DispatchFailure(_) => causes(error),
                _ => "AWS gave an answer that is not its own".to_owned(),
            };
            return Self::new(
                5,
                format!("{what}: {reason}"),
                "aws sts get-caller-identity",
            );
        };
        let kind = service.code().unwrap_or("an error");
        let message = service.message().unwrap_or("no reason given");
        let code = match kind {
            "ResourceNotFoundException" => 7,
            "InvalidRequestException" | "InvalidParameterException" | "ValidationException" => 8,
            kind if kind.contains("Internal") || kind.contains("Throttl") => 5,
            _ => 6,
        };
        let line = format!("{what}: AWS answered {kind}: {message}");
        Self::new(code, line, "aws sts get-caller-identity")
    }
}

/// What lies behind an error, the outermost first.
fn causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |error| error.source());
    let causes: Vec<String> = causes.map(ToString::to_string).collect();
    one_line(&causes.join(": "))
        .chars()
        .take(MAX_REASON)
        .collect()
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Problem(problem) => {
                let run = problem.hint.as_deref().unwrap_or("quiltctl status");
                Self::new(problem.code.exit_code(), &problem.detail, run)
            }
            error => Self::new(4, error, "quiltctl daemon start"),
        }
    }
}

/// Reports the end of the program, as quiltctl would.
#[expect(clippy::print_stderr, reason = "the one place errors are printed")]
pub(crate) fn finish(result: Result<(), Failure>) -> ExitCode {
    let Err(Failure { code, line }) = result else {
        return ExitCode::SUCCESS;
    };
    eprintln!("quiltctl: {}", one_line(&line));
    ExitCode::from(code)
}

/// Says something to the person in front of the terminal.
#[expect(clippy::print_stderr, reason = "the one place remarks are printed")]
pub(crate) fn note(text: impl Display) {
    eprintln!("{}", one_line(&text.to_string()));
}

/// Text that may come from elsewhere, on one line, harmless to a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ").chars().take(MAX_LINE).collect()
}
