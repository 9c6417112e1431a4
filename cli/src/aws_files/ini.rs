//! The files of the AWS tools, read as bytes: sections, and keys in them.

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

/// Whether a key gives a profile credentials in another way.
pub(crate) fn is_other_way(key: &str) -> bool {
    FOREIGN_KEYS.contains(&key) || key.starts_with("sso_")
}

/// A line with its ending, and where it starts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line<'a> {
    /// Its number, from 1.
    pub(crate) number: usize,
    pub(crate) offset: usize,
    pub(crate) text: &'a [u8],
}

pub(crate) fn lines(file: &[u8]) -> Vec<Line<'_>> {
    file.split_inclusive(|byte| *byte == b'\n')
        .zip(1..)
        .scan(0, |next, (text, number)| {
            let offset = *next;
            *next += text.len();
            Some(Line {
                number,
                offset,
                text,
            })
        })
        .collect()
}

/// The sections of a profile, each from its header on; more than one where the
/// file repeats it. In a credentials file the header has no `profile`.
pub(crate) fn sections<'a, 'b>(
    lines: &'b [Line<'a>],
    profile: &str,
    config: bool,
) -> Vec<&'b [Line<'a>]> {
    all_sections(lines)
        .into_iter()
        .filter(|section| profile_of(section[0].text, config).as_deref() == Some(profile))
        .collect()
}

/// Every section, each from its header on.
pub(crate) fn all_sections<'a, 'b>(lines: &'b [Line<'a>]) -> Vec<&'b [Line<'a>]> {
    let starts: Vec<usize> = headers(lines).into_iter().chain([lines.len()]).collect();
    starts
        .windows(2)
        .map(|range| &lines[range[0]..range[1]])
        .collect()
}

/// Where the headers are.
pub(crate) fn headers(lines: &[Line<'_>]) -> Vec<usize> {
    let parts = parts(lines).into_iter();
    let headers = parts.filter(|(_, part)| matches!(part, Part::Header));
    headers.map(|(index, _)| index).collect()
}

/// The lines of a section, as of a file, that begin a `key = value`; what is
/// indented below one is part of its value.
pub(crate) fn options<'a>(lines: &[Line<'a>]) -> Vec<Line<'a>> {
    let parts = parts(lines).into_iter();
    let options = parts.filter(|(_, part)| matches!(part, Part::Option));
    options.map(|(index, _)| lines[index]).collect()
}

/// What a line is.
#[derive(Clone, Copy)]
pub(crate) enum Part {
    Header,
    Option,
    /// Of the value of the option above.
    Continuation,
    /// Nothing that is understood.
    Stray,
}

/// What each line is that is neither empty nor a comment, as botocore's parser
/// (Python's `configparser`) sees it: a header may be indented, unless that
/// makes it part of the value above.
pub(crate) fn parts(lines: &[Line<'_>]) -> Vec<(usize, Part)> {
    let mut parts = Vec::new();
    let (mut in_section, mut in_option) = (false, false);
    let mut indent = 0;
    for (index, line) in lines.iter().enumerate() {
        let text = line.text.trim_ascii();
        if text.is_empty() || text.starts_with(b"#") || text.starts_with(b";") {
            continue;
        }
        let own = leading_space(line.text).len();
        if in_option && own > indent {
            parts.push((index, Part::Continuation));
            continue;
        }
        indent = own;
        let part = if text.starts_with(b"[") && text[1..].contains(&b']') {
            (in_section, in_option) = (true, false);
            Part::Header
        } else if in_section && key(line.text).is_some() {
            in_option = true;
            Part::Option
        } else {
            Part::Stray
        };
        parts.push((index, part));
    }
    parts
}

/// The profile a header is of, however spaced and quoted.
pub(crate) fn profile_of(header: &[u8], config: bool) -> Option<String> {
    let header = String::from_utf8_lossy(header);
    let name = header
        .trim_start()
        .strip_prefix('[')
        .and_then(|rest| rest.split(']').next());
    let words: Vec<&str> = name.unwrap_or_default().split_whitespace().collect();
    match words[..] {
        [name] if !config || name == "default" => Some(name.to_owned()),
        ["profile", name] if config => Some(name.trim_matches(['"', '\'']).to_owned()),
        _ => None,
    }
}

/// Whether botocore does not take a header for the profile it names to others:
/// it has spaces inside its brackets.
pub(crate) fn is_spaced(header: &[u8], config: bool) -> bool {
    let header = header.trim_ascii();
    let inner = header.strip_prefix(b"[").unwrap_or(header);
    let inner = inner.split(|byte| *byte == b']').next().unwrap_or(inner);
    let is_split = config && inner.starts_with(b"profile");
    !is_split && inner.trim_ascii() != inner
}

/// The key of a `key = value` line, in lower case. An indented line may be
/// part of the value above it, or not: SDKs disagree, so it counts.
pub(crate) fn key(line: &[u8]) -> Option<String> {
    let line = String::from_utf8_lossy(line);
    let line = line.trim();
    let end = line.find(['=', ':'])?;
    let key = line[..end].trim().to_ascii_lowercase();
    (!key.is_empty() && !key.starts_with(['#', ';', '['])).then_some(key)
}

/// What follows the key.
pub(crate) fn value(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    let value = line.split_once(['=', ':']).map(|(_, value)| value.trim());
    value.unwrap_or_default().to_owned()
}

/// Whether the line runs this program's `credential-process`.
pub(crate) fn is_ours(line: &[u8]) -> bool {
    let text = String::from_utf8_lossy(line);
    key(line).as_deref() == Some("credential_process")
        && text.contains("quiltctl")
        && text.contains(" credential-process")
}

pub(crate) fn leading_space(line: &[u8]) -> &[u8] {
    let length = line
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    &line[..length]
}
