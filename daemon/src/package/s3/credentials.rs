//! The daemon's own credentials, as object_store asks for them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use object_store::CredentialProvider;
use object_store::aws::AwsCredential;
use parking_lot::Mutex;
use quilt_proto::ProfileName;

use crate::credential::{AwsCredentials, CredentialError, Vault};
use crate::session::Session;

/// How long a request waits for credentials that have to be fetched.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Credentials of a session's default profile, asked for with each request.
pub(in crate::package) struct Vended {
    vault: Arc<Vault>,
    session: Arc<Session>,
    /// The access key id that was given last.
    given: Mutex<Option<String>>,
}

impl fmt::Debug for Vended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Vended")
    }
}

impl Vended {
    pub(in crate::package) fn new(vault: Arc<Vault>, session: Arc<Session>) -> Self {
        Self {
            vault,
            session,
            given: Mutex::default(),
        }
    }

    /// Makes sure that the next request has other credentials than the last.
    pub(super) async fn renew(&self) -> Result<(), CredentialError> {
        let given = self.given.lock().clone();
        let profile = ProfileName::default_profile();
        let refused = |held: &AwsCredentials| Some(held.access_key_id.as_str()) == given.as_deref();
        self.vault
            .replace(&self.session, &profile, refused, TIMEOUT)
            .await?;
        Ok(())
    }
}

#[async_trait]
impl CredentialProvider for Vended {
    type Credential = AwsCredential;

    async fn get_credential(&self) -> object_store::Result<Arc<AwsCredential>> {
        let profile = ProfileName::default_profile();
        let held = self
            .vault
            .credentials(&self.session, &profile, TIMEOUT)
            .await;
        let held = held.map_err(|error| object_store::Error::Generic {
            store: "vault",
            source: Box::new(error),
        })?;
        *self.given.lock() = Some(held.access_key_id.to_string());
        Ok(Arc::new(AwsCredential {
            key_id: held.access_key_id.to_string(),
            secret_key: held.secret_access_key.secret().expose().to_owned(),
            token: Some(held.session_token.secret().expose().to_owned()),
        }))
    }
}
