//! Sections that are there twice: botocore refuses a file with two of the same
//! spelling, and other SDKs take some lines of each.

use std::collections::BTreeMap;

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::aws_profile::AwsFile;
use crate::aws_files::{botocore_refusals, ini};

pub(super) fn check(file: &AwsFile) -> Vec<Finding> {
    let lines = ini::lines(&file.bytes);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for section in ini::all_sections(&lines) {
        if let Some(name) = ini::profile_of(section[0].text, !file.is_credentials) {
            let number = section[0].number.to_string();
            places.entry(name).or_default().push(number);
        }
    }
    let twice = places.into_iter().filter(|(_, lines)| lines.len() > 1);
    let others = botocore_refusals::repeated_headers(&lines).into_iter();
    let others = others.filter(|(header, _)| {
        // Those of profiles are told of above, however they are written.
        ini::profile_of(format!("[{header}]").as_bytes(), !file.is_credentials).is_none()
    });
    let others = others.map(|(header, numbers)| {
        let what = format!(
            "{} has section {} at lines {}: boto3 refuses such a file; make one of them",
            quoted::path(&file.path),
            quoted::name(&header),
            botocore_refusals::at(&numbers)
        );
        Finding::error(FindingCode::ProfileTwice, what, Command::edit(&file.path))
    });
    twice
        .map(|(name, lines)| {
            let what = format!(
                "{} has profile {} at lines {}: programs refuse such a file, or mix the \
                 two; make one of them",
                quoted::path(&file.path),
                quoted::name(&name),
                lines.join(" and ")
            );
            Finding::error(FindingCode::ProfileTwice, what, Command::edit(&file.path))
        })
        .chain(others)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::in_files;
    use super::*;

    #[test]
    fn the_same_profile_however_written_counts_as_twice() {
        let found = in_files(
            check,
            "[profile q]\n[profile r]\n[ profile \"q\" ]\n",
            "[q]\n[r]\n",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].summary.contains("profile q at lines 1 and 3"));
        assert_eq!(found[0].hint, "${EDITOR:-vi} config");
    }

    #[test]
    fn so_does_any_other_section() {
        let found = in_files(
            check,
            "[sso-session s]\n[services s]\n[sso-session s]\n",
            "",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].summary.contains("sso-session s"), "{found:?}");
        assert!(found[0].summary.contains("at lines 1 and 3"), "{found:?}");
    }
}
