//! Starts daemons in throw-away homes and talks to them.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};

/// A throw-away home, and the place of a socket in it.
pub(crate) struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path("run/quilt/quiltd.sock")
    }

    /// `program` with this home and nothing else of the environment.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.dir.path())
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    pub(crate) fn quiltd(&self) -> Command {
        let mut command = self.command(env!("CARGO_BIN_EXE_quiltd"));
        command.arg("--socket").arg(self.socket());
        command
    }

    /// A daemon that listens.
    pub(crate) fn start(&self) -> Daemon {
        Daemon::started_by(&mut self.quiltd())
    }

    /// A start that must fail; its one line on stderr.
    pub(crate) fn refused(&self) -> String {
        refused(&self.quiltd().output().unwrap())
    }
}

pub(crate) fn refused(output: &Output) -> String {
    let text = String::from_utf8(output.stderr.clone()).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(output.stdout.is_empty());
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.starts_with("quiltd: "), "{text}");
    assert_eq!(text.matches("; run: ").count(), 1, "{text}");
    text
}

/// A running daemon, killed on drop.
pub(crate) struct Daemon {
    pub(crate) child: Child,
    pub(crate) ready: serde_json::Value,
}

impl Daemon {
    pub(crate) fn started_by(command: &mut Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let output = child.wait_with_output().unwrap();
            panic!("no ready line: {}", String::from_utf8_lossy(&output.stderr));
        }
        // The daemon lets go of its stdout, so this ends while it runs.
        let mut rest = String::new();
        stdout.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, ready }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn end(&mut self, signal: Signal) -> ExitStatus {
        let pid = Pid::from_raw(self.pid().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        self.child.wait().unwrap()
    }

    /// A line of `/proc/PID/<file>` that starts with `key`.
    #[cfg(target_os = "linux")]
    pub(crate) fn proc_line(&self, file: &str, key: &str) -> String {
        let text = fs::read_to_string(format!("/proc/{}/{file}", self.pid())).unwrap();
        let line = text.lines().find(|line| line.starts_with(key)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The whole answer to `GET /v1/health` with these header lines.
pub(crate) fn health(socket: &Path, headers: &str) -> String {
    get(socket, "/v1/health", headers)
}

pub(crate) fn get(socket: &Path, path: &str, headers: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\n{headers}connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

pub(crate) fn assert_serves(socket: &Path) {
    let answer = health(socket, "host: localhost\r\n");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

pub(crate) fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

pub(crate) fn make_dir(dir: &Path, mode: u32) {
    fs::create_dir_all(dir).unwrap();
    fs::set_permissions(dir, fs::Permissions::from_mode(mode)).unwrap();
}
