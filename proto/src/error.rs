//! Errors on the wire: RFC 9457 problem details with a stable code.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::command::{self, Command};
use crate::{CatalogUrl, NetworkFailure, RegistryHost, quoted};

/// What went wrong, stable across versions. A code this version does not know
/// is kept as [`ErrorCode::Unknown`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Nobody is logged in to the catalog.
    LoginRequired,
    /// The stack no longer accepts the session.
    SessionExpired,
    /// The stack does not accept the API key.
    InvalidApiKey,
    /// The stack did not answer, or answered 5xx.
    StackUnreachable,
    /// The stack answered with something that is not its protocol.
    StackInvalid,
    /// The stack understood and said no.
    StackRefused,
    /// AWS did not answer, or answered 5xx.
    AwsUnreachable,
    /// AWS, or whatever stands in its place, answered with something that is
    /// not its protocol.
    AwsInvalid,
    /// AWS understood and said no.
    AwsRefused,
    /// The thing named does not exist.
    NotFound,
    /// The caller sent something unusable; nothing was changed.
    InvalidInput,
    /// The catalog names another registry than before, and the user has not
    /// agreed to it. Nothing was sent there.
    RegistryChanged,
    /// The catalog says that it is another one.
    OtherCatalog,
    /// The daemon does not serve this caller or this request.
    Denied,
    /// The machine's clock is wrong: fresh credentials arrive already expired.
    ClockSkew,
    /// The token store could not be read or written.
    StoreFailed,
    /// Too much was asked at once; the same request will do in a moment.
    Busy,
    /// A bug or a broken machine.
    Internal,
    /// A code of a newer version.
    Unknown(String),
}

/// Every code with its wire name and the `quiltctl` exit code it leads to.
const CODES: &[(ErrorCode, &str, u8)] = &[
    (ErrorCode::LoginRequired, "login_required", 3),
    (ErrorCode::SessionExpired, "session_expired", 3),
    (ErrorCode::InvalidApiKey, "invalid_api_key", 6),
    (ErrorCode::StackUnreachable, "stack_unreachable", 5),
    (ErrorCode::StackInvalid, "stack_invalid", 5),
    (ErrorCode::StackRefused, "stack_refused", 6),
    (ErrorCode::AwsUnreachable, "aws_unreachable", 5),
    (ErrorCode::AwsInvalid, "aws_invalid", 5),
    (ErrorCode::AwsRefused, "aws_refused", 6),
    (ErrorCode::NotFound, "not_found", 7),
    (ErrorCode::InvalidInput, "invalid_input", 8),
    (ErrorCode::RegistryChanged, "registry_changed", 6),
    (ErrorCode::OtherCatalog, "other_catalog", 6),
    (ErrorCode::Denied, "denied", 6),
    (ErrorCode::ClockSkew, "clock_skew", 1),
    (ErrorCode::StoreFailed, "store_failed", 1),
    (ErrorCode::Busy, "busy", 6),
    (ErrorCode::Internal, "internal", 1),
];

impl ErrorCode {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        if let Self::Unknown(name) = self {
            return name;
        }
        CODES
            .iter()
            .find(|(code, ..)| code == self)
            .map_or("internal", |(_, name, _)| name)
    }

    /// The exit code of `quiltctl` for this error.
    pub fn exit_code(&self) -> u8 {
        CODES
            .iter()
            .find(|(code, ..)| code == self)
            .map_or(1, |(.., exit)| *exit)
    }

    /// Every code this version knows.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.iter().map(|(code, ..)| code.clone())
    }
}

impl From<&str> for ErrorCode {
    fn from(name: &str) -> Self {
        CODES
            .iter()
            .find(|(_, known, _)| *known == name)
            .map_or_else(|| Self::Unknown(name.to_owned()), |(code, ..)| code.clone())
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// An error body, `application/problem+json` (RFC 9457).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // It may have come over a socket from anybody.
        let clean;
        let detail = if self.detail.contains(char::is_control) {
            clean = quoted::one_line(&self.detail, MAX_DETAIL, MAX_DETAIL);
            &clean
        } else {
            &self.detail
        };
        f.write_str(&command::sentence(detail, self.hint.as_ref()))
    }
}

impl std::error::Error for Problem {}

/// The longest detail that is shown where it has to be cleaned, in bytes.
const MAX_DETAIL: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_round_trip_and_unknown_ones_survive() {
        for code in ErrorCode::all().chain([ErrorCode::Unknown("from_the_future".into())]) {
            let text = serde_json::to_string(&code).unwrap();
            assert_eq!(serde_json::from_str::<ErrorCode>(&text).unwrap(), code);
        }
    }

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
