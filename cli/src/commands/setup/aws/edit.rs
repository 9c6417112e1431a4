//! Edits of an AWS configuration file, byte for byte.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Keys that give a profile credentials in another way, so that it is not ours.
const FOREIGN_KEYS: &[&str] = &[
    "aws_access_key_id",
    "aws_secret_access_key",
    "aws_session_token",
    "credential_source",
    "login_session",
    "role_arn",
    "source_profile",
    "web_identity_token_file",
];

/// The profile to have in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
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

/// Why a section is left alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Conflict {
    profile: String,
    key: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, key } = self;
        write!(
            f,
            "profile {profile} gets its credentials in another way ({key})"
        )
    }
}

impl Edit {
    /// What to change in a file that does not have the profile, or has it
    /// without credentials.
    pub(super) fn plan(file: &[u8], wanted: &Wanted<'_>) -> Result<Self, Conflict> {
        let lines = lines(file);
        let sections = sections(&lines, wanted.profile, true);
        for section in &sections {
            let foreign = section.iter().find_map(|line| {
                let key = key(line.text)?;
                let foreign = FOREIGN_KEYS.contains(&key.as_str()) || key.starts_with("sso_");
                (foreign || key == "credential_process" && !is_ours(line.text)).then_some(key)
            });
            if let Some(key) = foreign {
                let profile = wanted.profile.to_owned();
                return Err(Conflict { profile, key });
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
    fn append(file: &[u8], wanted: &Wanted<'_>, eol: &str) -> Self {
        let mut after = String::new();
        if !file.is_empty() {
            if !file.ends_with(b"\n") {
                after.push_str(eol);
            }
            after.push_str(eol);
        }
        let header = match wanted.profile {
            "default" => "[default]".to_owned(),
            name => format!("[profile {name}]"),
        };
        after.push_str(&header);
        after.push_str(eol);
        for (key, value) in wanted.lines {
            after.extend([key.as_str(), " = ", value, eol]);
        }
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
        wanted: &Wanted<'_>,
        eol: &str,
    ) -> Self {
        let old = sections
            .iter()
            .copied()
            .flatten()
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
        let present: Vec<String> = sections
            .iter()
            .flat_map(|section| section.iter())
            .filter_map(|line| key(line.text))
            .collect();
        let missing = |name: &str| !present.iter().any(|key| key == name);
        let at = old.unwrap_or(&section[0]);
        let mut after = Vec::new();
        if old.is_none() {
            after.extend_from_slice(at.text);
        }
        for (index, (key, value)) in wanted.lines.iter().enumerate() {
            if index > 0 && !missing(key) {
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

/// Whether the profile holds a line of ours.
pub(super) fn is_set_up(file: &[u8], profile: &str) -> bool {
    let lines = lines(file);
    let sections = sections(&lines, profile, true);
    sections
        .iter()
        .copied()
        .flatten()
        .any(|line| is_ours(line.text))
}

/// Whether a credentials file has keys for the profile.
pub(super) fn has_credentials(file: &[u8], profile: &str) -> bool {
    let lines = lines(file);
    let sections = sections(&lines, profile, false);
    sections
        .iter()
        .copied()
        .flatten()
        .filter_map(|line| key(line.text))
        .any(|key| key == "aws_access_key_id")
}

fn splice(file: &[u8], offset: usize, old: &[u8], new: &[u8]) -> Vec<u8> {
    [&file[..offset], new, &file[offset + old.len()..]].concat()
}

/// A line with its ending, and where it starts.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    offset: usize,
    text: &'a [u8],
}

fn lines(file: &[u8]) -> Vec<Line<'_>> {
    file.split_inclusive(|byte| *byte == b'\n')
        .scan(0, |next, text| {
            let offset = *next;
            *next += text.len();
            Some(Line { offset, text })
        })
        .collect()
}

/// The sections of a profile, each from its header on; more than one where the
/// file repeats it. In a credentials file the header has no `profile`.
fn sections<'a, 'b>(lines: &'b [Line<'a>], profile: &str, config: bool) -> Vec<&'b [Line<'a>]> {
    let starts: Vec<usize> = headers(lines).into_iter().chain([lines.len()]).collect();
    starts
        .windows(2)
        .map(|range| &lines[range[0]..range[1]])
        .filter(|section| names_profile(section[0].text, profile, config))
        .collect()
}

/// Where the headers are, as botocore's parser (Python's `configparser`) sees
/// them: a header may be indented, unless that makes it part of the value above.
fn headers(lines: &[Line<'_>]) -> Vec<usize> {
    let mut headers = Vec::new();
    let mut in_option = false;
    let mut indent = 0;
    for (index, line) in lines.iter().enumerate() {
        let text = line.text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            continue;
        }
        let own = leading_space(line.text).len();
        if in_option && own > indent {
            continue;
        }
        indent = own;
        if text.starts_with(b"[") && text[1..].contains(&b']') {
            headers.push(index);
            in_option = false;
        } else if !headers.is_empty() && key(line.text).is_some() {
            in_option = true;
        }
    }
    headers
}

/// Whether a header is that of the profile, however spaced and quoted.
fn names_profile(header: &[u8], profile: &str, config: bool) -> bool {
    let header = String::from_utf8_lossy(header);
    let name = header
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let words: Vec<&str> = name.unwrap_or_default().split_whitespace().collect();
    match words[..] {
        [name] if !config || profile == "default" => name == profile,
        ["profile", name] if config => name.trim_matches(['"', '\'']) == profile,
        _ => false,
    }
}

/// The key of a `key = value` line, in lower case. An indented line may be
/// part of the value above it, or not: SDKs disagree, so it counts.
fn key(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let end = line.find(['=', ':'])?;
    let key = line[..end].trim().to_ascii_lowercase();
    (!key.is_empty() && !key.starts_with(['#', ';', '['])).then_some(key)
}

/// Whether the line runs this program's `credential-process`.
fn is_ours(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    key(line).as_deref() == Some("credential_process")
        && text.contains("quiltctl")
        && text.contains(" credential-process")
}

fn leading_space(line: &[u8]) -> &[u8] {
    let length = line
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    &line[..length]
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

#[cfg(test)]
mod tests;
