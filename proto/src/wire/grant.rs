//! Grants, and what they are exchanged for.

use serde::{Deserialize, Serialize};

use crate::{CatalogUrl, ProfileName, Secret, Timestamp};

/// `POST /v1/aws/grants`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct GrantRequest {
    /// Whose credentials; the stack's own where none is named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<ProfileName>,
    /// How long the grant lives, in seconds, up to a week; an hour where
    /// nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl_seconds: Option<u32>,
    /// Instead: as long as the calling process runs, also after it became
    /// another program (execve).
    #[serde(default)]
    pub while_running: bool,
    /// Fail when there are no credentials to hand out now.
    #[serde(default)]
    pub ready: bool,
}

/// A new grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Grant {
    /// Its name, by which it is revoked.
    pub id: String,
    /// For `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
    pub uri: String,
    /// For `AWS_CONTAINER_AUTHORIZATION_TOKEN`. Never shown again.
    pub token: Secret,
    /// For `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`: a file with the token and
    /// no newline, there for as long as a grant that lives with a process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_file: Option<String>,
    /// When it ends; one that lives with a process is renewed until then.
    pub expires_at: Timestamp,
    /// The profile's AWS region, where known.
    #[serde(default)]
    pub region: Option<String>,
    /// The catalog whose credentials it opens, whichever is the default one later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_url: Option<CatalogUrl>,
}

/// What a grant opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum GrantKind {
    /// A profile's credentials.
    Credentials,
    /// A catalog's registry.
    Registry,
}

/// A grant in the status; never its token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct GrantStatus {
    /// Its name.
    pub id: String,
    /// What it opens.
    pub kind: GrantKind,
    /// Of which catalog.
    pub catalog_url: CatalogUrl,
    /// Of which profile, where it is for credentials.
    #[serde(default)]
    pub profile: Option<ProfileName>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it ends.
    pub expires_at: Timestamp,
    /// When it was last used.
    #[serde(default)]
    pub last_used_at: Option<Timestamp>,
    /// The process it lives with.
    #[serde(default)]
    pub pid: Option<u32>,
    /// Whether what makes API keys, or makes or ends logins, is kept back.
    #[serde(default)]
    pub without_api_keys: bool,
}

/// What a container credentials endpoint answers (AWS SDKs and Tools Reference
/// Guide, "Container credential provider").
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct ContainerCredentials {
    /// Identifies them.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: Secret,
    /// Goes with every request.
    pub token: Secret,
    /// When they stop working.
    pub expiration: Timestamp,
}

/// `GET /v1/aws/console`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ConsoleUrl {
    /// Signs in whoever opens it within 15 minutes.
    pub url: Secret,
    /// When the session in the console ends.
    pub expires_at: Timestamp,
}
