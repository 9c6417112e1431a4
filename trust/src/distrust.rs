//! Why a file is not believed or not written, and what mends it.

use std::env;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::shell::quoted;
use rustix::process::geteuid;

use super::{file_system, users};

/// Why a file is not believed, or nothing is written there. One line, without
/// the command: that is [`Self::remedy`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Distrust {
    /// Somebody else's.
    #[error(
        "{} belongs to {}, and this is {}",
        path.display(),
        users::describe(*owner),
        users::describe(geteuid().as_raw())
    )]
    Foreign {
        /// The file or directory.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// What it is, in a word.
        what: &'static str,
    },
    /// Others may write to it.
    #[error("{} can be written by {} (mode {mode:04o})", path.display(), writers(group.as_deref()))]
    Loose {
        /// The file or directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// Whose it is.
        owner: u32,
        /// The group whose members may, where it is not everybody.
        group: Option<String>,
    },
    /// Its file system does not tell who may write.
    #[error(
        "{} is on a file system ({name}) that shows the same owner and mode for every file, so \
         nothing tells whether others may write to it",
        path.display()
    )]
    FileSystem {
        /// The file or directory.
        path: PathBuf,
        /// The file system, as `quiltd.toml` names it.
        name: &'static str,
    },
    /// A symlink in the place of a file that nobody keeps elsewhere.
    #[error("{} is a symlink, which is not followed", .0.display())]
    Link(PathBuf),
    /// Something else is there.
    #[error("{} is not {wanted}", path.display())]
    Kind {
        /// The file or directory.
        path: PathBuf,
        /// What it should be.
        wanted: &'static str,
    },
    /// The system refused.
    #[error("cannot {action} {}: {reason}", path.display())]
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

impl Distrust {
    pub(crate) fn io(action: &'static str, path: &Path, error: &io::Error) -> Self {
        Self::Io {
            action,
            path: path.to_owned(),
            reason: match error.get_ref() {
                Some(words) => words.to_string(),
                None => error.kind().to_string(),
            },
            kind: error.kind(),
        }
    }

    /// The file or directory it is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Foreign { path, .. }
            | Self::Loose { path, .. }
            | Self::FileSystem { path, .. }
            | Self::Kind { path, .. }
            | Self::Link(path)
            | Self::Io { path, .. } => path,
        }
    }

    /// Whether it is about who owns or may write something, and not about
    /// what the system did not let us do.
    pub fn is_about_others(&self) -> bool {
        !matches!(self, Self::Io { .. } | Self::Kind { .. })
    }

    /// The command that mends it, or shows why it cannot be.
    pub fn remedy(&self) -> String {
        match self {
            Self::Foreign { path, owner, what } => foreign(path, *owner, what),
            Self::Loose { path, owner, .. } => {
                let user = geteuid().as_raw();
                let sudo = if *owner == user || user == 0 {
                    ""
                } else {
                    "sudo "
                };
                format!("{sudo}chmod go-w {}", word(path))
            }
            Self::FileSystem { name, .. } => allow(name),
            Self::Link(path) | Self::Kind { path, .. } | Self::Io { path, .. } => look(path),
        }
    }
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

fn writers(group: Option<&str>) -> String {
    match group {
        Some(group) => format!("the members of group {group}"),
        None => "other users".to_owned(),
    }
}

fn foreign(path: &Path, owner: u32, what: &str) -> String {
    if let Some(command) = as_owner(owner) {
        return command;
    }
    let user = geteuid().as_raw();
    let dir = path.parent().and_then(|dir| dir.symlink_metadata().ok());
    let dir_is_ours = dir.is_some_and(|dir| dir.uid() == user);
    if what == "directory" || !dir_is_ours {
        return look(path);
    }
    let path = word(path);
    format!("mv {path} {path}.foreign")
}

/// This very command as the user whose files they are, where root gave it:
/// without `sudo` where that was how root came here.
pub fn as_owner(uid: u32) -> Option<String> {
    if !geteuid().is_root() || uid == 0 {
        return None;
    }
    let name = users::name(uid)?;
    let words = env::args_os().enumerate().map(|(at, arg)| {
        let arg = arg.to_string_lossy();
        // The program by its name: it is on the user's path as well.
        let arg = match arg.rsplit('/').next() {
            Some(program) if at == 0 => program.to_owned(),
            _ => arg.into_owned(),
        };
        quoted(&arg)
    });
    let command = words.collect::<Vec<_>>().join(" ");
    Some(if env::var("SUDO_USER").is_ok_and(|user| user == name) {
        command
    } else {
        format!("su {name} -c {}", quoted(&command))
    })
}

/// Allows a file system by its name.
fn allow(name: &str) -> String {
    let Some(path) = file_system::settings() else {
        return "quiltctl doctor".to_owned();
    };
    let (table, key) = file_system::SETTING;
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let file = word(&path);
    if text.contains(&format!("[{table}]")) {
        return format!("${{EDITOR:-vi}} {file}");
    }
    let dir = path.parent().map(word).unwrap_or_default();
    format!("mkdir -p {dir} && printf '\\n[{table}]\\n{key} = [\"{name}\"]\\n' >> {file}")
}

fn look(path: &Path) -> String {
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = path.ancestors().find(there).unwrap_or(path);
    match nearest.parent() {
        Some(dir) if nearest == path => format!("ls -ld {} {}", word(dir), word(path)),
        _ => format!("ls -ld {}", word(nearest)),
    }
}

fn word(path: &Path) -> String {
    quoted(&path.to_string_lossy())
}
