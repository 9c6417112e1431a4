//! The commands that take from others what they may write, or have written.
//!
//! What they wrote would count from then on, and whoever has opened a file goes on
//! writing to it, whatever its mode is then. So a file gets a copy in its place,
//! and people see what is in it; what only programs read is put aside.

use std::env;
use std::fs::{self, FileType};
use std::io::{self, Read};
use std::iter;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use quilt_proto::{Command, aws, is_state_file, python_sdk};
use rustix::fs::{Access, access};
use rustix::process::geteuid;

use super::access_check::{Right, who_else_may};
use super::distrust::{as_owner, look};
use super::{foreign_home, interpreter_line, open_at_once};

/// What a file that others may write is, to the user.
#[derive(Clone, Copy)]
enum Content {
    /// Settings, a script: theirs to judge.
    Text,
    /// What AWS programs read: nothing in there names a value that stands elsewhere in it.
    OfAws,
    /// Anything else.
    Unknown,
    /// What only programs read.
    OfPrograms,
}

impl Content {
    /// By its name, and not by what it begins with: that, too, others have written.
    fn of(path: &Path) -> Self {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let of_quilt3 = [python_sdk::AUTH_FILE, python_sdk::CREDENTIALS_FILE];
        if is_state_file(&name) || of_quilt3.contains(&&*name) {
            Self::OfPrograms
        } else if is_of_aws(path) {
            Self::OfAws
        } else if is_text(path) || interpreter_line(path).is_some() {
            Self::Text
        } else if is_executable(path) && is_binary(path) {
            Self::OfPrograms
        } else {
            Self::Unknown
        }
    }

    /// How the copy is shown, where it is.
    fn shown(self, copied: Command, own: &Path) -> Command {
        // To Python, which may read it, a line ends there, too.
        let but_for = |secrets| {
            let lines = copied.clone().words("&& tr '\\r' '\\n' <").path(own);
            lines.words(secrets)
        };
        match self {
            Self::Text => copied.words("&& cat -v").path(own),
            Self::OfAws => but_for(WITHOUT_AWS_SECRETS),
            Self::Unknown => but_for(WITHOUT_API_KEYS),
            Self::OfPrograms => copied,
        }
    }
}

/// Whether a path is that of a file of the AWS programs, by its place or by the
/// variables that name one.
fn is_of_aws(path: &Path) -> bool {
    let variables = [aws::CONFIG_FILE_ENV, aws::CREDENTIALS_FILE_ENV];
    let named = variables.iter().filter_map(env::var_os).map(PathBuf::from);
    let real = |path: &Path| path.canonicalize().ok();
    let mut usual = [".aws/config", ".aws/credentials"].iter();
    usual.any(|usual| path.ends_with(usual))
        || named
            .into_iter()
            .any(|named| real(&named).is_some_and(|it| Some(it) == real(path)))
}

fn is_executable(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.mode() & 0o100 != 0)
}

/// How much is read of a file to see whether people can read it, in bytes.
const BEGINNING: u64 = 4096;

/// Whether a file begins with what no text has; what others made look like text
/// is shown.
fn is_binary(path: &Path) -> bool {
    let mut bytes = Vec::new();
    let read = open_at_once(path).map(|file| file.take(BEGINNING).read_to_end(&mut bytes));
    !matches!(read, Ok(Ok(_))) || bytes.contains(&0)
}

/// Whether a file of this name is for people to read.
fn is_text(path: &Path) -> bool {
    let endings = [
        "toml", "yml", "yaml", "service", "socket", "conf", "plist", "bash", "zsh", "fish", "sh",
        "ps1", "pem", "crt",
    ];
    let names = [
        ".bashrc",
        ".bash_profile",
        ".profile",
        ".zshrc",
        ".zshenv",
        ".zprofile",
    ];
    let ending = path.extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|ending| endings.contains(&ending))
        || names.iter().any(|name| path.ends_with(name))
}

/// What is not shown of a file of theirs: the value of a line that gives AWS programs a
/// secret, where it is a word that nothing would run. A line that begins with a blank
/// may go on with a command, and each of `[plugins]` names a module (AWS CLI v1): where
/// that section ends, readers differ, so that from there on all is shown.
pub(super) const WITHOUT_AWS_SECRETS: &str = "| LC_ALL=C sed -E -e '/plugins/,$!s,\
     ^((export )?(aws_secret_access_key|aws_session_token|aws_security_token\
     |AWS_SECRET_ACCESS_KEY|AWS_SESSION_TOKEN|AWS_SECURITY_TOKEN)[[:blank:]]*[=:][[:blank:]]*)\
     [\"]?[[:alnum:]+/=_-]+[\"]?([[:blank:]]*(#.*)?)$,\\1(a secret)\\4,' | cat -v";

/// What is not shown of other files: a value, or a line, that is an API key and no path.
/// Whatever else a shell would do with a value is to be seen.
pub(super) const WITHOUT_API_KEYS: &str = "| LC_ALL=C sed -E \
     -e 's|^(([[:alpha:]_]+ )?[[:alpha:]_]+=)?([\"]?)qk_[[:alnum:]_-]+([\"]?[[:blank:]]*)$\
     |\\1\\3qk_(a secret)\\4|' | cat -v";

/// Takes from others what they may write.
pub(super) fn close(path: &Path, owner: u32) -> Command {
    let user = geteuid().as_raw();
    let is_file = path.metadata().is_ok_and(|found| found.is_file());
    match (
        is_file && is_in_own_directory(path),
        owner == user || user == 0,
    ) {
        (true, _) => match Content::of(path) {
            Content::OfPrograms => aside(path),
            content => renewed(path, content),
        },
        (false, true) => Command::of("chmod go-w").path(path),
        (false, false) => Command::of("sudo chmod go-w").path(path),
    }
}

/// Puts a copy in the place of a file that others may have open, as people have
/// seen it: with nothing in it that a terminal would obey. The copy is nobody
/// else's from its first moment on.
fn renewed(path: &Path, content: Content) -> Command {
    let own = free(path, ".own");
    let install = if is_executable(path) {
        "install -m 700"
    } else {
        "install -m 600"
    };
    let copied = Command::of(install).path(path).path(&own);
    let shown = content.shown(copied, &own);
    shown.words("&& mv -f").path(&own).path(path)
}

/// Puts something out of the way. A file of the user's is closed to others first:
/// there may be a login in it that is good for long.
pub(super) fn aside(path: &Path) -> Command {
    let is_open = path.symlink_metadata().is_ok_and(|found| {
        found.is_file() && found.uid() == geteuid().as_raw() && found.mode() & 0o077 != 0
    });
    let moved = if is_open {
        Command::of("chmod go=").path(path).words("&& mv")
    } else {
        Command::of("mv")
    };
    moved.path(path).path(&free(path, PUT_ASIDE))
}

/// What the name of a file ends with that was put aside.
const PUT_ASIDE: &str = ".foreign";

/// Whether something has the name of what was put aside.
pub fn was_put_aside(name: &str) -> bool {
    let numbered = |c: char| c.is_ascii_digit() || c == '.';
    name.trim_end_matches(numbered).ends_with(PUT_ASIDE)
}

/// Where the advised command puts a file aside, the first time.
pub fn put_aside(path: &Path) -> PathBuf {
    beside(path, PUT_ASIDE)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// A name beside a path that nothing has: what was put there before stays.
pub fn free(path: &Path, ending: &str) -> PathBuf {
    let numbered = |number: u8| beside(path, &format!("{ending}.{number}"));
    let mut names = iter::once(beside(path, ending)).chain((2..100).map(numbered));
    // Where that cannot be told, the command says so.
    names
        .find(|name| name.symlink_metadata().is_err())
        .unwrap_or_else(|| numbered(100))
}

/// Puts aside what belongs to others.
pub(super) fn foreign(path: &Path, owner: u32) -> Command {
    if let Some(command) = as_owner(owner) {
        return command;
    }
    if let Some((home, command)) = foreign_home::of_others()
        && path.starts_with(&home)
    {
        return command;
    }
    if !is_in_own_directory(path) {
        look(path)
    } else if owner == 0 && access(path, Access::READ_OK).is_ok() && is_nobody_elses(path) {
        // What root has made, as with sudo, is believed.
        let put_aside = free(path, PUT_ASIDE);
        let moved = Command::of("mv").path(path).path(&put_aside);
        moved.words("&& cp -Rp").path(&put_aside).path(path)
    } else {
        aside(path)
    }
}

/// How much of a directory is looked through, in entries.
const MOST_ENTRIES: usize = 10_000;

/// Whether nothing at a path, or below it, belongs to others than the user and
/// root, or could have been written by them: a copy would be the user's own.
fn is_nobody_elses(path: &Path) -> bool {
    let mut paths = vec![path.to_owned()];
    let mut looked = 0;
    while let Some(path) = paths.pop() {
        looked += 1;
        let Ok(found) = path.symlink_metadata() else {
            return false;
        };
        let is_ours = [0, geteuid().as_raw()].contains(&found.uid());
        if looked > MOST_ENTRIES || !is_ours {
            return false;
        }
        if found.is_symlink() {
            continue;
        }
        if who_else_may(Right::Write, &path, &found, None).is_some() {
            return false;
        }
        if found.is_dir() {
            let entries = fs::read_dir(&path).and_then(io::Result::<Vec<_>>::from_iter);
            let Ok(entries) = entries else {
                return false;
            };
            paths.extend(entries.iter().map(fs::DirEntry::path));
        }
    }
    true
}

fn is_in_own_directory(path: &Path) -> bool {
    let dir = path.parent().and_then(|dir| dir.symlink_metadata().ok());
    dir.is_some_and(|dir| dir.uid() == geteuid().as_raw())
}

/// Whether something may be put aside: it is in a directory of this user's, and
/// no device, of which root's directories have some that everybody needs.
pub(super) fn is_our_own(path: &Path) -> bool {
    let kind = path.symlink_metadata().map(|found| found.file_type());
    let is_device = |kind: FileType| kind.is_block_device() || kind.is_char_device();
    kind.is_ok_and(|kind| !is_device(kind)) && is_in_own_directory(path)
}
