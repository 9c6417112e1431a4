//! A throw-away home directory and the environment that leads there.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use tokio::process::Command;

/// Removed when dropped.
#[derive(Debug)]
pub struct Home {
    dir: TempDir,
}

impl Home {
    /// An empty home with a runtime directory.
    pub fn new() -> Self {
        // Short, because socket paths may not be long.
        let dir = tempfile::Builder::new()
            .prefix("q")
            .tempdir()
            .expect("a temporary directory");
        let home = Self { dir };
        for sub in ["run", "state", "config", "data"] {
            let path = home.path().join(sub);
            fs::create_dir(&path).expect("a directory in a new home");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).expect("its mode");
        }
        home
    }

    /// The home itself.
    pub fn path(&self) -> &Path {
        self.dir.path()
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
            if let Some(value) = std::env::var_os(name) {
                variables.push((name, value));
            }
        }
        variables
    }

    /// A command in this home.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment())
            .current_dir(self.path())
            .kill_on_drop(true);
        command
    }
}

impl Default for Home {
    fn default() -> Self {
        Self::new()
    }
}
