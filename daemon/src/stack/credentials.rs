//! `GET <registry>/api/auth/get_credentials`: STS credentials of the user's
//! active role.

use quilt_proto::aws::{AccessKeyId, NotAws, SecretAccessKey, SessionToken};
use quilt_proto::{RegistryUrl, Secret, Timestamp};
use serde::Deserialize;

use super::{StackClient, StackError};

/// The longest that temporary credentials live, in seconds: 36 hours (AWS STS API
/// Reference, `GetSessionToken`).
const LONGEST: i64 = 36 * 3600;

/// Credentials as the stack issues them.
#[derive(Debug, Clone)]
pub struct StackCredentials {
    /// Identifies them.
    pub access_key_id: AccessKeyId,
    /// Signs requests.
    pub secret_access_key: SecretAccessKey,
    /// Goes with every request.
    pub session_token: SessionToken,
    /// When AWS stops accepting them.
    pub expiration: Timestamp,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Issued {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Secret,
    expiration: String,
}

impl TryFrom<Issued> for StackCredentials {
    type Error = NotAws;

    fn try_from(issued: Issued) -> Result<Self, NotAws> {
        Ok(Self {
            access_key_id: issued.access_key_id.parse()?,
            secret_access_key: issued.secret_access_key.try_into()?,
            session_token: issued.session_token.try_into()?,
            expiration: issued.expiration.parse().map_err(|_| NotAws::Expiration)?,
        })
    }
}

/// Credentials for whoever `bearer` belongs to. None live longer than AWS lets
/// any live: what a wrong time kept here would be handed out when it is over.
pub async fn issue(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    now: Timestamp,
) -> Result<StackCredentials, StackError> {
    let url = registry.join("/api/auth/get_credentials");
    let request = stack.client(&url)?.get(&url).bearer_auth(bearer.expose());
    let answer = stack.send(request, &[bearer]).await?;
    let issued = answer.json_of_aws::<Issued>()?.and_then(Issued::try_into);
    let issued = issued.and_then(|issued: StackCredentials| {
        let lasts = issued.expiration.seconds_since(now);
        (lasts <= LONGEST)
            .then_some(issued)
            .ok_or(NotAws::Expiration)
    });
    issued.map_err(|what| StackError::Credentials {
        host: answer.host,
        what,
    })
}
