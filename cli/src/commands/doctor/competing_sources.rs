//! Other ways to credentials in a profile of quiltd's: SDKs differ in which
//! one they take, and mostly it is not `credential_process`.

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::aws_profile::{AwsProfile, Setting};
use crate::aws_files::ini::{self, OtherWay};

pub(super) fn check(profile: &AwsProfile) -> Vec<Finding> {
    let mut found = Vec::new();
    let mut rest: Vec<&Setting> = profile
        .settings
        .iter()
        .filter(|line| ini::other_way(&line.key).is_some())
        .chain(profile.other_process())
        .collect();
    while let Some(first) = rest.first().copied() {
        let same = |line: &&Setting| code(&line.key) == code(&first.key) && line.file == first.file;
        let (lines, others): (Vec<_>, Vec<_>) = rest.into_iter().partition(same);
        found.push(finding(profile, &lines));
        rest = others;
    }
    found
}

/// By the key of a line; what is no other way is a process that is not ours.
fn code(key: &str) -> FindingCode {
    match ini::other_way(key) {
        None => FindingCode::ProfileOtherProcess,
        Some(OtherWay::Keys) => FindingCode::ProfileKeys,
        Some(OtherWay::Login) => FindingCode::ProfileLogin,
        Some(OtherWay::Role) => FindingCode::ProfileRole,
        Some(OtherWay::SingleSignOn) => FindingCode::ProfileSso,
        Some(OtherWay::WebIdentity) => FindingCode::ProfileWebIdentity,
    }
}

/// Lines of the same kind and file.
fn finding(profile: &AwsProfile, lines: &[&Setting]) -> Finding {
    let first = lines[0];
    let numbers: Vec<String> = lines.iter().map(|line| line.number.to_string()).collect();
    let plural = if numbers.len() > 1 { "s" } else { "" };
    let what = format!(
        "profile {} has {} in {}, which programs take instead of quiltd's: delete line{plural} {}",
        quoted::name(&profile.name),
        quoted::name(&first.key),
        quoted::path(&first.file),
        numbers.join(", ")
    );
    Finding::error(code(&first.key), what, Command::edit(&first.file))
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::profile;
    use super::*;

    #[test]
    fn each_kind_is_told_once_a_file_with_its_lines_and_without_its_values() {
        let found = check(&profile(
            "[profile q]\ncredential_process = /quiltctl credential-process\nsso_session = s\n\
             sso_region = r\nrole_arn = a\n",
            "[q]\naws_access_key_id = canary\naws_secret_access_key = canary\n",
        ));
        let codes: Vec<_> = found.iter().map(|found| found.code.as_str()).collect();
        assert_eq!(codes, ["profile_sso", "profile_role", "profile_keys"]);
        assert!(found[0].summary.ends_with("delete lines 3, 4"), "{found:?}");
        assert_eq!(found[2].hint, "${EDITOR:-vi} credentials");
        assert!(!format!("{found:?}").contains("canary"));
    }
}
