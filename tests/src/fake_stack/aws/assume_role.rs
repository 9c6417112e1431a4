//! AssumeRole.

use super::credentials::Principal;
use super::policy;
use super::roles::AssumedRole;
use super::sts::{Call, StsError, StsResult};
use super::xml;
use crate::fake_stack::clock;
use crate::fake_stack::config::{AwsRoleConfig, BucketAccess};
use crate::fake_stack::state::Core;

/// Life of a session when the caller names none, seconds.
const DEFAULT_SECONDS: i64 = 3600;
/// Longest session of a role that was assumed with a role's credentials, seconds.
const CHAINED_SECONDS: i64 = 3600;
const SHORTEST_SECONDS: i64 = 900;
const LONGEST_SECONDS: i64 = 43_200;

pub(crate) fn assume_role(core: &Core, call: &Call) -> StsResult {
    let asked = request(call)?;
    let external_id = asked.external_id.as_deref();
    let role = core
        .aws_roles
        .lock()
        .assumable(&asked.role_arn, &call.caller, external_id);
    let role = role.ok_or_else(|| {
        StsError::denied(format!(
            "User: {} is not authorized to perform: sts:AssumeRole on resource: {}",
            call.caller.arn, asked.role_arn
        ))
    })?;
    check_duration(&asked, &role, &call.caller)?;
    let mut session =
        Principal::role_session(&role.arn, &asked.session_name, narrowed(&asked, &role)?);
    session.source_identity.clone_from(&asked.source_identity);
    let seconds = core
        .settings
        .lock()
        .assume_role_seconds
        .unwrap_or(asked.duration_seconds);
    let expires_at = clock::plus(core.clock.now(), seconds);
    let issued = core.credentials.lock().issue(session.clone(), expires_at);
    let credentials = [
        xml::element("AccessKeyId", &issued.access_key_id),
        xml::element("SecretAccessKey", &issued.secret_access_key),
        xml::element("SessionToken", &issued.session_token),
        xml::element("Expiration", &clock::iso_z(issued.expires_at)),
    ];
    let user = [
        xml::element("AssumedRoleId", &session.user_id),
        xml::element("Arn", &session.arn),
    ];
    let mut result = xml::wrap("Credentials", &credentials.concat());
    result += &xml::wrap("AssumedRoleUser", &user.concat());
    if let Some(identity) = &asked.source_identity {
        result += &xml::element("SourceIdentity", identity);
    }
    if asked.policy.is_some() {
        result += &xml::element("PackedPolicySize", "6");
    }
    core.aws_roles.lock().record(asked);
    Ok(result)
}

/// The call's parameters, those AWS checks by shape alone already checked.
fn request(call: &Call) -> Result<AssumedRole, StsError> {
    let required = |name: &str| {
        call.field(name)
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                StsError::validation(format!(
                    "1 validation error detected: {name} must not be null"
                ))
            })
    };
    let role_arn = required("RoleArn")?;
    if !role_arn.starts_with("arn:") || role_arn.len() < 20 {
        return Err(StsError::validation(format!("{role_arn} is invalid")));
    }
    let session_name = required("RoleSessionName")?;
    check_name("roleSessionName", session_name)?;
    let duration_seconds = match call.field("DurationSeconds") {
        None => DEFAULT_SECONDS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|seconds| (SHORTEST_SECONDS..=LONGEST_SECONDS).contains(seconds))
            .ok_or_else(|| {
                StsError::validation(format!(
                    "Value '{text}' at 'durationSeconds' failed to satisfy constraint: \
                     Member must have value between {SHORTEST_SECONDS} and {LONGEST_SECONDS}"
                ))
            })?,
    };
    let source_identity = call.field("SourceIdentity");
    if let Some(identity) = source_identity {
        check_name("sourceIdentity", identity)?;
    }
    let inherited = call.caller.source_identity.as_deref();
    if inherited.is_some() && source_identity.is_some() && inherited != source_identity {
        return Err(StsError::denied(
            "The source identity of a chained session cannot change",
        ));
    }
    let keys = call.members("Tags", ".Key");
    let values = call.members("Tags", ".Value");
    Ok(AssumedRole {
        caller: call.caller.arn.clone(),
        role_arn: role_arn.to_owned(),
        session_name: session_name.to_owned(),
        duration_seconds,
        external_id: call.field("ExternalId").map(str::to_owned),
        source_identity: source_identity.or(inherited).map(str::to_owned),
        tags: keys
            .zip(values)
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .collect(),
        policy: call.field("Policy").map(str::to_owned),
        policy_arns: call
            .members("PolicyArns", ".arn")
            .map(str::to_owned)
            .collect(),
    })
}

fn check_name(parameter: &str, name: &str) -> Result<(), StsError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-".contains(c);
    if (2..=64).contains(&name.len()) && name.chars().all(allowed) {
        return Ok(());
    }
    Err(StsError::validation(format!(
        "Value '{name}' at '{parameter}' failed to satisfy constraint: \
         Member must satisfy regular expression pattern: [\\w+=,.@-]{{2,64}}"
    )))
}

fn check_duration(
    asked: &AssumedRole,
    role: &AwsRoleConfig,
    caller: &Principal,
) -> Result<(), StsError> {
    if caller.role_arn.is_some() && asked.duration_seconds > CHAINED_SECONDS {
        return Err(StsError::validation(
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
             by role chaining",
        ));
    }
    if asked.duration_seconds > role.max_session_seconds {
        return Err(StsError::validation(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(())
}

/// What the session may do: the role's permissions, narrowed by the policies of the call.
fn narrowed(asked: &AssumedRole, role: &AwsRoleConfig) -> Result<Vec<BucketAccess>, StsError> {
    if asked.policy.is_none() && asked.policy_arns.is_empty() {
        return Ok(role.buckets.clone());
    }
    let mut open = Vec::new();
    if let Some(policy) = &asked.policy {
        open.extend(policy::parse(policy).map_err(|malformed| StsError {
            status: http::StatusCode::BAD_REQUEST,
            code: "MalformedPolicyDocument",
            message: malformed.to_string(),
        })?);
    }
    for arn in &asked.policy_arns {
        let unknown = || StsError::validation(format!("Policy {arn} does not exist"));
        open.push(policy::managed(arn).ok_or_else(unknown)?);
    }
    Ok(policy::intersection(&role.buckets, &open))
}
