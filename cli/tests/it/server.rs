//! A daemon that says what it is told to, and a home to run quiltctl in.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use tempfile::TempDir;

/// A home of its own, with a socket in it.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.path().join("run/quiltd.sock")
    }

    /// quiltctl with these arguments, in this home and nothing else.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_quiltctl"), args)
    }

    /// What a profile runs, the same.
    pub(crate) fn creds(&self, args: &[&str]) -> Command {
        self.program(env!("CARGO_BIN_EXE_quiltctl-creds"), args)
    }

    pub(crate) fn program(&self, program: &str, args: &[&str]) -> Command {
        let mut command = Command::new(program);
        command
            .args(args)
            .env_clear()
            .env("HOME", self.path())
            .env("PATH", "/usr/bin:/bin")
            .env("QUILTD_SOCKET", self.socket())
            .env("QUILTD_STATE_DIR", self.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs quiltctl, which must not start anything.
    pub(crate) fn run(&self, args: &[&str]) -> Ran {
        Ran::from(&self.command(args).arg("--no-autostart").output().unwrap())
    }

    /// Listens on the socket and gives every request to `answer`.
    pub(crate) fn serve(
        &self,
        answer: impl Fn(&str, UnixStream) + Send + Sync + Clone + 'static,
    ) -> Receiver<String> {
        std::fs::create_dir_all(self.path().join("run")).unwrap();
        let listener = UnixListener::bind(self.socket()).unwrap();
        let (sender, requests) = channel();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, sender, answer) =
                    (stream.unwrap(), sender.clone(), answer.clone());
                thread::spawn(move || {
                    let request = read_request(&mut stream);
                    // A probe connects and says nothing.
                    if !request.is_empty() {
                        let _ = sender.send(request.clone());
                        answer(&request, stream);
                    }
                });
            }
        });
        requests
    }

    /// Answers every request with this status and body.
    pub(crate) fn answer(&self, status: u16, body: &str) -> Receiver<String> {
        let answer = http(status, body);
        self.serve(move |_, mut stream| {
            let _ = stream.write_all(answer.as_bytes());
        })
    }
}

/// Puts a copy of a program at `to`, by another process, as a [`script`].
pub(crate) fn copy(program: &str, to: &Path) {
    let copied = Command::new("cp").arg(program).arg(to).status();
    assert!(copied.unwrap().success());
}

/// Makes a program of a script, to be started at once. Another process writes
/// it: a child that another test starts meanwhile would hold the file open for
/// writing, and then it cannot be executed.
pub(crate) fn script(path: &Path, text: &str) {
    let mut writer = Command::new("install")
        .args(["-m", "755", "/dev/stdin"])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = writer.stdin.take().unwrap();
    write!(stdin, "#!/bin/sh\n{text}\n").unwrap();
    drop(stdin);
    assert!(writer.wait().unwrap().success());
}

/// An answer as a daemon would write it.
pub(crate) fn http(status: u16, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{body}")
}

/// Reads head and body, as far as the client said.
fn read_request(stream: &mut UnixStream) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) == 1 {
        bytes.push(byte[0]);
    }
    let mut text = String::from_utf8(bytes).unwrap();
    let length = text
        .split_once("Content-Length: ")
        .and_then(|(_, rest)| rest.split_once('\r')?.0.parse().ok())
        .unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    text.push_str(std::str::from_utf8(&body).unwrap());
    text
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<&Output> for Ran {
    fn from(output: &Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout.clone()).unwrap(),
            stderr: String::from_utf8(output.stderr.clone()).unwrap(),
        }
    }
}

impl Ran {
    /// Checks for success and gives stdout.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.stdout
    }

    /// Checks for a failure as every failure has to be: nothing on stdout, one
    /// line that names a command on stderr. Gives the line.
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self:?}");
        assert_eq!(self.stdout, "", "{self:?}");
        assert_eq!(self.stderr.lines().count(), 1, "{self:?}");
        assert!(self.stderr.starts_with("quiltctl: "), "{self:?}");
        assert!(self.stderr.contains("; run: "), "{self:?}");
        self.stderr
    }
}
