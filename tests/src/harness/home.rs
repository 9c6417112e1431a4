//! A throw-away home directory and the environment that leads there.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use tempfile::TempDir;
use tokio::process::Command;

use super::users::{User, bring_along, place_for_all};
use super::world::Run;

/// Removed when dropped.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
    /// Whose it is, if not the tests' own user's.
    owner: Option<User>,
    /// Programs that its user could not reach where they are.
    programs: OnceLock<TempDir>,
    /// Where the tests keep what they could not make in the home itself.
    beside: OnceLock<TempDir>,
}

impl Home {
    /// An empty home with a runtime directory.
    pub fn new() -> Self {
        Self::make(&std::env::temp_dir(), None)
    }

    /// The home of a certain user, as whom its programs run.
    pub fn of(user: &User) -> Self {
        let home = Self::make(&place_for_all(), Some(user.clone()));
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o700)).expect("its mode");
        home.give(home.path());
        home
    }

    fn make(place: &Path, owner: Option<User>) -> Self {
        open_files();
        // Short, because socket paths may not be long.
        let dir = tempfile::Builder::new()
            .prefix("q")
            .tempdir_in(place)
            .expect("a temporary directory");
        let home = Self {
            dir,
            owner,
            programs: OnceLock::new(),
            beside: OnceLock::new(),
        };
        for sub in ["run", "state", "config", "data"] {
            let path = home.path().join(sub);
            fs::create_dir(&path).expect("a directory in a new home");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("its mode");
        }
        home
    }

    /// Whose home it is, if [`Self::of`] made it.
    pub fn owner(&self) -> Option<&User> {
        self.owner.as_ref()
    }

    /// Makes a file that the tests wrote here its user's, and a directory with
    /// all in it.
    pub fn give(&self, path: &Path) {
        if let Some(owner) = &self.owner {
            owner
                .give(path)
                .expect("a file can be given to its home's user");
        }
    }

    /// The home itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The file that the log of its daemons goes to, which the tests write.
    ///
    /// # Panics
    /// When there is no place for it.
    pub fn log(&self) -> PathBuf {
        let is_closed = self.owner().is_some_and(User::is_mapped);
        let dir = if is_closed {
            let beside = || tempfile::tempdir().expect("a temporary directory");
            self.beside.get_or_init(beside).path()
        } else {
            self.path()
        };
        dir.join("quiltd.log")
    }

    /// The daemon's socket.
    pub fn socket(&self) -> PathBuf {
        self.path().join("run/quilt/quiltd.sock")
    }

    /// The daemon's state directory.
    pub fn state(&self) -> PathBuf {
        self.path().join("state/quilt")
    }

    /// The sessions file.
    pub fn sessions_file(&self) -> PathBuf {
        self.state().join("sessions.json")
    }

    /// The configuration shared with the Python SDK.
    pub fn config_yml(&self) -> PathBuf {
        self.path().join("data/Quilt/config.yml")
    }

    /// The daemon's settings.
    pub fn settings(&self) -> PathBuf {
        self.path().join("config/quilt/quiltd.toml")
    }

    /// The AWS configuration.
    pub fn aws_config(&self) -> PathBuf {
        self.path().join(".aws/config")
    }

    /// Every variable a program in this home starts with; nothing else of the
    /// environment reaches it.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        let at = |sub: &str| self.path().join(sub).into_os_string();
        let mut variables = vec![
            ("HOME", self.path().as_os_str().to_owned()),
            ("XDG_RUNTIME_DIR", at("run")),
            ("XDG_STATE_HOME", at("state")),
            ("XDG_CONFIG_HOME", at("config")),
            ("XDG_DATA_HOME", at("data")),
            ("AWS_EC2_METADATA_DISABLED", "true".into()),
        ];
        // Where things are installed, not who anyone is.
        for name in ["PATH", "TMPDIR", "LANG", "JAVA_HOME", "LLVM_PROFILE_FILE"] {
            // The tests' own directory for temporary files may be closed to others.
            if name == "TMPDIR" && self.owner.as_ref().is_some_and(|user| !user.is_own()) {
                continue;
            }
            if let Some(value) = std::env::var_os(name) {
                variables.push((name, value));
            }
        }
        variables
    }

    /// A program that this home's user can run: the file itself, or where the
    /// way there is closed to others, a copy.
    pub fn program(&self, program: impl AsRef<OsStr>) -> PathBuf {
        let program = Path::new(program.as_ref());
        match &self.owner {
            Some(user) if !user.reaches(program) => {
                let programs = || tempfile::tempdir_in(place_for_all()).expect("a directory");
                bring_along(program, self.programs.get_or_init(programs).path())
            }
            _ => program.to_owned(),
        }
    }

    /// A command in this home, as its user.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let program = self.program(program);
        let mut command = if let Some(user) = &self.owner {
            user.command(program, self.path())
        } else {
            let mut command = Command::new(program);
            command.current_dir(self.path());
            command
        };
        command
            .env_clear()
            .envs(self.environment())
            .kill_on_drop(true);
        command
    }

    /// A command that runs `script` by `sh` where what it mounts nobody else
    /// sees; what is added to it are the script's `$@`.
    pub fn in_mounts_of_its_own(&self, script: &str) -> Command {
        let mut command = self.command("unshare");
        if !rustix::process::getuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--mount", "--propagation", "private"]);
        command.args(["sh", "-c", script, "sh"]);
        command
    }

    /// Runs a program of Python's standard library to its end, as this home's
    /// user.
    pub async fn python(&self, script: &str, args: &[&str]) -> Run {
        let mut command = self.command("python3");
        let output = command
            .args(["-I", "-c", script])
            .args(args)
            .stdin(Stdio::null())
            .output();
        output.await.expect("python3 can be started").into()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if let Some(owner) = &self.owner {
            owner.remove(self.path());
        }
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}

/// Lets this process have as many open files as it may: hundreds of clients are
/// in it, and as many connections of the fake stack's. The usual soft limit is
/// 1024.
fn open_files() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    static RAISED: std::sync::Once = std::sync::Once::new();
    RAISED.call_once(|| {
        let mut limit = getrlimit(Resource::Nofile);
        limit.current = limit.maximum;
        // Where it cannot be had, what needs it says so.
        let _ = setrlimit(Resource::Nofile, limit);
    });
}
