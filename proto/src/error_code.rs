//! The codes of errors, with the name on the wire and the exit code of each.

use serde::{Deserialize, Serialize};

use crate::exit_code;

macro_rules! codes {
    ($($(#[doc = $meaning:literal])+ $variant:ident = ($name:literal, $exit:ident),)+) => {
        /// What went wrong, stable across versions. A code this version does not know
        /// is kept as [`ErrorCode::Unknown`].
        #[derive(Clone, Debug, derive_more::Display, PartialEq, Eq)]
        #[display("{}", self.as_str())]
        #[non_exhaustive]
        pub enum ErrorCode {
            $($(#[doc = $meaning])+ $variant,)+
            /// A code of a newer version.
            Unknown(String),
        }

        impl ErrorCode {
            const ALL: &[Self] = &[$(Self::$variant,)+];

            /// The name on the wire.
            pub fn as_str(&self) -> &str {
                match self {
                    $(Self::$variant => $name,)+
                    Self::Unknown(name) => name,
                }
            }

            /// The exit code of `quiltctl` for this error.
            pub fn exit_code(&self) -> u8 {
                match self {
                    $(Self::$variant => exit_code::$exit,)+
                    Self::Unknown(_) => exit_code::UNEXPECTED,
                }
            }
        }

        impl From<&str> for ErrorCode {
            fn from(name: &str) -> Self {
                match name {
                    $($name => Self::$variant,)+
                    _ => Self::Unknown(name.to_owned()),
                }
            }
        }
    };
}

codes! {
    /// Nobody is logged in to the catalog.
    LoginRequired = ("login_required", LOGIN),
    /// The stack no longer accepts the session.
    SessionExpired = ("session_expired", LOGIN),
    /// The stack does not accept the API key.
    InvalidApiKey = ("invalid_api_key", REFUSED),
    /// The stack did not answer, or answered 5xx.
    StackUnreachable = ("stack_unreachable", UPSTREAM),
    /// The stack answered with something that is not its protocol.
    StackInvalid = ("stack_invalid", UPSTREAM),
    /// The stack understood and said no.
    StackRefused = ("stack_refused", REFUSED),
    /// AWS did not answer, or answered 5xx.
    AwsUnreachable = ("aws_unreachable", UPSTREAM),
    /// AWS, or whatever stands in its place, answered with something that is
    /// not its protocol.
    AwsInvalid = ("aws_invalid", UPSTREAM),
    /// AWS understood and said no.
    AwsRefused = ("aws_refused", REFUSED),
    /// The thing named does not exist.
    NotFound = ("not_found", NOT_FOUND),
    /// The caller sent something unusable; nothing was changed.
    InvalidInput = ("invalid_input", INPUT),
    /// The catalog names another registry than before, and the user has not
    /// agreed to it. Nothing was sent there.
    RegistryChanged = ("registry_changed", REFUSED),
    /// The catalog says that it is another one.
    OtherCatalog = ("other_catalog", REFUSED),
    /// The daemon does not serve this caller or this request.
    Denied = ("denied", REFUSED),
    /// The machine's clock is wrong: fresh credentials arrive already expired.
    ClockSkew = ("clock_skew", UNEXPECTED),
    /// The token store could not be read or written.
    StoreFailed = ("store_failed", UNEXPECTED),
    /// Too much was asked at once; the same request will do in a moment.
    Busy = ("busy", REFUSED),
    /// A bug or a broken machine.
    Internal = ("internal", UNEXPECTED),
}

impl ErrorCode {
    /// Every code this version knows.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.iter().cloned()
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
