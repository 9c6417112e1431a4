//! AWS session credentials, and the documents they are handed out as.

use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use quilt_proto::Timestamp;
use quilt_proto::aws::SessionKeys;
use quilt_proto::wire::{ContainerCredentials, CredentialProcess, CredentialProcessVersion};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::refresh::Expires;
use crate::session::Identity;

/// AWS session credentials, and for whom they were issued. Cheap to clone.
#[derive(Clone)]
pub struct AwsCredentials(Arc<Shared>);

struct Shared {
    keys: SessionKeys,
    /// Who the session was when they were issued.
    identity: Identity,
    /// Each is written once, whoever asks how often.
    process: OnceLock<Bytes>,
    container: OnceLock<Bytes>,
}

impl AwsCredentials {
    pub(super) fn new(keys: SessionKeys, identity: Identity) -> Self {
        Self(Arc::new(Shared {
            keys,
            identity,
            process: OnceLock::new(),
            container: OnceLock::new(),
        }))
    }

    /// Who the session was when they were issued.
    pub fn identity(&self) -> Identity {
        self.0.identity
    }

    /// The document of `credential_process`.
    pub fn process_document(&self) -> Bytes {
        let document = || written(&CredentialProcess::from(self));
        self.0.process.get_or_init(document).clone()
    }

    /// The document of the container credentials protocol.
    pub fn container_document(&self) -> Bytes {
        let document = || written(&ContainerCredentials::from(self));
        self.0.container.get_or_init(document).clone()
    }
}

/// As JSON, wiped with the last answer it is part of.
fn written(document: &impl Serialize) -> Bytes {
    let mut text = Zeroizing::new(Vec::with_capacity(4096));
    // Strings and numbers always serialise.
    let _ = serde_json::to_writer(&mut *text, document);
    // A copy of its own size: what remains is held for as long as it is valid.
    Bytes::from_owner(Zeroizing::new(text.to_vec()))
}

impl Deref for AwsCredentials {
    type Target = SessionKeys;

    fn deref(&self) -> &SessionKeys {
        &self.0.keys
    }
}

impl fmt::Debug for AwsCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.keys.fmt(f)
    }
}

impl Expires for AwsCredentials {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

impl From<&AwsCredentials> for CredentialProcess {
    fn from(credentials: &AwsCredentials) -> Self {
        Self {
            version: CredentialProcessVersion,
            access_key_id: credentials.access_key_id.to_string(),
            secret_access_key: credentials.secret_access_key.secret().clone(),
            session_token: credentials.session_token.secret().clone(),
            expiration: credentials.expires_at,
        }
    }
}

impl From<&AwsCredentials> for ContainerCredentials {
    fn from(credentials: &AwsCredentials) -> Self {
        Self {
            access_key_id: credentials.access_key_id.to_string(),
            secret_access_key: credentials.secret_access_key.secret().clone(),
            token: credentials.session_token.secret().clone(),
            expiration: credentials.expires_at,
        }
    }
}

/// How far this machine's clock may be behind, in seconds.
const SKEW: i64 = 300;

/// Until when credentials are believed that were asked for `seconds`: whoever
/// issued them does not say that they are good for years.
pub(super) fn believed(expires_at: Timestamp, now: Timestamp, seconds: i64) -> Timestamp {
    expires_at.min(now.plus_seconds(seconds.saturating_add(SKEW)))
}

#[cfg(test)]
mod tests {
    use quilt_proto::Secret;

    use super::*;

    fn issued() -> AwsCredentials {
        let keys = SessionKeys {
            access_key_id: "ASIAQUILT0000000000A".parse().unwrap(),
            secret_access_key: Secret::new("c4n4ry/secret0000000000000000000000000000")
                .try_into()
                .unwrap(),
            session_token: Secret::new("c4n4ry/token00000000000000000000000000000")
                .try_into()
                .unwrap(),
            expires_at: Timestamp::from_unix(1_800_000_000),
        };
        AwsCredentials::new(keys, Identity::default())
    }

    #[test]
    fn each_document_is_written_once_for_all_copies() {
        let (one, other) = (issued(), issued());
        let document = one.process_document();
        assert_eq!(document.as_ptr(), one.clone().process_document().as_ptr());
        assert_ne!(document.as_ptr(), other.process_document().as_ptr());
        assert_eq!(document, other.process_document());
        let read: CredentialProcess = serde_json::from_slice(&document).unwrap();
        assert_eq!(read, CredentialProcess::from(&one));
        let read: ContainerCredentials = serde_json::from_slice(&one.container_document()).unwrap();
        assert_eq!(read, ContainerCredentials::from(&one));
    }

    #[test]
    fn nothing_of_them_is_shown() {
        let credentials = issued();
        drop(credentials.process_document());
        let shown = format!("{credentials:?}");
        assert!(
            shown.contains("ASIAQUILT") && !shown.contains("c4n4ry"),
            "{shown}"
        );
    }
}
