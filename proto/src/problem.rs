//! Errors on the wire: RFC 9457 problem details with a stable code ([`ErrorCode`]).

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::suggested_command::{self, Command};
use crate::{CatalogUrl, ErrorCode, NetworkFailure, RegistryHost, terminal_safe};

/// An error body, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[error("{}", suggested_command::sentence(&shown(detail), hint.as_ref()))]
pub struct Problem {
    /// A URI naming the kind of problem: `urn:quiltd:error:<code>`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words, the same for every occurrence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// This occurrence in one line.
    pub detail: String,
    /// The stable code.
    pub code: ErrorCode,
    /// The command that mends it, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub hint: Option<Command>,
    /// With `registry_changed`: the host to agree to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_host: Option<RegistryHost>,
    /// With `other_catalog`: the catalog it says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_url: Option<Box<CatalogUrl>>,
    /// With `stack_unreachable` and `aws_unreachable`: what kept the request
    /// from its answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<NetworkFailure>,
}

impl Problem {
    /// The media type of error bodies.
    pub const MEDIA_TYPE: &str = "application/problem+json";

    /// A problem whose title and type follow from its code.
    pub fn new(status: u16, code: ErrorCode, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("urn:quiltd:error:{code}"),
            title: code.as_str().replace('_', " "),
            status,
            detail: detail.into(),
            code,
            hint: None,
            registry_host: None,
            catalog_url: None,
            network: None,
        }
    }

    /// The same problem with the command that mends it.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<Command>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What to run: what the daemon named, or else what is usual for the code.
    /// Wrong input is for the help of whatever was run.
    pub fn remedy(&self) -> Option<Command> {
        let usual = || match self.code {
            ErrorCode::LoginRequired | ErrorCode::SessionExpired => Some("quiltctl login"),
            ErrorCode::InvalidInput => None,
            _ => Some("quiltctl status"),
        };
        self.hint.clone().or_else(|| usual().map(Command::of))
    }
}

/// A detail as it is shown: it may have come over a socket from anybody.
fn shown(detail: &str) -> Cow<'_, str> {
    if detail.contains(char::is_control) {
        terminal_safe::one_line(detail, MAX_DETAIL, MAX_DETAIL).into()
    } else {
        detail.into()
    }
}

/// The longest detail that is shown where it has to be cleaned, in bytes.
const MAX_DETAIL: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_from_anybody_reads_as_one_line() {
        let text = r#"{"type":"x","title":"y","status":599,"code":"z",
            "detail":"a\nb\u001b[31m","hint":"c\nd"}"#;
        let problem: Problem = serde_json::from_str(text).unwrap();
        let line = problem.to_string();
        assert!(!line.contains(char::is_control), "{line:?}");
        assert!(line.starts_with("a b"), "{line:?}");
    }

    #[test]
    fn a_problem_reads_as_one_line() {
        let problem = Problem::new(
            401,
            ErrorCode::LoginRequired,
            "not logged in to https://x.example",
        )
        .with_hint("quiltctl login");
        assert_eq!(
            problem.to_string(),
            "not logged in to https://x.example; run: quiltctl login"
        );
        assert_eq!(problem.kind, "urn:quiltd:error:login_required");
        assert_eq!(problem.code.exit_code(), 3);
    }
}
