//! Sections that are there twice: botocore refuses a file with two of the same
//! spelling, and other SDKs take some lines of each.

use std::collections::BTreeMap;

use quilt_proto::quoted;
use quilt_proto::wire::{Finding, FindingCode};

use super::aws_profile::{AwsFile, AwsFiles};
use super::fix;
use crate::aws_files::ini;

pub(super) fn check(files: &AwsFiles) -> Vec<Finding> {
    files.each().iter().flat_map(of).collect()
}

fn of(file: &AwsFile) -> Vec<Finding> {
    let lines = ini::lines(&file.bytes);
    let mut places: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for section in ini::all_sections(&lines) {
        if let Some(name) = ini::profile_of(section[0].text, !file.is_credentials) {
            let number = section[0].number.to_string();
            places.entry(name).or_default().push(number);
        }
    }
    let twice = places.into_iter().filter(|(_, lines)| lines.len() > 1);
    twice
        .map(|(name, lines)| {
            let what = format!(
                "{} has profile {} at lines {}: programs refuse such a file, or mix the \
                 two; make one of them",
                quoted::path(&file.path),
                quoted::name(&name),
                lines.join(" and ")
            );
            Finding::error(FindingCode::ProfileTwice, what, fix::edit(&file.path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::files;
    use super::*;

    #[test]
    fn the_same_profile_however_written_counts_as_twice() {
        let found = check(&files(
            "[profile q]\n[profile r]\n[ profile \"q\" ]\n",
            "[q]\n[r]\n",
        ));
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].summary.contains("profile q at lines 1 and 3"));
        assert_eq!(found[0].hint, "${EDITOR:-vi} config");
    }
}
