//! Which local process got what, when.

use serde::{Deserialize, Serialize};

use crate::Timestamp;

/// A line of the audit log, and of `GET /v1/audit`. Never a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditEntry {
    /// When; for repeats, the last of them.
    pub time: Timestamp,
    /// What was asked for: `token`, `credentials`, `login`, `logout`, …
    pub action: String,
    /// `ok`, or the error's code.
    pub outcome: String,
    /// Of which catalog, where one was named or configured.
    pub catalog_url: Option<String>,
    /// Of which profile, for what has one.
    pub profile: Option<String>,
    /// The grant it was asked for with, where it was over loopback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant_id: Option<String>,
    /// Method and path of a request that was carried to the registry, and what
    /// a GraphQL request asks for (`POST /graphql mutation apiKeyCreate`); what
    /// is long is cut.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// The process that wanted it; for repeats, the last of them.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
    /// The program it ran, where the system tells: the one that wanted it,
    /// whether it asked itself or through `quiltctl` and shells.
    #[serde(alias = "executable")]
    pub program: Option<String>,
    /// The name of the script it ran, where that is an interpreter
    /// (`train.py`), without its folder and arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<String>,
    /// How many equal events this line stands for.
    pub count: u64,
}

/// Why the audit log does not know all that a request to the registry asked
/// for. These are the log's own words at the end of
/// [`AuditEntry::request`], in parentheses; all else there is of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ambiguity {
    /// Not by GET or POST.
    #[error("its method is none of GraphQL's")]
    Method,
    /// Something beside the document that may change what is run.
    #[error("its address says something, too")]
    Address,
    /// Not JSON, or not in UTF-8.
    #[error("its content type is not JSON in UTF-8")]
    ContentType,
    /// Not what the content type says.
    #[error("it is not JSON")]
    Syntax,
    /// JSON, but no request.
    #[error("it holds what no request of GraphQL does")]
    Shape,
    /// Readers differ in which one they take.
    #[error("it says something twice")]
    Twice,
    /// The registry is to know the document from before.
    #[error("it names a document instead of holding it")]
    NoDocument,
    /// Not a document that can be run.
    #[error("its document cannot be read")]
    Document,
    /// Which operation is to be run?
    #[error("it does not say which operation to run")]
    WhichOperation,
    /// More than anybody needs.
    #[error("it is too large to be read")]
    TooLarge,
}

impl Ambiguity {
    /// Each there is.
    pub const ALL: [Self; 10] = [
        Self::Method,
        Self::Address,
        Self::ContentType,
        Self::Syntax,
        Self::Shape,
        Self::Twice,
        Self::NoDocument,
        Self::Document,
        Self::WhichOperation,
        Self::TooLarge,
    ];

    /// What is written of a request, and what is added to it in words of the
    /// log's own. Nothing that a request says has a blank in it, so that it
    /// cannot pass for these.
    pub fn apart(request: &str) -> (&str, Option<Self>) {
        let mut all = Self::ALL.into_iter();
        let found = all.find_map(|own| {
            let said = request.strip_suffix(&format!(" ({own})"))?;
            Some((said, Some(own)))
        });
        found.unwrap_or((request, None))
    }
}

impl AuditEntry {
    /// The outcome of what went well.
    pub const OK: &str = "ok";

    /// Whether it went well.
    pub fn is_ok(&self) -> bool {
        self.outcome == Self::OK
    }
}
