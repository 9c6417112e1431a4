//! What botocore, and so boto3 and the AWS CLI, refuses a whole file for,
//! although every line of it has a meaning.

use std::collections::BTreeMap;
use std::path::Path;

use quilt_proto::Command;

use super::ini::{self, Line};

/// A byte order mark in UTF-8, at the start of a file.
pub(crate) const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// What is wrong with a file that has one.
pub(crate) const BEGINS_WITH_MARK: &str = "begins with a byte order mark";

/// What takes the mark out of a file.
pub(crate) fn remove_mark(path: &Path) -> Command {
    if cfg!(target_os = "macos") {
        return Command::edit(path);
    }
    // Three bytes at the start of the first line.
    Command::of("sed -i '1s/^\\xEF\\xBB\\xBF//'").path(path)
}

/// The first line that is not in UTF-8, in which Python reads it.
pub(crate) fn not_utf8<'a>(lines: &[Line<'a>]) -> Option<Line<'a>> {
    let mut lines = lines.iter();
    let found = lines.find(|line| std::str::from_utf8(line.text).is_err());
    found.copied()
}

/// Headers that are there more than once in the same spelling, and the numbers
/// of their lines; whatever kind of section it is.
pub(crate) fn repeated_headers(lines: &[Line<'_>]) -> Vec<(String, Vec<usize>)> {
    let headers = ini::headers(lines).into_iter().map(|index| &lines[index]);
    repeated(headers.map(|line| (spelling(line.text), line.number)))
}

/// The keys of a section that are there more than once, and the numbers of
/// their lines.
pub(crate) fn repeated_keys(section: &[Line<'_>]) -> Vec<(String, Vec<usize>)> {
    let options = ini::options(section).into_iter();
    repeated(options.filter_map(|line| Some((ini::key(line.text)?, line.number))))
}

/// Numbers of lines in words.
pub(crate) fn at(numbers: &[usize]) -> String {
    let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
    numbers.join(" and ")
}

fn repeated(places: impl Iterator<Item = (String, usize)>) -> Vec<(String, Vec<usize>)> {
    let mut numbers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (name, number) in places {
        numbers.entry(name).or_default().push(number);
    }
    let twice = numbers.into_iter().filter(|(_, lines)| lines.len() > 1);
    twice.collect()
}

/// What is between a header's brackets, as Python's `configparser` takes it.
fn spelling(header: &[u8]) -> String {
    let header = String::from_utf8_lossy(header);
    let inner = header.trim().trim_start_matches('[');
    let inner = inner.rsplit_once(']').map_or(inner, |(inner, _)| inner);
    inner.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_twice_is_found_whatever_it_is() {
        let lines = ini::lines(
            b"[sso-session s]\n[profile q]\nregion=x\nRegion = y\n[ profile q]\n\
              [sso-session s]\n",
        );
        assert_eq!(
            repeated_headers(&lines),
            [("sso-session s".to_owned(), vec![1, 6])]
        );
        let sections = ini::all_sections(&lines);
        assert_eq!(
            repeated_keys(sections[1]),
            [("region".to_owned(), vec![3, 4])]
        );
        assert!(repeated_keys(sections[0]).is_empty());
    }

    #[test]
    fn a_letter_of_another_encoding_is_found_by_its_line() {
        assert!(not_utf8(&ini::lines("# é\n[default]\n".as_bytes())).is_none());
        let found = not_utf8(&ini::lines(b"[default]\n# \xe9\n"));
        assert_eq!(found.map(|line| line.number), Some(2));
    }
}
