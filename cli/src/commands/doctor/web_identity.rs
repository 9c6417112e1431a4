//! A web identity in the environment: SDKs assume its role before they look
//! at a profile's `credential_process`.

use quilt_proto::wire::{Finding, FindingCode};

use super::remedy;
use super::variables::Variables;
use crate::aws_variables::{ROLE_ARN as ROLE, ROLE_SESSION_NAME, WEB_IDENTITY_TOKEN as TOKEN};

pub(super) fn check(variables: &Variables) -> Option<Finding> {
    const CODE: FindingCode = FindingCode::EnvironmentWebIdentity;
    let set = variables.set(&[TOKEN, ROLE, ROLE_SESSION_NAME]);
    let hint = remedy::unset(&set);
    if variables.get(TOKEN).is_some() {
        let what = format!("{TOKEN} is set: programs assume its role instead of asking quiltd");
        return Some(Finding::error(CODE, what, hint));
    }
    variables.get(ROLE)?;
    let what = format!("{ROLE} is set, and does nothing without {TOKEN}");
    Some(Finding::warning(CODE, what, hint))
}

#[cfg(test)]
mod tests {
    use quilt_proto::wire::Severity;

    use super::*;

    #[test]
    fn only_a_token_shadows() {
        let both = check(&[(TOKEN, "/t"), (ROLE, "arn")].into()).unwrap();
        assert_eq!(both.severity, Severity::Error);
        assert_eq!(both.hint, "unset AWS_WEB_IDENTITY_TOKEN_FILE AWS_ROLE_ARN");
        let role = check(&[(ROLE, "arn")].into()).unwrap();
        assert_eq!(role.severity, Severity::Warning);
        assert_eq!(role.hint, "unset AWS_ROLE_ARN");
    }
}
