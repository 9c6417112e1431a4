//! Starts the daemon when nobody answers on the socket.

use std::env;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
use quilt_proto::{Command as Hint, Problem, Quoted, locations, quoted};
use quilt_trust::{Access, Role};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{FlockOperation, flock};
use serde::Deserialize;

use crate::exit::{self, Failure};
use crate::{detach, files, owner};

/// Names the daemon's executable.
const DAEMON_ENV: &str = "QUILTD_BIN";

/// Variables the daemon never gets: keys are handed to it deliberately or not
/// at all, ambient AWS identities are not its own, and sockets offered to this
/// program are not meant for it.
const WITHHELD: &[&str] = &[
    "QUILT_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_PROFILE",
    "AWS_DEFAULT_PROFILE",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "LISTEN_FDS",
    "LISTEN_PID",
    "LISTEN_FDNAMES",
    "NOTIFY_SOCKET",
];

/// How often to look whether somebody else's start succeeded.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest line the daemon may announce itself with, in bytes.
const MAX_ANNOUNCEMENT: usize = 64 * 1024;
/// How much of the log's end is searched for the daemon's last words, in bytes.
const LOG_TAIL: u64 = 16 * 1024;

/// The line the daemon prints once it listens.
#[derive(Debug, Deserialize)]
struct Announcement {
    #[expect(
        dead_code,
        reason = "its presence is what makes a line an announcement"
    )]
    pid: u32,
}

/// What a daemon that was started said of it.
#[derive(Debug)]
enum Announced {
    /// It listens.
    Listening,
    /// It does not, and this is why.
    Failed(Box<Problem>),
    /// It ended without a word.
    Nothing,
}

/// Makes sure that a daemon listens on `socket`, starting one if need be. Of
/// many callers at once, one starts it and the others wait.
pub(crate) fn ensure(socket: &Path, deadline: Instant) -> Result<(), Failure> {
    // Before a lock or a log is made: what root leaves in a user's directories
    // keeps the user's own daemon from starting.
    owned_by_us(socket)?;
    let client = Client::new(socket).with_deadline(deadline);
    let Some(_lock) = lock(socket, &client, deadline)? else {
        return Ok(());
    };
    // Somebody may have started it before the lock was ours.
    if client.probe().is_ok() {
        return Ok(());
    }
    // One that ends still holds the socket's lock, and one that lost its socket
    // is about to.
    while owner::is_there(socket) {
        if client.probe().is_ok() {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let what = "a quiltd that does not answer holds the socket";
            return Err(Failure::new(exit::DAEMON, what).hint("quiltctl daemon restart"));
        }
        thread::sleep(PAUSE);
    }
    let result = launch(socket, deadline);
    // Somebody may have started one without the lock: then ours gave way.
    if result.is_err() && client.probe().is_ok() {
        return Ok(());
    }
    result
}

/// Fails where the places of a daemon are another user's, or can be replaced
/// by one.
fn owned_by_us(socket: &Path) -> Result<(), Failure> {
    let state = locations::state_dir().map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
    for dir in socket.parent().into_iter().chain([state.as_path()]) {
        // As the directory of what would be made there.
        match quilt_trust::locate(&dir.join("quiltd")) {
            Err(distrust) if distrust.is_about_others() => {
                let remedy = distrust.remedy();
                let what = format!("quiltd is not started: {distrust}");
                return Err(Failure::new(exit::DAEMON, what).hint(remedy));
            }
            // The rest is said by whoever needs it.
            _ => {}
        }
    }
    Ok(())
}

/// Takes the right to start the daemon; `None` when one listens meanwhile.
fn lock(socket: &Path, client: &Client, deadline: Instant) -> Result<Option<File>, Failure> {
    let mut name = socket.as_os_str().to_owned();
    name.push(".start.lock");
    let lock = socket
        .parent()
        .map_or(Ok(()), files::create_private_dir)
        .and_then(|()| open_private(Path::new(&name)))
        .map_err(|error| {
            if let Some(failure) = files::is_distrusted(&error) {
                return failure;
            }
            let what = format!(
                "cannot write beside the socket {}: {error}",
                quoted::path(socket)
            );
            Failure::new(exit::DAEMON, what).hint("quiltctl --socket PATH daemon start")
        })?;
    loop {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(Some(lock)),
            Err(_) if client.probe().is_ok() => return Ok(None),
            Err(_) if Instant::now() >= deadline => return Err(too_slow()),
            Err(_) => thread::sleep(PAUSE),
        }
    }
}

fn launch(socket: &Path, deadline: Instant) -> Result<(), Failure> {
    let daemon = executable()?;
    let (path, mut log) = open_log().map_err(|error| {
        if let Some(failure) = files::is_distrusted(&error) {
            return failure;
        }
        let what = format!("cannot write quiltd.log: {error}");
        let hint = "QUILTD_STATE_DIR=\"$HOME/.quilt\" quiltctl daemon start";
        Failure::new(exit::DAEMON, what).hint(hint)
    })?;
    let read_log = Hint::of("tail").path(&path);
    let fail = |what: String| Failure::new(exit::DAEMON, what).hint(&read_log);
    let log_start = log.seek(SeekFrom::End(0)).unwrap_or(0);
    let mut child = command(&daemon, socket)
        .and_then(|mut command| {
            command
                .stdin(Stdio::null())
                .stdout(Stdio::piped())
                .stderr(log)
                .spawn()
        })
        .map_err(|error| fail(format!("cannot start {}: {error}", quoted::path(&daemon))))?;
    let announced = match child.stdout.take() {
        Some(stdout) => announcement(stdout, deadline),
        None => Ok(Announced::Nothing),
    };
    match announced {
        Ok(Announced::Listening) => {
            // Only the copy in between is waited for; it ended long ago.
            let _ = child.wait();
            Ok(())
        }
        Ok(Announced::Failed(problem)) => {
            let _ = child.wait();
            let what = format!("quiltd did not start: {}", problem.detail);
            let hint = problem.hint.unwrap_or(read_log);
            Err(Failure::new(exit::DAEMON, what).hint(hint))
        }
        Ok(Announced::Nothing) => {
            let _ = child.wait();
            let words = last_words(&path, log_start);
            let words =
                words.map_or_else(|| "it said nothing".to_owned(), |words| words.to_string());
            Err(fail(format!("quiltd did not start: {words}")))
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(too_slow()),
        Err(error) => Err(fail(format!("quiltd did not start: {error}"))),
    }
}

/// The daemon's executable: named by the environment, beside this program, or
/// on the path.
pub(crate) fn executable() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(DAEMON_ENV).filter(|path| !path.is_empty()) {
        return Ok(PathBuf::from(path));
    }
    let beside = env::current_exe()
        .ok()
        .and_then(|exe| Some(exe.parent()?.join("quiltd")));
    let on_path = env::var_os("PATH").unwrap_or_default();
    beside
        .into_iter()
        .chain(env::split_paths(&on_path).map(|dir| dir.join("quiltd")))
        // A relative entry means something else in every directory.
        .filter(|path| path.is_absolute())
        .find(|path| path.is_file())
        .ok_or_else(|| {
            let what = "quiltd is not running, and not installed beside quiltctl or on PATH";
            Failure::new(exit::DAEMON, what).hint("cargo install --path daemon")
        })
}

fn command(daemon: &Path, socket: &Path) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg(detach::ARGUMENT)
        .arg(std::path::absolute(daemon)?)
        .arg("--socket")
        .arg(socket)
        .env(locations::REPORT_ENV, "1")
        .current_dir("/");
    for name in WITHHELD {
        command.env_remove(name);
    }
    // These may be relative to the directory the daemon does not start in.
    for name in [locations::STATE_DIR_ENV, locations::CONFIG_ENV] {
        if let Some(path) = env::var_os(name).filter(|path| !path.is_empty()) {
            command.env(name, std::path::absolute(path)?);
        }
    }
    Ok(command)
}

/// Waits for the daemon's line.
fn announcement(mut stdout: ChildStdout, deadline: Instant) -> io::Result<Announced> {
    let mut line = Vec::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&stdout, PollFlags::IN)], Some(&timeout)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        let mut bytes = [0; 1024];
        let length = stdout.read(&mut bytes)?;
        line.extend_from_slice(&bytes[..length]);
        if length == 0 {
            return Ok(Announced::Nothing);
        }
        if let Some(end) = line.iter().position(|byte| *byte == b'\n') {
            if let Ok(problem) = serde_json::from_slice(&line[..end]) {
                return Ok(Announced::Failed(problem));
            }
            return serde_json::from_slice::<Announcement>(&line[..end])
                .map(|_| Announced::Listening)
                .map_err(|_| io::Error::other("what was started is not quiltd"));
        }
        if line.len() > MAX_ANNOUNCEMENT {
            return Err(io::Error::other("what was started is not quiltd"));
        }
    }
}

fn too_slow() -> Failure {
    Failure::new(exit::DAEMON, "quiltd did not start in time").hint("quiltctl daemon restart")
}

/// The daemon's log in its state directory, and where it is.
fn open_log() -> io::Result<(PathBuf, File)> {
    let dir = locations::state_dir().map_err(io::Error::other)?;
    files::create_private_dir(&dir)?;
    let path = dir.join("quiltd.log");
    let log = open_private(&path)?;
    Ok((path, log))
}

/// Opens a file of our own for appending, never through a symlink.
fn open_private(path: &Path) -> io::Result<File> {
    Ok(quilt_trust::open_or_make(
        path,
        Role::State,
        Access::Append,
    )?)
}

/// The last line the daemon wrote to its log, from `start` on.
fn last_words(log: &Path, start: u64) -> Option<Quoted> {
    let mut log = File::open(log).ok()?;
    let end = log.metadata().ok()?.len();
    log.seek(SeekFrom::Start(start.max(end.saturating_sub(LOG_TAIL))))
        .ok()?;
    let mut bytes = Vec::new();
    log.take(LOG_TAIL).read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let line = text.lines().rev().find(|line| !line.trim().is_empty())?;
    Some(Quoted::new(line))
}
