//! The codes of errors, with the name on the wire and the exit code of each.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::exit_code;

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
    (ErrorCode::LoginRequired, "login_required", exit_code::LOGIN),
    (
        ErrorCode::SessionExpired,
        "session_expired",
        exit_code::LOGIN,
    ),
    (
        ErrorCode::InvalidApiKey,
        "invalid_api_key",
        exit_code::REFUSED,
    ),
    (
        ErrorCode::StackUnreachable,
        "stack_unreachable",
        exit_code::UPSTREAM,
    ),
    (
        ErrorCode::StackInvalid,
        "stack_invalid",
        exit_code::UPSTREAM,
    ),
    (ErrorCode::StackRefused, "stack_refused", exit_code::REFUSED),
    (
        ErrorCode::AwsUnreachable,
        "aws_unreachable",
        exit_code::UPSTREAM,
    ),
    (ErrorCode::AwsInvalid, "aws_invalid", exit_code::UPSTREAM),
    (ErrorCode::AwsRefused, "aws_refused", exit_code::REFUSED),
    (ErrorCode::NotFound, "not_found", exit_code::NOT_FOUND),
    (ErrorCode::InvalidInput, "invalid_input", exit_code::INPUT),
    (
        ErrorCode::RegistryChanged,
        "registry_changed",
        exit_code::REFUSED,
    ),
    (ErrorCode::OtherCatalog, "other_catalog", exit_code::REFUSED),
    (ErrorCode::Denied, "denied", exit_code::REFUSED),
    (ErrorCode::ClockSkew, "clock_skew", exit_code::UNEXPECTED),
    (
        ErrorCode::StoreFailed,
        "store_failed",
        exit_code::UNEXPECTED,
    ),
    (ErrorCode::Busy, "busy", exit_code::REFUSED),
    (ErrorCode::Internal, "internal", exit_code::UNEXPECTED),
];

impl ErrorCode {
    /// The name on the wire.
    pub fn as_str(&self) -> &str {
        if let Self::Unknown(name) = self {
            return name;
        }
        self.row().map_or("internal", |(_, name, _)| name)
    }

    /// The exit code of `quiltctl` for this error.
    pub fn exit_code(&self) -> u8 {
        self.row().map_or(exit_code::UNEXPECTED, |(.., exit)| *exit)
    }

    fn row(&self) -> Option<&'static (Self, &'static str, u8)> {
        CODES.iter().find(|(code, ..)| code == self)
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
}
