//! `GET <registry>/api/auth/get_credentials`: STS credentials of the user's
//! active role.

use quilt_proto::{RegistryUrl, Secret, Timestamp};
use serde::Deserialize;

use super::{StackClient, StackError};

/// Credentials as the stack issues them.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StackCredentials {
    /// Identifies them.
    pub access_key_id: String,
    /// Signs requests.
    pub secret_access_key: Secret,
    /// Goes with every request.
    pub session_token: Secret,
    /// When AWS stops accepting them.
    pub expiration: Timestamp,
}

impl StackClient {
    /// Credentials for whoever `bearer` belongs to.
    pub async fn credentials(
        &self,
        registry: &RegistryUrl,
        bearer: &Secret,
    ) -> Result<StackCredentials, StackError> {
        let url = registry.join("/api/auth/get_credentials");
        let request = self.client(&url)?.get(&url).bearer_auth(bearer.expose());
        self.send(request, &[bearer]).await?.json()
    }
}
