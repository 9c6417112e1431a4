//! Keys in the environment: every AWS program takes them first.

use quilt_proto::wire::{Finding, FindingCode};

use super::remedy;
use super::variables::Variables;
use crate::aws_variables::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, SECURITY_TOKEN, SESSION_TOKEN};

const NAMES: &[&str] = &[
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    SESSION_TOKEN,
    SECURITY_TOKEN,
];

/// The finding of keys that are quiltd's own.
pub(super) const OURS: FindingCode = FindingCode::EnvironmentOwnKeys;

/// `is_ours` tells whether an access key is one that quiltd gives out now.
pub(super) fn check(variables: &Variables, is_ours: impl FnOnce(&str) -> bool) -> Option<Finding> {
    let set = variables.set(NAMES);
    let last = set.last()?;
    let mut names = NAMES[..3].to_vec();
    if *last == SECURITY_TOKEN {
        names.push(last);
    }
    let set = is_or_are(&set);
    if variables.get(ACCESS_KEY_ID).is_some_and(is_ours) {
        let what = format!(
            "{set} set in the environment: programs take these keys, which are quiltd's but will \
             not be renewed"
        );
        return Some(Finding::warning(OURS, what, remedy::unset(&names)));
    }
    let what =
        format!("{set} set in the environment: programs take these keys instead of quiltd's");
    Some(Finding::error(
        FindingCode::EnvironmentKeys,
        what,
        remedy::unset(&names),
    ))
}

fn is_or_are(names: &[&str]) -> String {
    let verb = if names.len() == 1 { "is" } else { "are" };
    format!("{} {verb}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_of_them_is_told_by_name_and_never_by_value() {
        let found = check(&[(SECRET_ACCESS_KEY, "canary")].into(), |_| true).unwrap();
        assert_eq!(
            found.hint,
            "unset AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN"
        );
        assert!(found.summary.starts_with("AWS_SECRET_ACCESS_KEY is set"));
        assert!(!format!("{found:?}").contains("canary"));
        assert_eq!(check(&[(ACCESS_KEY_ID, "")].into(), |_| true), None);
    }
}
