//! Commands for people to run, as data: words of ours and quoted arguments.
//! They are written out in one place, here, and no sentence is ever searched
//! for one.

use std::fmt::{self, Display};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::shell_quote::quote;
use crate::{locations, terminal_safe};

/// A command that mends something, or shows why it cannot. Its own words are
/// part of this program; whatever comes from elsewhere is an argument of it,
/// and quoted.
#[derive(Clone, derive_more::Debug)]
#[debug("`{self}`")]
pub struct Command {
    parts: Vec<Part>,
}

#[derive(Clone)]
enum Part {
    /// Words of ours, as a shell reads them.
    Own(&'static str),
    /// `--name value`.
    Option(&'static str, Vec<u8>),
    /// A value that is no option, whatever it begins with.
    Operand(Vec<u8>),
    /// A word as it is, be it an option.
    Word(Vec<u8>),
    /// `NAME=value`.
    Variable(&'static str, Vec<u8>),
    /// As a daemon wrote it.
    Line(String),
}

/// Stands for a catalog that the reader has to name.
pub const EXAMPLE_CATALOG: &str = "https://YOUR-CATALOG";

/// Logs in to a catalog that is not known here.
pub fn first_login() -> Command {
    Command::of("quiltctl login").operand(EXAMPLE_CATALOG)
}

impl Command {
    /// A command that begins with these words of ours, written as a shell
    /// reads them.
    pub fn of(words: &'static str) -> Self {
        Self {
            parts: vec![Part::Own(words)],
        }
    }

    /// A command that is run with a variable set: `NAME=value …`.
    pub fn with_variable(name: &'static str, value: impl Display) -> Self {
        Self { parts: Vec::new() }.variable(name, value)
    }

    /// `quiltctl` for the daemon on a socket, named unless it is the usual one.
    pub fn to_daemon(socket: Option<&Path>, words: &'static str) -> Self {
        let usual = locations::socket().ok();
        let named = socket.filter(|socket| usual.as_deref() != Some(*socket));
        let start = Self::of("quiltctl");
        match named {
            Some(socket) => start.path_option("--socket", socket),
            None => start,
        }
        .words(words)
    }

    /// Opens a file in the user's editor.
    pub fn edit(file: &Path) -> Self {
        Self::of("${EDITOR:-vi}").path(file)
    }

    fn with(mut self, part: Part) -> Self {
        self.parts.push(part);
        self
    }

    /// With more words of ours.
    #[must_use]
    pub fn words(self, words: &'static str) -> Self {
        self.with(Part::Own(words))
    }

    /// With more words of ours, if that is so.
    #[must_use]
    pub fn words_if(self, words: &'static str, is_so: bool) -> Self {
        if is_so { self.words(words) } else { self }
    }

    /// With an option, `--name value`.
    #[must_use]
    pub fn option(self, name: &'static str, value: impl Display) -> Self {
        self.with(Part::Option(name, value.to_string().into_bytes()))
    }

    /// With an option, where there is a value for it.
    #[must_use]
    pub fn option_if(self, name: &'static str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.option(name, value),
            None => self,
        }
    }

    /// With an option whose value is a path.
    #[must_use]
    pub fn path_option(self, name: &'static str, path: &Path) -> Self {
        self.with(Part::Option(name, bytes(path)))
    }

    /// With a value that is no option, even where it begins like one.
    #[must_use]
    pub fn operand(self, value: impl Display) -> Self {
        self.with(Part::Operand(value.to_string().into_bytes()))
    }

    /// With a file.
    #[must_use]
    pub fn path(self, path: &Path) -> Self {
        self.with(Part::Word(bytes_of_file(path)))
    }

    /// With a word that is what it looks like, as in the argv of a program that
    /// was run.
    #[must_use]
    pub fn word(self, word: &str) -> Self {
        self.with(Part::Word(word.as_bytes().to_owned()))
    }

    /// With a variable's value: `NAME=value`.
    #[must_use]
    pub fn variable(self, name: &'static str, value: impl Display) -> Self {
        self.with(Part::Variable(name, value.to_string().into_bytes()))
    }
}

/// Words of ours alone.
impl From<&'static str> for Command {
    fn from(words: &'static str) -> Self {
        Self::of(words)
    }
}

impl From<&Self> for Command {
    fn from(command: &Self) -> Self {
        command.clone()
    }
}

/// The one place where a command is written out. POSIX shells and `shlex` read
/// the same words from it; only for what cannot be seen there is no way of
/// writing that both read, and the shell counts.
impl Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let like_option =
            |part: &Part| matches!(part, Part::Operand(value) if value.starts_with(b"-"));
        let ends_options = self.parts.iter().any(like_option);
        let is_behind = |part: &&Part| ends_options && matches!(part, Part::Operand(_));
        let (behind, before): (Vec<_>, Vec<_>) = self.parts.iter().partition(is_behind);
        let mut words: Vec<_> = before.into_iter().map(Part::written).collect();
        words.extend(ends_options.then(|| "--".to_owned()));
        words.extend(behind.into_iter().map(Part::written));
        f.write_str(&words.join(" "))
    }
}

impl Part {
    fn written(&self) -> String {
        match self {
            Self::Own(words) => (*words).to_owned(),
            Self::Option(name, value) if value.first() == Some(&b'-') => {
                format!("{name}={}", quote(value))
            }
            Self::Option(name, value) => format!("{name} {}", quote(value)),
            Self::Operand(value) | Self::Word(value) => quote(value),
            Self::Variable(name, value) => format!("{name}={}", quote(value)),
            Self::Line(line) => line.clone(),
        }
    }
}

/// What stands before a command that somebody may run.
pub const RUN: &str = "run: ";

/// A sentence and the command that goes with it: the one form in which both
/// are printed. The sentence is what a problem document has as its `detail`, and
/// may be the Python SDK's: it stays as it is.
pub fn sentence(what: &str, hint: Option<&Command>) -> String {
    match hint {
        Some(hint) => format!("{what}; {RUN}{hint}"),
        None => what.to_owned(),
    }
}

/// A sentence as a part of a longer one: without its full stop, be it within
/// the quotes of somebody else's words. What was left out stays left out.
pub fn clause(sentence: impl Display) -> String {
    let sentence = sentence.to_string();
    let said = without_stop(sentence.trim_end());
    match said.strip_suffix('”').map(without_stop) {
        Some(said) => format!("{said}”"),
        None => said.to_owned(),
    }
}

fn without_stop(text: &str) -> &str {
    match text.strip_suffix('.') {
        Some(rest) if !rest.ends_with(['.', '“']) => rest,
        _ => text,
    }
}

/// A file's name; no program takes it for an option.
fn bytes_of_file(path: &Path) -> Vec<u8> {
    let name = bytes(path);
    if name.first() == Some(&b'-') {
        [b"./", &name[..]].concat()
    } else {
        name
    }
}

#[cfg(unix)]
fn bytes(path: &Path) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    path.as_os_str().as_bytes().to_owned()
}

#[cfg(not(unix))]
fn bytes(path: &Path) -> Vec<u8> {
    path.to_string_lossy().into_owned().into_bytes()
}

/// Commands are the same where they are written the same.
impl PartialEq for Command {
    fn eq(&self, other: &Self) -> bool {
        self.to_string() == other.to_string()
    }
}

impl Eq for Command {}

impl PartialEq<str> for Command {
    fn eq(&self, other: &str) -> bool {
        let written: &str = &self.to_string();
        written == other
    }
}

impl PartialEq<&str> for Command {
    fn eq(&self, other: &&str) -> bool {
        self == *other
    }
}

impl Serialize for Command {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The longest command taken from a daemon, in bytes.
const MAX_LINE: usize = 16 * 1024;

/// A command of the daemon, which quoted it. It is shown and not run, so all
/// that is asked of it is that it is one line.
impl<'de> Deserialize<'de> for Command {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let line = String::deserialize(deserializer)?;
        // Blanks are kept: those within quotes are part of a name.
        let line = terminal_safe::clean(terminal_safe::head(&line, MAX_LINE));
        let line = line.trim().to_owned();
        Ok(Self {
            parts: vec![Part::Line(line)],
        })
    }
}

#[cfg(test)]
mod tests;
