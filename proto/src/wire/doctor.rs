//! What is wrong, and what mends it.

use serde::{Deserialize, Serialize};

use super::FindingCode;
use crate::suggested_command::{self, Command};

/// `GET /v1/doctor`: how the daemon, and all it depends on, is doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Diagnosis {
    /// What is wrong.
    pub findings: Vec<Finding>,
    /// What was seen to work, one line each.
    pub proven: Vec<String>,
    /// The daemon's settings file, as the daemon names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<String>,
}

/// One thing that is wrong.
#[derive(Clone, Debug, derive_more::Display, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[display("{}", suggested_command::sentence(summary, Some(hint)))]
pub struct Finding {
    /// What kind of thing, stable across versions: a [`FindingCode`] of the
    /// version that found it.
    pub code: String,
    /// How bad.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub summary: String,
    /// The command that mends it.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub hint: Command,
}

/// How bad something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Programs get no credentials, or not those of quiltd.
    Error,
    /// It works, or will for a while; somebody may be surprised.
    Warning,
}

impl Finding {
    /// Whether it is of this kind.
    pub fn is(&self, code: impl Into<FindingCode>) -> bool {
        self.code == code.into().as_str()
    }

    /// Something that keeps programs from quiltd's credentials.
    pub fn error(
        code: impl Into<FindingCode>,
        summary: impl Into<String>,
        hint: impl Into<Command>,
    ) -> Self {
        Self {
            code: code.into().as_str().to_owned(),
            severity: Severity::Error,
            summary: summary.into(),
            hint: hint.into(),
        }
    }

    /// Something that may surprise.
    pub fn warning(
        code: impl Into<FindingCode>,
        summary: impl Into<String>,
        hint: impl Into<Command>,
    ) -> Self {
        Self {
            severity: Severity::Warning,
            ..Self::error(code, summary, hint)
        }
    }
}
