//! Keys in variables of older SDKs, and of programs with names of their own:
//! some programs take them before a profile, others never look.

use quilt_proto::wire::{Finding, FindingCode};

use super::remedy;
use super::variables::Variables;
use crate::aws_variables::OLDER;

pub(super) fn check(variables: &Variables) -> Option<Finding> {
    let set = variables.set(OLDER);
    if set.is_empty() {
        return None;
    }
    let what = format!(
        "set in the environment: {}. Some programs, those on older SDKs among them, take this \
         instead of what quiltd gives them, or mix the two",
        set.join(", ")
    );
    let hint = remedy::unset(&set);
    Some(Finding::warning(
        FindingCode::EnvironmentOlderKeys,
        what,
        hint,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_told_by_name_and_never_by_value() {
        for name in OLDER.iter().copied() {
            let found = check(&[(name, "canary")].into()).unwrap();
            assert_eq!(found.hint, *format!("unset {name}").as_str());
            assert!(found.summary.contains(name), "{found:?}");
            assert!(!format!("{found:?}").contains("canary"), "{found:?}");
            assert_eq!(check(&[(name, "")].into()), None);
        }
        assert_eq!(check(&[("AWS_PROFILE", "quilt")].into()), None);
    }
}
