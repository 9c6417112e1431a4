//! Lines that botocore, and so boto3 in whatever environment, reads otherwise
//! than they look, or refuses the file for. It may be out of doctor's reach:
//! no run of it tells.

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, quoted};

use super::aws_profile::AwsFile;
use crate::aws_files::botocore_refusals::{self, BEGINS_WITH_MARK, BYTE_ORDER_MARK};
use crate::aws_files::ini::{self, Line, Part};

pub(super) fn check(file: &AwsFile) -> Vec<Finding> {
    let (bytes, has_mark) = match file.bytes.strip_prefix(BYTE_ORDER_MARK) {
        Some(rest) => (rest, true),
        None => (&file.bytes[..], false),
    };
    let lines = ini::lines(bytes);
    let at = |line: &Line<'_>| format!("{}:{}", quoted::path(&file.path), line.number);
    let finding =
        |code: FindingCode, what: String| Finding::error(code, what, Command::edit(&file.path));
    let mut found = Vec::new();
    if has_mark {
        let what = format!(
            "{} {BEGINS_WITH_MARK}, and boto3 refuses such a file",
            quoted::path(&file.path)
        );
        let remove = botocore_refusals::remove_mark(&file.path);
        found.push(Finding::error(FindingCode::AwsFileMark, what, remove));
    }
    let (stray, continued) = odd(&lines);
    if let Some(line) = stray {
        let is_header = ini::stripped(line.text).starts_with('[');
        let why = if is_header {
            "opens a section and does not close it with ]"
        } else if ini::key(line.text).is_some() {
            "is a setting before any section"
        } else {
            "is neither a section nor a setting"
        };
        let what = format!("{} {why}: boto3 refuses the whole file", at(&line));
        found.push(finding(FindingCode::AwsFileLine, what));
    }
    if let Some(line) = botocore_refusals::not_utf8(&lines) {
        let what = format!(
            "{} is not in UTF-8: boto3 refuses the whole file",
            at(&line)
        );
        found.push(finding(FindingCode::AwsFileLine, what));
    }
    for line in continued {
        let what = format!(
            "{} is indented, and boto3 takes it for a part of the credential_process above it",
            at(&line)
        );
        found.push(finding(FindingCode::ProcessContinued, what));
    }
    for section in ini::all_sections(&lines) {
        let (header, rest) = (&section[0], &section[1..]);
        let name = ini::profile_of(header.text, !file.is_credentials);
        let is_ours = rest.iter().any(|line| ini::is_ours(line.text));
        if let Some(name) =
            name.filter(|_| is_ours && ini::is_spaced(header.text, !file.is_credentials))
        {
            let what = format!(
                "{} has spaces inside its brackets, and boto3 does not take it for profile {}",
                at(header),
                quoted::name(&name)
            );
            found.push(finding(FindingCode::ProfileSpaced, what));
        }
    }
    found
}

/// Lines that are not what they look like: the first that has no meaning, and the
/// first below each `credential_process` of ours that is part of it.
fn odd<'a>(lines: &[Line<'a>]) -> (Option<Line<'a>>, Vec<Line<'a>>) {
    let (mut stray, mut continued) = (None, Vec::new());
    // The option above, as long as nothing below it was found.
    let mut option: Option<Line<'a>> = None;
    for (index, part) in ini::parts(lines) {
        let line = lines[index];
        match part {
            Part::Header => option = None,
            Part::Option => option = Some(line),
            Part::Continuation => {
                let above = option.take();
                if above.is_some_and(|above| ini::is_ours(above.text)) {
                    continued.push(line);
                }
            }
            Part::Stray => stray = stray.or(Some(line)),
        }
    }
    (stray, continued)
}

#[cfg(test)]
mod tests {
    use super::super::aws_profile::tests::in_files;
    use super::*;

    const OURS: &str = "credential_process = /quiltctl credential-process\n";

    fn found(config: &str, credentials: &str) -> Vec<(String, String)> {
        let found = in_files(check, config, credentials).into_iter();
        found.map(|found| (found.code, found.summary)).collect()
    }

    fn only(config: &str, credentials: &str, code: &str, begin: &str) {
        let found = found(config, credentials);
        assert_eq!(found.len(), 1, "{config}{credentials}: {found:?}");
        assert_eq!(found[0].0, code);
        assert!(found[0].1.starts_with(begin), "{found:?}");
        assert!(!found[0].1.contains("canary"), "{found:?}");
    }

    #[test]
    fn what_botocore_understands_is_no_fault() {
        for config in [
            String::new(),
            format!("# x\n\n[default]\nregion: x\n[profile q]\n{OURS}\n  # x\n  \nregion = x\n"),
            format!("[profile \"q\"]\n{OURS}s3 =\n  max = 1\n  canary\n"),
            format!("  [profile q ]\n  {OURS}  region = x\n[ profile other ]\nregion = x\n"),
            format!("[profile q] # x\r\n{OURS}\r\n"),
        ] {
            assert_eq!(found(&config, ""), [], "{config}");
        }
    }

    #[test]
    fn each_fault_is_told_once_and_by_its_line() {
        let ours = format!("[profile q]\n{OURS}");
        let indented = format!("{ours}  canary = x\n  canary\nregion = x\n");
        only(&indented, "", "process_continued", "config:3 ");
        let spaced = format!("[ profile q ]\n{OURS}");
        only(&spaced, "", "profile_spaced", "config:1 ");
        only(
            "",
            &format!("[q ]\n{OURS}"),
            "profile_spaced",
            "credentials:1 ",
        );
        only(
            &format!("{ours}canary\n"),
            "",
            "aws_file_line",
            "config:3 is neither",
        );
        only(
            &format!("canary = x\n{ours}"),
            "",
            "aws_file_line",
            "config:1 is a setting",
        );
        only(
            &format!("{ours}[profile x\n"),
            "",
            "aws_file_line",
            "config:3 opens",
        );
        only(
            &format!("\u{feff}{ours}"),
            "",
            "aws_file_mark",
            "config begins",
        );
    }
}
