//! AWS credentials.

use serde::{Deserialize, Serialize};

use crate::{Secret, Timestamp};

/// The document of the AWS SDKs' `credential_process` contract (AWS SDKs and
/// Tools Reference Guide, "Process credential provider"), version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "PascalCase")]
pub struct CredentialProcess {
    /// Always 1.
    pub version: CredentialProcessVersion,
    /// Identifies the credentials; not secret by itself.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: Secret,
    /// Goes with every request.
    pub session_token: Secret,
    /// When AWS stops accepting them.
    pub expiration: Timestamp,
}

/// The only version of the document there is, `1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CredentialProcessVersion;

impl Serialize for CredentialProcessVersion {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u8(1)
    }
}

impl<'de> Deserialize<'de> for CredentialProcessVersion {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u8::deserialize(deserializer)? {
            1 => Ok(Self),
            _ => Err(serde::de::Error::custom(
                "unsupported credential_process version",
            )),
        }
    }
}
