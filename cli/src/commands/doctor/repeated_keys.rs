//! Keys that are there twice in one section: botocore refuses the whole file,
//! and other SDKs take one of the two.

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::aws_profile::AwsFile;
use crate::aws_files::{botocore_refusals, ini};

pub(super) fn check(file: &AwsFile) -> Vec<Finding> {
    let lines = ini::lines(&file.bytes);
    let repeated = ini::all_sections(&lines)
        .into_iter()
        .flat_map(botocore_refusals::repeated_keys);
    repeated
        .map(|(key, numbers)| {
            let what = format!(
                "{} has {} more than once in one section, at lines {}: programs refuse such a \
                 file, or differ in which line counts; keep one of them",
                quoted::path(&file.path),
                quoted::name(&key),
                botocore_refusals::at(&numbers)
            );
            Finding::error(FindingCode::KeyTwice, what, Command::edit(&file.path))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::in_files;
    use super::*;

    #[test]
    fn a_key_counts_once_a_section_and_what_is_nested_is_part_of_a_value() {
        let found = in_files(
            check,
            "[profile q]\nregion = x\n# region = y\n\nREGION: z\n",
            "[q]\na = 1\n[r]\na = 1\na = 2\n",
        );
        let found: Vec<_> = found.iter().map(|found| found.summary.as_str()).collect();
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].contains("config has region more than once"));
        assert!(found[0].contains("at lines 2 and 5"), "{found:?}");
        assert!(found[1].contains("at lines 4 and 5"), "{found:?}");
        let nested = "[profile q]\ns3 =\n  max = 1\n  max = 2\nregion = x\ns3api =\n  max = 1\n";
        assert_eq!(in_files(check, nested, ""), []);
    }
}
