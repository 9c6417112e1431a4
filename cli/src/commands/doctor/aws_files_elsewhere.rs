//! Profiles that are set up, but not where variables send AWS programs.

use quilt_proto::quoted;
use quilt_proto::wire::{Finding, FindingCode};

use super::aws_profile::AwsFiles;
use super::remedy;
use super::variables::Variables;
use crate::aws_files::{CONFIG_ENV, CREDENTIALS_ENV};

pub(super) fn check(variables: &Variables, files: &AwsFiles) -> Option<Finding> {
    let moved = variables.present(&[CONFIG_ENV, CREDENTIALS_ENV]);
    let usual = if moved.is_empty() {
        AwsFiles::default()
    } else {
        AwsFiles::in_usual_places()
    };
    judge(&moved, files, &usual)
}

fn judge(moved: &[&'static str], files: &AwsFiles, usual: &AwsFiles) -> Option<Finding> {
    let (seen, usual) = (files.names_of_ours(), usual.names_of_ours());
    let hidden = usual.into_iter().find(|name| !seen.contains(name));
    hidden.map(|hidden| {
        let what = format!(
            "{} leads programs to files without profile {}, which is set up in ~/.aws",
            moved.join(" and "),
            quoted::name(&hidden)
        );
        Finding::error(FindingCode::AwsFilesElsewhere, what, remedy::unset(moved))
    })
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::files;
    use super::*;

    #[test]
    fn a_profile_in_the_usual_place_must_be_seen() {
        let ours = "[profile q]\ncredential_process=/quiltctl credential-process\n";
        let judge = |seen: &str, usual: &str| {
            let found = judge(&[CONFIG_ENV], &files(seen, ""), &files(usual, ""));
            found.map(|found| found.hint)
        };
        assert_eq!(judge("", ours), Some("unset AWS_CONFIG_FILE".into()));
        assert_eq!(judge(ours, ours), None);
        assert_eq!(judge("", ""), None);
    }
}
