//! AssumeRole, by the AWS SDK.

use std::collections::BTreeMap;

use aws_credential_types::Credentials;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::Region;
use aws_sdk_sts::config::http::HttpResponse;
use aws_sdk_sts::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sts::types::{AssumedRoleUser, PolicyDescriptorType, Tag};
use quilt_network::Failure;
use quilt_proto::aws::{NotAws, SessionKeys};
use quilt_proto::{Secret, Timestamp, quoted};

use super::error::said;
use super::error_document::text_of;
use super::sts_xml::NoComments;
use super::{Aws, AwsError};

const SERVICE: &str = "STS";

/// What to ask STS for.
#[derive(Debug, Clone)]
pub struct AssumeRole<'a> {
    /// The role's ARN.
    pub role_arn: &'a str,
    /// The session's name.
    pub session_name: &'a str,
    /// How long it is to live, in seconds.
    pub duration: i64,
    /// What the role's trust policy may ask for.
    pub external_id: Option<&'a str>,
    /// Narrows the session: an IAM policy.
    pub policy: Option<&'a str>,
    /// Narrow the session: ARNs of managed policies.
    pub policy_arns: &'a [String],
    /// Session tags.
    pub tags: &'a BTreeMap<String, String>,
    /// Who is behind the session.
    pub source_identity: Option<&'a str>,
    /// The region to ask in.
    pub region: Option<&'a str>,
    /// Where no region is named, also not by the environment.
    pub default_region: &'a str,
}

impl Aws {
    /// Assumes a role with `keys`.
    pub async fn assume_role(
        &self,
        keys: &SessionKeys,
        request: &AssumeRole<'_>,
    ) -> Result<SessionKeys, AwsError> {
        let mut call = self
            .client(keys, request)
            .assume_role()
            .role_arn(request.role_arn)
            .role_session_name(request.session_name)
            .duration_seconds(i32::try_from(request.duration).unwrap_or(i32::MAX))
            .set_external_id(request.external_id.map(str::to_owned))
            .set_policy(request.policy.map(str::to_owned))
            .set_source_identity(request.source_identity.map(str::to_owned));
        for arn in request.policy_arns {
            call = call.policy_arns(PolicyDescriptorType::builder().arn(arn).build());
        }
        for (key, value) in request.tags {
            let tag = Tag::builder().key(key).value(value).build();
            call = call.tags(tag.map_err(|_| AwsError::odd(SERVICE, "takes no such tag"))?);
        }
        let answer = call.send().await.map_err(|error| explain(&error, keys));
        self.sts_meter.note(&answer, AwsError::kind);
        let answer = answer?;
        let user = answer.assumed_role_user.as_ref();
        // Stand-ins for AWS leave it out.
        let user = user.map(AssumedRoleUser::arn).filter(|arn| !arn.is_empty());
        if user.is_some_and(|user| !is_session_of(user, request.role_arn)) {
            return Err(AwsError::odd(
                SERVICE,
                "gave credentials of another role than the one that was asked for",
            ));
        }
        let issued = answer.credentials.ok_or(NotAws::Shape);
        let keys = issued.and_then(|issued| {
            Ok(SessionKeys {
                access_key_id: issued.access_key_id.parse()?,
                secret_access_key: Secret::from(issued.secret_access_key).try_into()?,
                session_token: Secret::from(issued.session_token).try_into()?,
                expires_at: Timestamp::from_unix(issued.expiration.secs()),
            })
        });
        keys.map_err(|what| AwsError::Invalid {
            service: SERVICE,
            what,
        })
    }

    fn client(&self, keys: &SessionKeys, request: &AssumeRole<'_>) -> Client {
        let named = request.region.map(|name| Region::new(name.to_owned()));
        let region = named
            .or_else(|| self.config.region().cloned())
            .unwrap_or_else(|| Region::new(request.default_region.to_owned()));
        let credentials = Credentials::new(
            keys.access_key_id.as_str(),
            keys.secret_access_key.secret().expose(),
            Some(keys.session_token.secret().expose().to_owned()),
            None,
            "quiltd",
        );
        let config = aws_sdk_sts::config::Builder::from(&self.config)
            .region(region)
            .interceptor(NoComments)
            .credentials_provider(credentials);
        Client::from_conf(config.build())
    }
}

/// Whether a session (`arn:aws:sts::ACCOUNT:assumed-role/NAME/SESSION`) is one of
/// a role (`arn:aws:iam::ACCOUNT:role/PATH/NAME`).
fn is_session_of(session: &str, role: &str) -> bool {
    let parts = |arn: &str| {
        let mut parts = arn.splitn(6, ':').map(str::to_owned);
        let (_, partition) = (parts.next()?, parts.next()?);
        let (account, resource) = (parts.nth(2)?, parts.next()?);
        Some((partition, account, resource))
    };
    let (Some((partition, account, role)), Some(session)) = (parts(role), parts(session)) else {
        return false;
    };
    let name = role.rsplit('/').next().unwrap_or_default();
    let mut resource = session.2.split('/');
    (session.0, session.1) == (partition, account)
        && resource.next() == Some("assumed-role")
        && resource.next() == Some(name)
}

/// What became of a call, in words that hold nothing we sent.
fn explain<E>(error: &SdkError<E, HttpResponse>, keys: &SessionKeys) -> AwsError
where
    E: ProvideErrorMetadata,
{
    if let Some((failure, origin)) = quilt_network::aws::failure(error) {
        return AwsError::unreachable(SERVICE, origin, failure);
    }
    let SdkError::ServiceError(answer) = error else {
        return match error {
            SdkError::ConstructionFailure(_) => AwsError::odd(SERVICE, "cannot be asked this"),
            _ => AwsError::unreachable(SERVICE, None, Failure::BrokenAnswer),
        };
    };
    let status = answer.raw().status().as_u16();
    let body = answer.raw().body().bytes().unwrap_or_default();
    let body = String::from_utf8_lossy(body);
    let meant = |said: Option<&str>, name| said.map(str::to_owned).or_else(|| text_of(&body, name));
    let code = meant(answer.err().code(), "Code");
    let code = code.as_deref().unwrap_or("refusal without a code");
    if status >= 500 || status == 429 || code.contains("Throttl") {
        let said = format!("{status} {}", quoted::name(code));
        return AwsError::unreachable(SERVICE, None, Failure::Status(said));
    }
    if status < 400 {
        return AwsError::odd(SERVICE, "gave an answer that is not its own");
    }
    let secrets = [keys.secret_access_key.secret(), keys.session_token.secret()];
    let message = meant(answer.err().message(), "Message");
    let message = message.unwrap_or_else(|| format!("status {status}"));
    AwsError::Refused {
        service: SERVICE.to_owned(),
        message: said(&format!("{code}: {message}"), &secrets),
        stale_keys: matches!(
            code,
            "ExpiredToken" | "ExpiredTokenException" | "InvalidClientTokenId"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sessions_of_a_role_are_told_from_others() {
        let is = |session, role| is_session_of(session, role);
        let role = "arn:aws:iam::123456789012:role/lake";
        assert!(is("arn:aws:sts::123456789012:assumed-role/lake/me", role));
        let deep = "arn:aws-cn:iam::123456789012:role/a/b/lake";
        assert!(is(
            "arn:aws-cn:sts::123456789012:assumed-role/lake/me",
            deep
        ));
        for other in [
            "arn:aws:sts::999999999999:assumed-role/lake/me",
            "arn:aws-cn:sts::123456789012:assumed-role/lake/me",
            "arn:aws:sts::123456789012:assumed-role/evil/lake",
            "arn:aws:sts::123456789012:assumed-role/lake2/me",
            "arn:aws:sts::123456789012:federated-user/lake",
            "lake",
            "",
        ] {
            assert!(!is(other, role), "{other}");
        }
    }
}
