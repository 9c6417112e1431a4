//! Why a file is not believed or not written, and what mends it.

use super::access_check;
use super::words::words;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use quilt_proto::{Command, quoted};
use rustix::process::geteuid;

use super::{file_system, foreign_home, namespace, remedy, users};

/// Why a file is not believed, or nothing is written there. One line, without
/// the command: that is [`Self::remedy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Somebody else's.
    #[error(
        "{} belongs to {}, and this is {}",
        quoted::path(path),
        users::describe(*owner),
        users::describe(geteuid().as_raw())
    )]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// This user is nobody, so that everybody else's files look like its own.
    #[error(
        "this user namespace maps no user to this program, so nothing tells whose files are whose"
    )]
    Nobody,
    /// Others may write to it.
    #[error(
        "{} can be written by {} (mode {mode:04o})",
        quoted::path(path),
        writers
    )]
    Loose {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whose it is.
        owner: u32,
        /// Who may.
        writers: Others,
    },
    /// Its file system does not tell who may write.
    #[error(
        "{} is on a file system ({name}) that shows the same owner and mode for every file, so \
         nothing tells whether others may write to it",
        quoted::path(path)
    )]
    FileSystem {
        /// The file or directory.
        path: PathBuf,
        /// The file system, as `quiltd.toml` names it.
        name: &'static str,
    },
    /// Another user serves the file system and says in it what they like.
    #[error(
        "{} is on a file system that {} serves, who says whose files in it are",
        quoted::path(path),
        users::describe(*server)
    )]
    Served {
        /// Where it is mounted.
        path: PathBuf,
        /// Who does.
        server: u32,
    },
    /// A symlink in the place of a file that nobody keeps elsewhere.
    #[error("{} is a symlink, which is not followed", quoted::path(.0))]
    Link(PathBuf),
    /// Something else is there.
    #[error("{} is not {wanted}", quoted::path(path))]
    Kind {
        /// The file or directory.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// The system refused.
    #[error("cannot {action} {}: {reason}", quoted::path(path))]
    Io {
        /// What was tried.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        reason: String,
        /// By its kind.
        kind: io::ErrorKind,
    },
}

/// Who besides the user may write to something, or read it.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub enum Others {
    /// All users.
    #[display("other users")]
    Everybody,
    /// The members of a group.
    #[display("the members of group {_0}")]
    Group(String),
    /// A user whom an access control list names.
    #[display("user {_0}, by its access control list")]
    User(String),
}

impl Distrust {
    pub(crate) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            reason: words(error),
            kind: error.kind(),
        }
    }

    pub(crate) fn missing(action: &'static str, path: &Path) -> Self {
        Self::io(action, path, &io::ErrorKind::NotFound.into())
    }

    /// The file or directory it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Foreign { path, .. }
            | Self::Loose { path, .. }
            | Self::FileSystem { path, .. }
            | Self::Served { path, .. }
            | Self::Kind { path, .. }
            | Self::Link(path)
            | Self::Io { path, .. } => path,
            Self::Nobody => Path::new(namespace::USERS),
        }
    }

    /// Whether it is about who owns or may write something, and not about
    /// what the system did not let us do.
    pub fn is_about_others(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Kind { .. })
    }

    /// The command that mends it, or shows why it cannot be.
    pub fn remedy(&self) -> Command {
        match self {
            Self::Foreign { path, owner, .. } => remedy::foreign(path, *owner),
            Self::Nobody => Command::of("cat").path(self.path()),
            // What is for everybody by its nature stays as it is: a device, and
            // a directory such as /tmp.
            Self::Loose { path, mode, .. } if is_shared(path, *mode) => look(path),
            Self::Loose { path, owner, .. } => remedy::close(path, *owner),
            Self::FileSystem { name, .. } => allow(name),
            Self::Io { path, kind, .. } => foreign_home::elsewhere(path, *kind),
            Self::Link(path) | Self::Kind { path, .. } if remedy::is_our_own(path) => {
                remedy::aside(path)
            }
            Self::Link(path) | Self::Kind { path, .. } | Self::Served { path, .. } => look(path),
        }
    }
}

/// Whether something is made to be written by all users: closing it would break
/// their programs.
fn is_shared(path: &Path, mode: u32) -> bool {
    let kind = path.symlink_metadata().map(|found| found.file_type());
    let is_plain = kind.is_ok_and(|kind| kind.is_file() || kind.is_dir());
    mode & access_check::STICKY != 0 || !is_plain
}

/// The distrust behind an error of a file operation, where that is what it is.
pub fn behind(error: &io::Error) -> Option<&Distrust> {
    error.get_ref()?.downcast_ref()
}

impl From<Distrust> for io::Error {
    fn from(distrust: Distrust) -> Self {
        let kind = match &distrust {
            Distrust::Io { kind, .. } => *kind,
            Distrust::Kind { .. } => io::ErrorKind::InvalidData,
            _ => io::ErrorKind::PermissionDenied,
        };
        Self::new(kind, distrust)
    }
}

/// This very command as the user whose files they are, where root gave it:
/// without `sudo` where that was how root came here.
pub fn as_owner(uid: u32) -> Option<Command> {
    // Of whoever is not mapped here, only that they are somebody else is known.
    if !geteuid().is_root() || uid == 0 || namespace::hides(uid) {
        return None;
    }
    let name = users::name(uid)?;
    let mut words = env::args_os();
    let program = words.next().unwrap_or_default();
    // By its name: it is on the user's path as well.
    let program = match Path::new(&program).file_name() {
        Some(name) if name == "quiltd" => "quiltd",
        _ => "quiltctl",
    };
    let command = words.fold(Command::of(program), |command, word| {
        command.word(&word.to_string_lossy())
    });
    Some(if env::var("SUDO_USER").is_ok_and(|user| user == name) {
        command
    } else {
        let su = Command::of("su").operand(name).words("-c");
        su.word(&command.to_string())
    })
}

/// Allows a file system by its name.
fn allow(name: &str) -> Command {
    let Some(path) = file_system::settings() else {
        return "quiltctl doctor".into();
    };
    let (table, key) = file_system::SETTING;
    let text = fs::read_to_string(&path).unwrap_or_default();
    if text.contains(&format!("[{table}]")) {
        return Command::edit(&path);
    }
    let lines = format!("\\n[{table}]\\n{key} = [\"{name}\"]\\n");
    Command::of("mkdir -p")
        .path(path.parent().unwrap_or(Path::new("/")))
        .words("&& printf")
        .word(&lines)
        .words(">>")
        .path(&path)
}

pub(super) fn look(path: &Path) -> Command {
    foreign_home::look(path, io::ErrorKind::Other)
}
