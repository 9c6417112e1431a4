//! What a text could name for a program that reads it: as a shell would, or
//! behind an option (`--config=FILE`, `-cFILE`), or in a list (`A:B`).
//!
//! Nobody but that program knows what it takes for a path. So all that could
//! be one is looked at, which is more than there is.

use std::collections::HashSet;
use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// How many ends of a path are tried for each beginning: a name may have blanks.
const MOST_ENDS: usize = 24;

/// The longest path there is, in bytes.
const MAX_PATH: usize = 4096;

/// What a path begins or ends at, beside blanks.
const BOUNDS: &[char] = &[
    '\'', '"', '`', ';', '|', '&', '(', ')', '<', '>', '{', '}', '[', ']', '$', '*', '?', '=', ':',
    ',', '\\', '#', '!', '\0',
];

/// How many ways to read braces are tried.
const MOST_ALTERNATIVES: usize = 64;

/// What is in a pattern, and in no other name as a rule.
const PATTERN: [char; 3] = ['*', '?', '['];

/// How many directories names are looked for in.
const MOST_DIRECTORIES: usize = 256;

/// How many files a pattern may fit of a directory.
const MOST_FITTING: usize = 1000;

/// All that a text could name, for a program that runs in `directory` and looks
/// for others on `search`.
pub(super) fn named_in(text: &str, directory: &Path, search: &OsStr) -> Vec<PathBuf> {
    let home = env::var("HOME").ok().filter(|home| home.starts_with('/'));
    // A shell takes quotes in the middle of a path away, and backslashes.
    let mut texts: Vec<String> = alternatives(text)
        .into_iter()
        .flat_map(|text| {
            let unquoted = text.replace(['\'', '"'], "");
            let bare = unquoted.replace('\\', "");
            [text, unquoted, bare]
        })
        .collect();
    let mut at_home = None;
    if let Some(home) = home {
        let home = home.trim_end_matches('/').to_owned();
        let found: Vec<String> = texts.iter().map(|text| with_home(text, &home)).collect();
        // From there, as after a bare `cd`.
        at_home = found
            .iter()
            .any(|text| may_go_home(text, &home))
            .then(|| home.into());
        texts.extend(found);
    }
    texts.sort();
    texts.dedup();
    let names: Vec<&str> = texts.iter().flat_map(|text| names(text)).collect();
    let places: Vec<PathBuf> = env::split_paths(search).collect();
    let found = names
        .iter()
        .filter(|name| !name.contains(|char: char| char == '/' || char.is_whitespace()))
        .flat_map(|name| places.iter().map(move |dir| directory.join(dir).join(name)))
        .filter(|path| path.is_file());
    let here: Vec<_> = names.iter().map(|name| directory.join(name)).collect();
    // From a directory that is named as well: `cd DIR && ./program`.
    let dirs = here.iter().chain(&at_home).filter(|path| path.is_dir());
    let below = below(dirs.cloned().collect(), &names);
    let has_pattern = text.contains(PATTERN);
    let fitting = here
        .iter()
        .filter(|_| has_pattern)
        .flat_map(|path| fitting(path));
    let matching = texts.iter().flat_map(|text| matching(text));
    found
        .chain(below)
        .chain(fitting)
        .chain(matching)
        .chain(here.iter().cloned())
        .collect()
}

/// What names lead to from any of some directories, and from the directories that they
/// lead to from there, as after one `cd` and another.
fn below(dirs: Vec<PathBuf>, names: &[&str]) -> Vec<PathBuf> {
    let names = names.iter().map(|name| name.trim_start_matches("./"));
    let mut names: Vec<&str> = names
        .filter(|name| !name.is_empty() && !name.starts_with('/'))
        .collect();
    names.sort_unstable();
    names.dedup();
    let (mut left, mut seen, mut found) = (dirs, HashSet::new(), Vec::new());
    while let Some(dir) = left.pop() {
        // `..` leads to the same ones again.
        let real = dir.canonicalize().unwrap_or_else(|_| dir.clone());
        if seen.len() >= MOST_DIRECTORIES || !seen.insert(real) {
            continue;
        }
        for path in names.iter().map(|name| dir.join(name)) {
            if path.is_dir() {
                left.push(path.clone());
                found.push(path);
            } else if path.is_file() {
                found.push(path);
            }
        }
    }
    found
}

/// A text with each of what stands between braces (`{a,b}`, as bash and zsh
/// have it) in its place.
fn alternatives(text: &str) -> Vec<String> {
    let mut done = Vec::new();
    let mut left = vec![text.to_owned()];
    while let Some(text) = left.pop() {
        let braces = text.match_indices('{').find_map(|(open, _)| {
            let length = text[open..].find('}')?;
            let inner = &text[open + 1..open + length];
            inner.contains(',').then_some((open, open + length))
        });
        match braces {
            Some((open, close)) if done.len() + left.len() < MOST_ALTERNATIVES => {
                let each = text[open + 1..close].split(',');
                left.extend(each.map(|it| format!("{}{it}{}", &text[..open], &text[close + 1..])));
                // And as other shells have it.
                done.push(text);
            }
            _ => done.push(text),
        }
    }
    done
}

/// A text with the home directory wherever it is named: `~`, `$HOME`, `${HOME}`
/// and what else may stand between those braces.
fn with_home(text: &str, home: &str) -> String {
    let mut found = String::new();
    let mut left = text;
    while let Some(at) = left.find(['~', '$']) {
        let (before, named) = left.split_at(at);
        found.push_str(before);
        let rest = if let Some(rest) = named.strip_prefix("${HOME") {
            rest.split_once('}').map_or("", |(_, rest)| rest)
        } else if let Some(rest) = named.strip_prefix("$HOME") {
            rest
        } else if let Some(rest) = named.strip_prefix('~') {
            rest
        } else {
            found.push('$');
            left = &named[1..];
            continue;
        };
        found.push_str(home);
        left = rest;
    }
    found.push_str(left);
    found
}

/// Whether a shell may be at home when it reads the names in a text.
fn may_go_home(text: &str, home: &str) -> bool {
    let mut words = text.split(|char: char| !char.is_alphanumeric() && char != '_');
    words.any(|word| word == "cd" || word == "pushd") || text.contains(home)
}

/// What a text has a shell write to (`> FILE`), as it stands there, up to what
/// a path ends at.
pub(super) fn written_in(text: &str) -> Vec<Written> {
    let behind = text.split('>').skip(1).map(|behind| {
        let behind = behind.trim_start_matches(['|', '&']);
        let behind = behind.trim_start().trim_start_matches(['\'', '"']);
        &behind[..behind.find(is_bound).unwrap_or(behind.len())]
    });
    let paths = behind.filter(|path| path.starts_with('/'));
    paths.map(|path| Written(path.to_owned())).collect()
}

/// What a shell is to write to, as far as a text says it plainly.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Written(String);

impl Written {
    /// Whether a path is this one, or one that begins so and goes on behind
    /// what a path ends at.
    pub(super) fn may_be(&self, path: &Path) -> bool {
        let path = path.to_string_lossy();
        let rest = path.strip_prefix(&self.0);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(is_bound))
    }
}

/// What a path begins or ends at.
fn is_bound(char: char) -> bool {
    char.is_whitespace() || BOUNDS.contains(&char)
}

/// What fits patterns that begin at the root, in directories of it, too.
fn matching(text: &str) -> Vec<PathBuf> {
    let ends = |char: char| char.is_whitespace() || "'\"`;|&()<>=:,".contains(char);
    let words = text.split(ends);
    let patterns = words.filter(|word| word.starts_with('/') && word.contains(PATTERN));
    // What is no pattern to it is none to most shells.
    let paths = patterns.filter_map(|pattern| glob::glob(pattern).ok());
    paths
        .flat_map(|paths| paths.flatten().take(MOST_FITTING))
        .collect()
}

/// The files whose names begin as a pattern does that is not one itself.
fn fitting(begins: &Path) -> Vec<PathBuf> {
    let (Some(dir), Some(name)) = (begins.parent(), begins.file_name()) else {
        return Vec::new();
    };
    if begins.exists() {
        return Vec::new();
    }
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let fits = |entry: &std::fs::DirEntry| {
        let found = entry.file_name();
        found
            .as_encoded_bytes()
            .starts_with(name.as_encoded_bytes())
    };
    let fitting = entries.take(MOST_FITTING).filter(fits);
    fitting
        .map(|entry| entry.path())
        .filter(|path| path.is_file())
        .collect()
}

/// Every part of a text between two bounds that could be a name, and the same
/// from its first `/` on.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let bounds = || text.char_indices().filter(|(_, char)| is_bound(*char));
    let ends: Vec<usize> = bounds().map(|(at, _)| at).chain([text.len()]).collect();
    let begins = bounds().map(|(at, char)| at + char.len_utf8());
    let begins: Vec<usize> = [0].into_iter().chain(begins).collect();
    begins.into_iter().flat_map(move |begin| {
        let first = ends.partition_point(|end| *end <= begin);
        let last = ends.len().min(first + MOST_ENDS);
        // The end of all of it as well: options know no bounds.
        let ends = ends[first..last].iter().copied().chain([text.len()]);
        let parts = ends.map(move |end| &text[begin.min(end)..end]);
        let parts: Vec<&str> = parts
            .filter(|part| !part.is_empty() && part.len() <= MAX_PATH)
            .collect();
        let paths = parts.clone().into_iter().filter_map(|part| {
            let path = &part[part.find('/').filter(|at| *at > 0)?..];
            // In other words, such as `host/path`, it hardly names a directory.
            let is_option = part.starts_with(['-', '@', '+', '%']);
            (is_option || !Path::new(path).is_dir()).then_some(path)
        });
        parts.into_iter().chain(paths)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_could_be_a_path_is_found() {
        for (text, path) in [
            ("/a/b", "/a/b"),
            ("a/b", "/a/b"),
            ("-c/a/b", "/a/b"),
            ("--rc=/a b/c", "/a b/c"),
            ("@/a/b", "/a/b"),
            ("x:/a:/b", "/b"),
            ("cd /a; ./b", "/a"),
            ("'/a b/c' d", "/a b/c"),
            ("x=$(/a/b)", "/a/b"),
            ("sh\n\t/a/b\r", "/a/b"),
            ("file:///a/b", "/a/b"),
        ] {
            let named = named_in(text, Path::new("/"), OsStr::new(""));
            assert!(named.contains(&PathBuf::from(path)), "{text}: {named:?}");
        }
    }

    #[test]
    fn one_directory_after_another_is_gone_to() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("a/b/tell.sh");
        std::fs::create_dir_all(script.parent().unwrap()).unwrap();
        std::fs::write(&script, "").unwrap();
        let top = dir.path().display();
        for text in [
            format!("cd {top} && cd a && cd b && sh ./tell.sh"),
            format!("cd {top}; pushd a; cd ./b; sh tell.sh"),
            format!("cd {top}/a/../a/b && cd .. && cd b && sh ./tell.sh"),
        ] {
            let named = named_in(&text, Path::new("/"), OsStr::new(""));
            let real = named.iter().filter_map(|path| path.canonicalize().ok());
            let real: Vec<_> = real.collect();
            assert!(real.contains(&script), "{text}: {named:?}");
            assert!(real.contains(&script.parent().unwrap().into()), "{text}");
        }
    }

    #[test]
    fn patterns_are_known_in_every_part_of_a_path() {
        let dir = tempfile::tempdir().unwrap();
        let script = dir.path().join("here/tell.sh");
        std::fs::create_dir(script.parent().unwrap()).unwrap();
        std::fs::write(&script, "").unwrap();
        for pattern in ["*/tell.sh", "h?r[e]/t*", "here/tell.[s]h", "here/tel*"] {
            let text = format!("sh -c '{}/{pattern}'", dir.path().display());
            let named = named_in(&text, Path::new("/"), OsStr::new(""));
            assert!(named.contains(&script), "{text}: {named:?}");
        }
    }

    #[test]
    fn a_shell_s_ways_of_naming_are_known() {
        for (text, path) in [
            (r"/a/b\ c", "/a/b c"),
            (r#"/a/"b \c""#, "/a/b c"),
            ("/a/{b,c}.sh", "/a/c.sh"),
            ("/a/{b,c}{d,e}", "/a/ce"),
        ] {
            let named = named_in(text, Path::new("/"), OsStr::new(""));
            assert!(named.contains(&PathBuf::from(path)), "{text}: {named:?}");
        }
        let braces = "{a,b}".repeat(40);
        assert!(alternatives(&braces).len() <= 2 * MOST_ALTERNATIVES);
        for (text, found) in [
            ("$HOME", "/h"),
            ("cd ~ && x", "cd /h && x"),
            ("${HOME:?}/x $HOME/y", "/h/x /h/y"),
            ("${HOME%/}/x", "/h/x"),
            ("$PATH:$HOME", "$PATH:/h"),
            ("${HOME", "/h"),
        ] {
            assert_eq!(with_home(text, "/h"), found);
        }
        assert!(may_go_home("cd && sh ./x", "/h") && may_go_home("a /h", "/h"));
        assert!(!may_go_home("abcd ./x", "/h"));
        let written = written_in("a >/tmp/x-$$; b 2>> '/tmp/y' <z >&2 > w");
        assert_eq!(
            written,
            ["/tmp/x-", "/tmp/y"].map(|it| Written(it.to_owned()))
        );
        for (path, may_be) in [("/tmp/y", true), ("/tmp/y; b", true), ("/tmp/y.sh", false)] {
            assert_eq!(written[1].may_be(Path::new(path)), may_be, "{path}");
        }
    }

    #[test]
    fn a_long_text_names_no_more_than_can_be_looked_at() {
        let text = "sh '/a/b' ; ".repeat(1000);
        let named = named_in(&text, Path::new("/"), OsStr::new("/usr/bin:/bin"));
        assert!(named.len() < 1_000_000, "{}", named.len());
    }
}
