//! Starts the daemon when nobody answers on the socket.

use std::env;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
use quilt_proto::locations::SERVICE_MANAGER_ENV;
use quilt_proto::network_variables::CERTIFICATE_VARIABLES;
use quilt_proto::{ApiKeySecret, Command as Hint, Problem, instance, locations, quoted};
use quilt_trust::Held;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::Deserialize;

use crate::exit::{self, Failure};
use crate::lock_file::LockFile;
use crate::{aws_variables, daemon_log, detach, files, key_source, lock_holder, programs};

/// Names the daemon's executable.
const DAEMON_ENV: &str = "QUILTD_BIN";

/// How often to look whether somebody else's start succeeded.
const PAUSE: Duration = Duration::from_millis(10);
/// The longest line the daemon may announce itself with, in bytes.
const MAX_ANNOUNCEMENT: usize = 64 * 1024;

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

/// Where a daemon is to be: where the user says, or wherever it is found by
/// all who name no place.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) socket: PathBuf,
    pub(crate) is_named: bool,
}

impl Place {
    /// Where it is now: whoever starts it may have to listen elsewhere than
    /// where it was looked for.
    fn now(&self) -> PathBuf {
        if self.is_named {
            return self.socket.clone();
        }
        locations::unnamed_socket().unwrap_or_else(|_| self.socket.clone())
    }

    pub(crate) fn probe(&self, deadline: Instant) -> bool {
        let client = Client::new(self.now()).with_deadline(deadline);
        client.probe().is_ok()
    }

    /// Whether a daemon has the place, be it deaf.
    fn is_taken(&self) -> bool {
        if self.is_named {
            return lock_holder::is_there(&self.socket);
        }
        // What lies in a home may be another machine's.
        locations::state_dir().is_ok_and(|dir| {
            instance::is_claimed(&dir) && !Held::look(&instance::lock_file(&dir)).is_only_others()
        })
    }
}

/// Makes sure that a daemon listens, starting one if need be, and says where.
/// Of many callers at once, one starts it and the others wait.
pub(crate) fn ensure(place: &Place, deadline: Instant) -> Result<PathBuf, Failure> {
    // Before a lock or a log is made: what root leaves in a user's directories
    // keeps the user's own daemon from starting.
    owned_by_us(&place.socket)?;
    let Some(_lock) = lock(place, deadline)? else {
        return Ok(place.now());
    };
    // Somebody may have started it before the lock was ours.
    if place.probe(deadline) {
        return Ok(place.now());
    }
    // One that ends still holds the socket's lock, and one that lost its socket
    // is about to.
    if answers_or_goes(place, deadline)? {
        return Ok(place.now());
    }
    let result = launch(place, deadline);
    // Somebody may have started one without the lock: then ours gave way, before
    // that one listens, it may be.
    if result.is_err() && (place.probe(deadline) || answers_or_goes(place, deadline)?) {
        return Ok(place.now());
    }
    result.map(|()| place.now())
}

/// Waits for whoever has the place to answer, or to leave it; whether it answers.
fn answers_or_goes(place: &Place, deadline: Instant) -> Result<bool, Failure> {
    while place.is_taken() {
        if place.probe(deadline) {
            return Ok(true);
        }
        if Instant::now() >= deadline {
            let what = "a quiltd that does not answer holds the socket";
            return Err(Failure::new(exit::DAEMON, what).hint("quiltctl daemon restart"));
        }
        thread::sleep(PAUSE);
    }
    Ok(false)
}

/// Fails where no daemon could be started now: none is ended for one that does
/// not come.
pub(crate) fn could_start(place: &Place) -> Result<(), Failure> {
    owned_by_us(&place.socket)?;
    let daemon = executable()?;
    let found = daemon.metadata();
    if found.is_ok_and(|found| found.is_file() && found.mode() & 0o111 != 0) {
        return Ok(());
    }
    let what = format!("{} is no program", quoted::path(&daemon));
    Err(Failure::new(exit::DAEMON, what).hint("unset QUILTD_BIN"))
}

/// Takes the turn to end a daemon and start the next one: of many at once, each
/// has the API keys of the one before.
pub(crate) fn turn_to_restart(place: &Place, deadline: Instant) -> Result<LockFile, Failure> {
    let path = lock_file(place, ".restart.lock")?;
    LockFile::take(&path, deadline).map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => {
            let what = "another quiltctl is restarting quiltd";
            Failure::new(exit::DAEMON, what).hint("quiltctl status")
        }
        _ => not_locked(&path, &error),
    })
}

/// Fails where the places of a daemon are another user's, or can be replaced
/// by one.
fn owned_by_us(socket: &Path) -> Result<(), Failure> {
    let state = locations::state_dir()?;
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
pub(crate) fn lock(place: &Place, deadline: Instant) -> Result<Option<LockFile>, Failure> {
    let path = lock_file(place, ".start.lock")?;
    let taken = LockFile::take_unless(&path, deadline, || place.probe(deadline));
    taken.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut => too_slow(),
        _ => not_locked(&path, &error),
    })
}

fn not_locked(path: &Path, error: &io::Error) -> Failure {
    if let Some(failure) = files::is_distrusted(error) {
        return failure;
    }
    let what = format!("cannot write {}: {error}", quoted::path(path));
    Failure::new(exit::DAEMON, what).hint("quiltctl --socket PATH daemon start")
}

/// Beside the socket that is named; else beside the lock of the one daemon that
/// there is on this machine.
fn lock_file(place: &Place, end: &str) -> Result<PathBuf, Failure> {
    let mut name = if place.is_named {
        place.socket.clone().into_os_string()
    } else {
        let state = locations::state_dir()?;
        instance::lock_file(&state).into_os_string()
    };
    name.push(end);
    Ok(name.into())
}

/// Where it is only a variable or an option that leads away from a daemon that is
/// well, what leads back to it: it is not to be ended for another.
fn way_back(place: &Place) -> Option<Hint> {
    let usual = locations::unnamed_socket().ok()?;
    if !place.is_named || usual == place.socket || Client::new(&usual).probe().is_err() {
        return None;
    }
    let by_variable = locations::is_socket_named()
        && locations::socket().is_ok_and(|named| named == place.socket);
    Some(if by_variable {
        Hint::of("unset QUILTD_SOCKET")
    } else {
        Hint::of("quiltctl")
            .path_option("--socket", &usual)
            .words("status")
    })
}

fn launch(place: &Place, deadline: Instant) -> Result<(), Failure> {
    let daemon = executable()?;
    let (path, mut log) = daemon_log::open().map_err(|error| {
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
    let mut child = command(&daemon, place)
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
    if announced.is_ok() {
        // Only the copy in between is waited for; it ended long ago.
        let _ = child.wait();
    }
    match announced {
        Ok(Announced::Listening) => Ok(()),
        Ok(Announced::Failed(problem)) => {
            let what = format!("quiltd did not start: {}", problem.detail);
            let hint = way_back(place).or(problem.hint).unwrap_or(read_log);
            Err(Failure::new(exit::DAEMON, what).hint(hint))
        }
        Ok(Announced::Nothing) => {
            let words = daemon_log::last_words(&path, log_start);
            let words =
                words.map_or_else(|| "it said nothing".to_owned(), |words| words.to_string());
            Err(fail(format!("quiltd did not start: {words}")))
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => Err(too_slow()),
        Err(error) => Err(fail(format!("quiltd did not start: {error}"))),
    }
}

/// The daemon's executable: named by the environment, else beside this program
/// or on the path; in each place one that nobody else could have put there.
pub(crate) fn executable() -> Result<PathBuf, Failure> {
    if let Some(path) = env::var_os(DAEMON_ENV).filter(|path| !path.is_empty()) {
        // From here on, wherever it is started.
        let absolute = |error| Failure::new(exit::DAEMON, format!("{DAEMON_ENV}: {error}"));
        let path = std::path::absolute(PathBuf::from(path)).map_err(absolute)?;
        return match programs::check(&path) {
            Ok(()) => Ok(path),
            Err(distrust) => {
                let what = format!("the quiltd of {DAEMON_ENV} is not started: {distrust}");
                Err(Failure::new(exit::DAEMON, what).hint(distrust.remedy()))
            }
        };
    }
    let mut distrusted = None;
    match programs::beside("quiltd") {
        Ok(Some(path)) => return Ok(path),
        Ok(None) => {}
        Err(distrust) => distrusted = Some(("beside quiltctl", distrust)),
    }
    for path in programs::on_path("quiltd") {
        let Err(distrust) = programs::check(&path) else {
            return Ok(path);
        };
        distrusted = distrusted.or(Some(("on PATH", distrust)));
    }
    let Some((place, distrust)) = distrusted else {
        let what = "quiltd is not running, and not beside quiltctl or on PATH: install it as \
                    quiltctl was";
        return Err(Failure::new(exit::DAEMON, what).hint(programs::look_beside()));
    };
    let what = format!("the quiltd {place} is not started: {distrust}");
    Err(Failure::new(exit::DAEMON, what).hint(distrust.remedy()))
}

fn command(daemon: &Path, place: &Place) -> io::Result<Command> {
    let mut command = Command::new(env::current_exe()?);
    command
        .arg(detach::ARGUMENT)
        .arg(std::path::absolute(daemon)?);
    if place.is_named {
        command.arg("--socket").arg(&place.socket);
    }
    command.env(locations::REPORT_ENV, "1").current_dir("/");
    withhold(&mut command);
    // These may be relative to the directory the daemon does not start in.
    let of_ours = [locations::STATE_DIR_ENV, locations::CONFIG_ENV];
    for name in of_ours.into_iter().chain(CERTIFICATE_VARIABLES) {
        let Some(paths) = env::var_os(name).filter(|paths| !paths.is_empty()) else {
            continue;
        };
        if name == "SSL_CERT_DIR" {
            let dirs: io::Result<Vec<_>> =
                env::split_paths(&paths).map(std::path::absolute).collect();
            command.env(name, env::join_paths(dirs?).map_err(io::Error::other)?);
        } else {
            command.env(name, std::path::absolute(paths)?);
        }
    }
    Ok(command)
}

/// Takes from a quiltd's environment what it never gets: keys and tokens, whatever
/// variable has them, are handed to it deliberately or not at all, ambient AWS
/// identities are not its own, and sockets offered to this program are not meant
/// for it.
pub(crate) fn withhold(command: &mut Command) {
    let ours = [key_source::VARIABLE]
        .into_iter()
        .chain(SERVICE_MANAGER_ENV);
    for name in ours.chain(aws_variables::all()) {
        command.env_remove(name);
    }
    ApiKeySecret::withhold_from(command);
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
