//! Where things live, the same for daemon and clients: XDG directories on
//! Linux, `~/Library/Application Support` on macOS.

use std::env;
use std::path::PathBuf;
use std::sync::OnceLock;

use directories::BaseDirs;

use crate::runtime_directory::runtime_directory;
use crate::{Command, instance, state_files};

/// The program beside `quiltctl` that speaks to AWS.
pub const AWS_HELPER: &str = "quiltctl-aws";

/// The program beside `quiltctl` that AWS profiles run. Its name is not longer
/// than the kernel keeps of one (15 bytes, proc(5)).
pub const CREDENTIALS_PROGRAM: &str = "quiltctl-creds";

/// Names the socket.
pub const SOCKET_ENV: &str = "QUILTD_SOCKET";
/// Names the daemon's settings file.
pub const CONFIG_ENV: &str = "QUILTD_CONFIG";
/// Names the directory of the sessions file and the audit log.
pub const STATE_DIR_ENV: &str = "QUILTD_STATE_DIR";
/// Set for a daemon by whoever starts it and reads its standard output to the
/// end: then a start that fails says so there, as a problem document.
pub const REPORT_ENV: &str = "QUILTD_REPORT_START";
/// What a service manager gives to the program that it starts, and that no
/// other is meant to have (`sd_listen_fds(3)`, `sd_notify(3)`).
pub const SERVICE_MANAGER_ENV: [&str; 4] = [
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
];
/// Names the directory of what it lends to that program alone (systemd.exec(5),
/// `LoadCredential=`).
pub const CREDENTIALS_ENV: &str = "CREDENTIALS_DIRECTORY";
/// Names the catalog.
pub const CATALOG_ENV: &str = "QUILT_CATALOG";
/// An API key, as Quilt's guide names it.
pub const API_KEY_ENV: &str = "QUILT_API_KEY";

/// There is no home directory to derive a place from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no home directory: set HOME to a full path, or name the place with {0}")]
pub struct NoHome(pub &'static str);

impl NoHome {
    /// Makes one: whoever has none in the system's files has no other.
    pub const HINT: &'static str = "export HOME=\"$(mktemp -d)\"";

    /// Names one.
    pub fn hint(self) -> Command {
        Self::HINT.into()
    }
}

/// Where clients find the daemon: `QUILTD_SOCKET`, else where one listens by
/// default; where nothing is there, the socket of the daemon that runs for the
/// state directory, whatever the environment it was started from.
pub fn socket() -> Result<PathBuf, NoHome> {
    named_socket().map_or_else(unnamed_socket, Ok)
}

/// Whether `QUILTD_SOCKET` names a socket.
pub fn is_socket_named() -> bool {
    named_socket().is_some()
}

/// The same where nobody names a socket: where the daemon of this machine
/// listens, whatever the environment it was started from, else the usual place.
pub fn unnamed_socket() -> Result<PathBuf, NoHome> {
    let usual = default_socket()?;
    let Ok(state) = state_dir() else {
        return Ok(usual);
    };
    let Some(running) = instance::running(&state) else {
        return Ok(usual);
    };
    // Inside of a container some of them are not to be seen, or by other names.
    let places = [running.socket].into_iter().chain(running.also);
    let mut places = places.chain([state.join(state_files::SOCKET)]);
    Ok(places.find(|place| place.exists()).unwrap_or(usual))
}

/// Where a daemon listens that was told nothing: under the runtime directory,
/// if there is one, and under the state directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The first place.
    pub socket: PathBuf,
    /// The other, where it is another, and nobody named the first.
    pub also: Option<PathBuf>,
}

impl Places {
    /// This one alone.
    pub fn only(socket: PathBuf) -> Self {
        Self { socket, also: None }
    }

    /// What `QUILTD_SOCKET` names, else both usual places.
    pub fn own() -> Result<Self, NoHome> {
        if let Some(socket) = named_socket() {
            return Ok(Self::only(socket));
        }
        let socket = default_socket()?;
        let also = state_dir()?.join(state_files::SOCKET);
        Ok(Self {
            also: (also != socket).then_some(also),
            socket,
        })
    }
}

/// A relative one counts from the current directory, and is absolute from then
/// on: a daemon works elsewhere.
fn named_socket() -> Option<PathBuf> {
    let path = from_env(SOCKET_ENV)?;
    Some(std::path::absolute(&path).unwrap_or(path))
}

/// The user's directories, looked up once: each time takes seven variables.
/// Without a home, `instead` names what may be set. A relative one would be
/// another directory to a daemon, which works elsewhere.
fn base_dirs(instead: &'static str) -> Result<&'static BaseDirs, NoHome> {
    static DIRS: OnceLock<Option<BaseDirs>> = OnceLock::new();
    let absolute = || BaseDirs::new().filter(|dirs| dirs.home_dir().is_absolute());
    DIRS.get_or_init(absolute).as_ref().ok_or(NoHome(instead))
}

fn default_socket() -> Result<PathBuf, NoHome> {
    let first = usual_sockets().into_iter().next();
    first.ok_or(NoHome(SOCKET_ENV))
}

/// Every place a daemon of this user may be in when nobody names one, whatever
/// the environment it was started from: the one that counts here first.
pub fn usual_sockets() -> Vec<PathBuf> {
    let Ok(dirs) = base_dirs(SOCKET_ENV) else {
        return Vec::new();
    };
    // macOS has neither a runtime directory nor one for state.
    let state = dirs.state_dir().unwrap_or(dirs.data_dir());
    let dirs = runtime_directory(dirs).into_iter().chain([state]);
    dirs.map(|dir| dir.join("quilt").join(state_files::SOCKET))
        .collect()
}

/// The daemon's settings, `quiltd.toml`.
pub fn settings() -> Result<PathBuf, NoHome> {
    if let Some(path) = from_env(CONFIG_ENV) {
        return Ok(path);
    }
    let dir = base_dirs(CONFIG_ENV)?.config_dir();
    Ok(dir.join("quilt").join("quiltd.toml"))
}

/// The directory of the sessions file and the audit log.
pub fn state_dir() -> Result<PathBuf, NoHome> {
    if let Some(path) = from_env(STATE_DIR_ENV) {
        return Ok(path);
    }
    let dirs = base_dirs(STATE_DIR_ENV)?;
    Ok(dirs.state_dir().unwrap_or(dirs.data_dir()).join("quilt"))
}

/// The directory the Python SDK keeps `config.yml` in.
pub fn python_sdk_dir() -> Result<PathBuf, NoHome> {
    let dirs = base_dirs("XDG_DATA_HOME")?;
    Ok(dirs.data_dir().join("Quilt"))
}

/// An environment variable as a path; an empty one counts as unset.
fn from_env(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
