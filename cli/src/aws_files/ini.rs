//! The files of the AWS tools, read as bytes: sections, and keys in them.

/// Another way in which a profile gets credentials, so that it is not ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OtherWay {
    /// Access keys that stand there.
    Keys,
    /// `aws login`.
    Login,
    /// A role, from another profile or the machine's.
    Role,
    /// IAM Identity Center.
    SingleSignOn,
    /// A role, by a token in a file.
    WebIdentity,
}

/// In which other way a key gives a profile credentials, if it does.
pub(crate) fn other_way(key: &str) -> Option<OtherWay> {
    Some(match key {
        "aws_access_key_id" | "aws_secret_access_key" | "aws_session_token" => OtherWay::Keys,
        "login_session" => OtherWay::Login,
        "credential_source" | "role_arn" | "source_profile" => OtherWay::Role,
        "web_identity_token_file" => OtherWay::WebIdentity,
        key if key.starts_with("sso_") => OtherWay::SingleSignOn,
        _ => return None,
    })
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

/// The lines of all sections of a profile, in their order.
pub(crate) fn profile_lines<'a>(file: &'a [u8], profile: &str, config: bool) -> Vec<Line<'a>> {
    sections(&lines(file), profile, config).concat()
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
    let mut outer = 0;
    for (index, line) in lines.iter().enumerate() {
        let text = stripped(line.text);
        if text.is_empty() || text.starts_with(['#', ';']) {
            continue;
        }
        let own = indent(line.text);
        if in_option && own > outer {
            parts.push((index, Part::Continuation));
            continue;
        }
        outer = own;
        let part = if text.starts_with('[') && text[1..].contains(']') {
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
        .trim_start_matches(is_space)
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
    let header = stripped(header);
    let inner = header.strip_prefix('[').unwrap_or(&header);
    let inner = inner.split(']').next().unwrap_or(inner);
    let is_split = config && inner.starts_with("profile");
    !is_split && inner.trim_matches(is_space) != inner
}

/// The key of a `key = value` line, in lower case. An indented line may be
/// part of the value above it, or not: SDKs disagree, so it counts.
pub(crate) fn key(line: &[u8]) -> Option<String> {
    let line = stripped(line);
    let end = line.find(['=', ':'])?;
    let key = line[..end].trim_matches(is_space).to_lowercase();
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

/// Whether Python strips a character as white space, which `configparser` does
/// (`str.isspace`): Unicode's, and four separators that are none there.
fn is_space(c: char) -> bool {
    c.is_whitespace() || ('\x1c'..='\x1f').contains(&c)
}

/// A line without white space around it.
pub(crate) fn stripped(line: &[u8]) -> String {
    let line = String::from_utf8_lossy(line);
    line.trim_matches(is_space).to_owned()
}

/// How many characters of white space a line begins with.
pub(crate) fn indent(line: &[u8]) -> usize {
    let line = String::from_utf8_lossy(line);
    line.chars().take_while(|c| is_space(*c)).count()
}

/// The blanks and tabs that a line begins with.
pub(crate) fn leading_space(line: &[u8]) -> &[u8] {
    let length = line
        .iter()
        .take_while(|byte| matches!(byte, b' ' | b'\t'))
        .count();
    &line[..length]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Python 3.11 says of every character: `c.isspace()`.
    #[test]
    fn white_space_is_what_python_takes_for_it() {
        let spaces: Vec<u32> = (0..=0x10_ffff)
            .filter(|c| char::from_u32(*c).is_some_and(is_space))
            .collect();
        let ascii = [0x09, 0x0a, 0x0b, 0x0c, 0x0d, 0x1c, 0x1d, 0x1e, 0x1f, 0x20];
        let others = [0x85, 0xa0, 0x1680];
        let wide = [0x2028, 0x2029, 0x202f, 0x205f, 0x3000];
        let expected = ascii.into_iter().chain(others);
        let expected = expected.chain(0x2000..=0x200a).chain(wide);
        assert_eq!(spaces, expected.collect::<Vec<u32>>());
    }

    #[test]
    fn sections_and_keys_are_found_behind_any_white_space() {
        for space in ["\u{a0}", "\u{3000}", "\x0b", "\x1c", "\x1f", "\u{85}"] {
            let file = format!(
                "{space}[default]\n{space}aws_access_key_id{space}={space}A\n\
                 aws_secret_access_\u{212a}ey = B\n"
            );
            let lines = lines(file.as_bytes());
            let sections = sections(&lines, "default", false);
            assert_eq!(sections.len(), 1, "{space:?}");
            let keys: Vec<_> = options(sections[0])
                .iter()
                .filter_map(|line| key(line.text))
                .collect();
            let expected = ["aws_access_key_id", "aws_secret_access_key"];
            assert_eq!(keys, expected, "{space:?}");
        }
    }
}
