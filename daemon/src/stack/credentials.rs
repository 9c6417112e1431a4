//! `GET <registry>/api/auth/get_credentials`: STS credentials of the user's
//! active role.

use http::Method;
use quilt_proto::aws::{NotAws, SessionKeys};
use quilt_proto::{Secret, Timestamp};
use serde::Deserialize;

use super::{RegistryClient, StackError, paths};

/// The longest that temporary credentials live, in seconds: 36 hours (AWS STS API
/// Reference, `GetSessionToken`).
const LONGEST: i64 = 36 * 3600;

/// Credentials as the stack issues them.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Issued {
    access_key_id: String,
    secret_access_key: Secret,
    session_token: Secret,
    expiration: String,
}

impl TryFrom<Issued> for SessionKeys {
    type Error = NotAws;

    fn try_from(issued: Issued) -> Result<Self, NotAws> {
        Ok(Self {
            access_key_id: issued.access_key_id.parse()?,
            secret_access_key: issued.secret_access_key.try_into()?,
            session_token: issued.session_token.try_into()?,
            expires_at: issued.expiration.parse().map_err(|_| NotAws::Expiration)?,
        })
    }
}

/// AWS credentials for the user. None live longer than AWS lets any live: what a
/// wrong time kept here would be handed out when it is over.
pub async fn issue(
    registry: RegistryClient<'_>,
    now: Timestamp,
) -> Result<SessionKeys, StackError> {
    let request = registry.request(Method::GET, paths::CREDENTIALS)?;
    let answer = registry.send(request).await?;
    let issued = answer.json_of_aws::<Issued>()?.and_then(Issued::try_into);
    let issued = issued.and_then(|issued: SessionKeys| {
        let lasts = issued.expires_at.seconds_since(now);
        (lasts <= LONGEST)
            .then_some(issued)
            .ok_or(NotAws::Expiration)
    });
    issued.map_err(|what| StackError::Credentials {
        host: answer.host,
        what,
    })
}
