//! Edits of an AWS configuration file, byte for byte.

use std::path::Path;

use quilt_proto::{Command, quoted};
use serde::{Deserialize, Serialize};

use crate::aws_files::botocore_refusals::{self, BEGINS_WITH_MARK, BYTE_ORDER_MARK};
use crate::aws_files::ini::{self, Line, headers, is_ours, key, leading_space, lines, sections};

/// The profile to have in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct DesiredProfile<'a> {
    /// Its name; `default` has a section of its own kind.
    pub(super) profile: &'a str,
    /// Its lines; the first one is always ours, the others give way to the user's.
    pub(super) lines: &'a [(String, String)],
}

/// Bytes of the file replaced by others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Edit {
    offset: usize,
    #[serde(with = "as_text")]
    before: Vec<u8>,
    #[serde(with = "as_text")]
    after: Vec<u8>,
}

impl Edit {
    /// What to change in a file that does not have the profile, or has it
    /// without credentials. Else, why its section is left alone.
    pub(super) fn plan(file: &[u8], wanted: &DesiredProfile<'_>) -> Result<Self, String> {
        let lines = lines(file);
        let sections = sections(&lines, wanted.profile, true);
        // Some programs take these for the profile, and some do not.
        let (spaced, sections): (Vec<_>, Vec<_>) = sections
            .into_iter()
            .partition(|section| ini::is_spaced(section[0].text, true));
        for section in spaced.iter().chain(&sections) {
            if let Some(key) = section.iter().find_map(other_key) {
                return Err(format!(
                    "profile {} gets its credentials in another way ({})",
                    quoted::name(wanted.profile),
                    quoted::name(&key)
                ));
            }
        }
        let eol = line_ending(file);
        Ok(match sections.first() {
            None => Self::append(file, wanted, eol),
            Some(section) => {
                let next = headers(&lines)
                    .into_iter()
                    .map(|index| &lines[index])
                    .find(|line| line.offset > section[0].offset);
                Self::fill_in(section, next, &sections, wanted, eol)
            }
        })
    }

    /// A new section at the end.
    fn append(file: &[u8], wanted: &DesiredProfile<'_>, eol: &str) -> Self {
        let mut after = String::new();
        if !file.is_empty() {
            if !file.ends_with(b"\n") {
                after.push_str(eol);
            }
            after.push_str(eol);
        }
        after.push_str(&section(wanted).replace('\n', eol));
        Self {
            offset: file.len(),
            before: Vec::new(),
            after: after.into_bytes(),
        }
    }

    /// Lines of ours in the user's section: in place of an older one of ours,
    /// else right below the header.
    fn fill_in(
        section: &[Line<'_>],
        next: Option<&Line<'_>>,
        sections: &[&[Line<'_>]],
        wanted: &DesiredProfile<'_>,
        eol: &str,
    ) -> Self {
        let old = sections
            .concat()
            .into_iter()
            .find(|line| is_ours(line.text));
        // Below the header, an indented line would continue the line before
        // it: ours must be indented like it, be it the header of the next section.
        let indent = match old {
            Some(old) => leading_space(old.text),
            None => section[1..]
                .iter()
                .find(|line| key(line.text).is_some())
                .or(next)
                .map_or(&b""[..], |line| leading_space(line.text)),
        };
        let present = keys(&sections.concat());
        let at = old.unwrap_or(section[0]);
        let mut after = Vec::new();
        if old.is_none() {
            after.extend_from_slice(at.text);
        }
        for (index, (key, value)) in wanted.lines.iter().enumerate() {
            if index > 0 && present.contains(key) {
                continue;
            }
            if !after.is_empty() {
                let ends = after.ends_with(b"\n");
                after.extend_from_slice(if ends { b"" } else { eol.as_bytes() });
            }
            after.extend_from_slice(indent);
            after.extend_from_slice(format!("{key} = {value}").as_bytes());
        }
        // The last line ends as the one it follows or replaces did.
        if at.text.ends_with(b"\n") {
            after.extend_from_slice(eol.as_bytes());
        }
        Self {
            offset: at.offset,
            before: at.text.to_vec(),
            after,
        }
    }

    /// The file after the edit.
    pub(super) fn apply(&self, file: &[u8]) -> Vec<u8> {
        splice(file, self.offset, &self.before, &self.after)
    }

    /// The file before the edit, also where other parts of it changed since;
    /// nothing where the edit cannot be found any more.
    pub(super) fn revert(&self, file: &[u8]) -> Option<Vec<u8>> {
        let at = |offset: usize| {
            file.get(offset..)?
                .starts_with(&self.after)
                .then_some(offset)
        };
        let offset = at(self.offset).or_else(|| {
            let mut found = (0..file.len()).filter_map(at);
            found.next().filter(|_| found.next().is_none())
        })?;
        Some(splice(file, offset, &self.after, &self.before))
    }
}

/// The profile as a section of its own.
pub(super) fn section(wanted: &DesiredProfile<'_>) -> String {
    let mut text = match wanted.profile {
        "default" => "[default]\n".to_owned(),
        name => format!("[profile {name}]\n"),
    };
    for (key, value) in wanted.lines {
        text.extend([key.as_str(), " = ", value, "\n"]);
    }
    text
}

/// Why botocore, the strictest of the SDKs, would refuse the whole file, and what
/// makes it readable.
pub(super) fn unreadable(file: &[u8], path: &Path) -> Option<(String, Command)> {
    let (what, hint) = if file.starts_with(BYTE_ORDER_MARK) {
        let hint = botocore_refusals::remove_mark(path);
        (BEGINS_WITH_MARK.to_owned(), hint)
    } else {
        (refused(&lines(file))?, Command::edit(path))
    };
    let what = format!("it {what}, and AWS programs refuse such a file");
    Some((what, hint))
}

/// What a file has that is refused.
fn refused(lines: &[Line<'_>]) -> Option<String> {
    let mut parts = ini::parts(lines).into_iter();
    if parts.any(|(_, part)| matches!(part, ini::Part::Stray)) {
        return Some("has a line that is neither a section nor a setting".to_owned());
    }
    if let Some(line) = botocore_refusals::not_utf8(lines) {
        return Some(format!("is not in UTF-8 (line {})", line.number));
    }
    if let Some((header, numbers)) = botocore_refusals::repeated_headers(lines).first() {
        let header = quoted::name(header);
        return Some(format!(
            "has section {header} at lines {}",
            botocore_refusals::at(numbers)
        ));
    }
    let mut repeated = ini::all_sections(lines)
        .into_iter()
        .flat_map(botocore_refusals::repeated_keys);
    let (key, numbers) = repeated.next()?;
    let key = quoted::name(&key);
    Some(format!(
        "has {key} in one section at lines {}",
        botocore_refusals::at(&numbers)
    ))
}

/// Whether the profile has every key that is wanted, whoever wrote it.
pub(super) fn is_complete(file: &[u8], wanted: &DesiredProfile<'_>) -> bool {
    let lines = lines(file);
    let mut sections = sections(&lines, wanted.profile, true);
    sections.retain(|section| !ini::is_spaced(section[0].text, true));
    let keys = keys(&sections.concat());
    wanted.lines.iter().all(|(key, _)| keys.contains(key))
}

/// Whether the profile holds a line of ours.
pub(super) fn is_set_up(file: &[u8], profile: &str) -> bool {
    let mut lines = ini::profile_lines(file, profile, true).into_iter();
    lines.any(|line| is_ours(line.text))
}

/// Whether a configuration says the region of a profile.
pub(super) fn has_region(file: &[u8], profile: &str) -> bool {
    keys(&ini::profile_lines(file, profile, true)).contains(&"region".to_owned())
}

/// What a credentials file has for the profile that programs take first.
pub(super) fn other_way(file: &[u8], profile: &str) -> Option<String> {
    let lines = ini::profile_lines(file, profile, false);
    // Keys are what is most often there.
    let keys = lines.iter().filter_map(other_key);
    keys.min_by_key(|key| key != "aws_access_key_id")
}

/// The key of a line that gives credentials in another way.
fn other_key(line: &Line<'_>) -> Option<String> {
    let key = key(line.text)?;
    let process = key == "credential_process" && !is_ours(line.text);
    (ini::other_way(&key).is_some() || process).then_some(key)
}

fn keys(lines: &[Line<'_>]) -> Vec<String> {
    lines.iter().filter_map(|line| key(line.text)).collect()
}

fn splice(file: &[u8], offset: usize, old: &[u8], new: &[u8]) -> Vec<u8> {
    [&file[..offset], new, &file[offset + old.len()..]].concat()
}

/// How the file ends its lines: as its first one does.
fn line_ending(file: &[u8]) -> &'static str {
    match file.iter().position(|byte| *byte == b'\n') {
        Some(end) if end > 0 && file[end - 1] == b'\r' => "\r\n",
        _ => "\n",
    }
}

/// Bytes as text of one character a byte (ISO 8859-1), so that a record stays
/// readable and every byte survives.
mod as_text {
    use serde::{Deserialize, Deserializer, Serializer, de};

    #[expect(clippy::ptr_arg, reason = "serde hands over the field's own type")]
    pub(super) fn serialize<S: Serializer>(bytes: &Vec<u8>, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&bytes.iter().copied().map(char::from).collect::<String>())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<u8>, D::Error> {
        String::deserialize(from)?
            .chars()
            .map(|char| u8::try_from(char).map_err(|_| de::Error::custom("not bytes")))
            .collect()
    }
}

/// A file, made up: what is put into it is there, and can be taken out again to
/// the byte.
#[cfg(any(test, fuzzing))]
#[allow(clippy::expect_used, reason = "a fuzzer looks for panics")]
pub(in crate::commands) fn fuzz_aws_config(file: &[u8]) {
    let line = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let lines = [
        line("credential_process", "/usr/bin/quiltctl credential-process"),
        line("region", "eu-west-1"),
    ];
    for profile in ["quilt", "default"] {
        let wanted = DesiredProfile {
            profile,
            lines: &lines,
        };
        if unreadable(file, Path::new("config")).is_some() {
            continue;
        }
        let Ok(edit) = Edit::plan(file, &wanted) else {
            continue;
        };
        let after = edit.apply(file);
        assert!(is_set_up(&after, profile), "{profile} is there");
        assert!(is_complete(&after, &wanted), "{profile} has all of it");
        let before = edit.revert(&after).expect("it can be found again");
        assert!(before == file, "{profile} is taken out to the byte");
    }
}

#[cfg(test)]
mod tests;
