//! The profile that variables name: programs use it unless told otherwise.

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, ProfileName, quoted};

use super::aws_profile::AwsFiles;
use super::remedy;
use super::variables::Variables;
use crate::aws_files::USUAL_PROFILE;
use crate::aws_variables::{self, AWS_DEFAULT_PROFILE, AWS_PROFILE};

pub(super) fn check(variables: &Variables, files: &AwsFiles) -> Vec<Finding> {
    [AWS_DEFAULT_PROFILE, AWS_PROFILE]
        .into_iter()
        .filter_map(|variable| match variables.get(variable) {
            Some(name) => of(variable, name, files),
            None => nameless(variable, variables),
        })
        .collect()
}

/// To botocore a variable that is set to nothing names a profile without a name.
fn nameless(variable: &'static str, variables: &Variables) -> Option<Finding> {
    variables.present(&[variable]).first()?;
    let what = format!("{variable} is set to nothing, and AWS programs look for that profile");
    let hint = remedy::unset(&[variable]);
    Some(Finding::error(FindingCode::ProfileMissing, what, hint))
}

/// The profile that has to be named for quiltd's credentials: where there is one,
/// and nothing in this shell leads there, or elsewhere.
pub(super) fn to_be_named(variables: &Variables, files: &AwsFiles) -> Option<String> {
    let other_ways: Vec<&str> = aws_variables::all().collect();
    let ours = files.names_of_ours();
    if !variables.set(&other_ways).is_empty() || files.leads_to("default", &ours) {
        return None;
    }
    usual(&ours).cloned()
}

/// The one of ours to name: that of the default catalog, where it is there.
fn usual(ours: &[String]) -> Option<&String> {
    let usual = ours.iter().find(|ours| *ours == USUAL_PROFILE);
    usual.or(ours.first())
}

fn of(variable: &'static str, name: &str, files: &AwsFiles) -> Option<Finding> {
    let ours = files.names_of_ours();
    if files.leads_to(name, &ours) {
        return None;
    }
    let exists = files.names().contains(name);
    let hint = match usual(&ours) {
        // botocore looks at it before AWS_PROFILE.
        _ if variable == AWS_DEFAULT_PROFILE => remedy::unset(&[variable]),
        None if !exists && name.parse::<ProfileName>().is_ok() => {
            Command::of("quiltctl setup aws").option("--name", name)
        }
        None => remedy::unset(&[variable]),
        Some(ours) => Command::of("export").variable(variable, ours),
    };
    let name = quoted::name(name);
    Some(if exists {
        let what = format!(
            "{variable} names profile {name}, which does not get its credentials from quiltd"
        );
        Finding::warning(FindingCode::ProfileOfOthers, what, hint)
    } else {
        let what = format!("{variable} names profile {name}, which is not in the AWS files");
        Finding::error(FindingCode::ProfileMissing, what, hint)
    })
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::files;
    use super::*;

    fn hint(config: &str, pair: (&str, &str)) -> Option<String> {
        let mut found = check(&[pair].into(), &files(config, ""));
        found
            .pop()
            .map(|found| format!("{}: {}", found.code, found.hint))
    }

    #[test]
    fn a_profile_of_quiltds_is_the_right_one() {
        let config = "[profile q]\ncredential_process=/quiltctl credential-process\n[profile x]\n";
        assert_eq!(hint(config, ("AWS_PROFILE", "q")), None);
        // Nor is one whose role is assumed from it a stranger's.
        let chained = format!(
            "{config}[profile a]\nrole_arn = r\nsource_profile = q\n\
             [profile b]\nrole_arn = r\nsource_profile = a\n\
             [profile c]\nrole_arn = r\nsource_profile = c\n\
             [profile d]\nsource_profile = q\n"
        );
        for (name, is_ours) in [("a", true), ("b", true), ("c", false), ("d", false)] {
            let found = hint(&chained, ("AWS_PROFILE", name));
            assert_eq!(found.is_none(), is_ours, "{name}: {found:?}");
        }
        let named = |pair| hint(config, pair).unwrap();
        assert_eq!(
            named(("AWS_PROFILE", "x")),
            "profile_of_others: export AWS_PROFILE=q"
        );
        assert_eq!(
            named(("AWS_PROFILE", "y")),
            "profile_missing: export AWS_PROFILE=q"
        );
        assert_eq!(
            named(("AWS_DEFAULT_PROFILE", "x")),
            "profile_of_others: unset AWS_DEFAULT_PROFILE"
        );
        let none = hint("", ("AWS_PROFILE", "lake")).unwrap();
        assert_eq!(none, "profile_missing: quiltctl setup aws --name lake");
    }
}
