//! A running quiltd.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::{Home, binaries};

/// Killed when dropped.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    log: PathBuf,
    /// The same, also when its home is gone.
    logged: File,
}

/// What a daemon of a debug build says of itself when something keeps a thread
/// of its runtime from everything else.
const CAUGHT: &str = "a runtime thread is blocked";

impl Daemon {
    /// Starts one in `home` and returns once it listens. Its log goes to
    /// [`Home::log`].
    ///
    /// # Panics
    /// When it does not come up; the message holds its log.
    pub async fn start(home: &Home, args: &[&str]) -> Self {
        Self::start_with(home, args, &[]).await
    }

    /// The same, with more environment.
    ///
    /// # Panics
    /// When it does not come up; the message holds its log.
    pub async fn start_with(home: &Home, args: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = home.command(binaries::quiltd());
        command.envs(variables.iter().copied());
        Self::start_by(command, home, args).await
    }

    /// The same, by a command of its own that leads to quiltd.
    ///
    /// # Panics
    /// When it does not come up; the message holds its log.
    pub async fn start_by(mut command: Command, home: &Home, args: &[&str]) -> Self {
        let log = home.log();
        let stderr = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log file");
        if log.starts_with(home.path()) {
            home.give(&log);
        }
        if !args.contains(&"--log") {
            command.args(["--log", "debug,hyper=info,hyper_util=info"]);
        }
        let mut child = command
            .args(args)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(stderr)
            .spawn()
            .expect("quiltd can be started");
        let stdout = child.stdout.take().expect("its stdout is piped");
        let ready = BufReader::new(stdout).lines().next_line().await;
        let logged = File::open(&log).expect("the log file");
        let daemon = Self { child, log, logged };
        assert!(
            matches!(ready, Ok(Some(_))),
            "quiltd did not start: {}",
            daemon.log()
        );
        daemon
    }

    /// The most memory it ever had resident, in KiB. Needs `/proc`.
    ///
    /// # Panics
    /// When it is gone.
    pub fn peak_kib(&self) -> u64 {
        self.memory_kib("VmHWM:")
    }

    /// The memory it has resident now, in KiB. Needs `/proc`.
    ///
    /// # Panics
    /// When it is gone.
    pub fn resident_kib(&self) -> u64 {
        self.memory_kib("VmRSS:")
    }

    fn memory_kib(&self, what: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()));
        let status = status.expect("a daemon that runs");
        let found = status.lines().find_map(|line| line.strip_prefix(what));
        let found = found.expect("a figure").trim().trim_end_matches(" kB");
        found.parse().expect("a number")
    }

    /// Its process id.
    ///
    /// # Panics
    /// When it has ended.
    pub fn pid(&self) -> i32 {
        let id = self.child.id().expect("quiltd is running");
        i32::try_from(id).expect("a process id fits")
    }

    /// What it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Ends it as `kill -9` does.
    pub async fn kill(mut self) {
        self.child.kill().await.expect("quiltd can be killed");
    }

    /// Ends it as a crash does.
    pub async fn abort(mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.pid()).expect("a process id is not zero");
        kill_process(pid, Signal::ABORT).expect("quiltd can be signalled");
        self.child.wait().await.expect("quiltd can be waited for")
    }

    /// Sends SIGTERM and waits.
    ///
    /// # Panics
    /// When it has ended already.
    pub async fn stop(mut self) -> ExitStatus {
        let pid = Pid::from_raw(self.pid()).expect("a process id is not zero");
        kill_process(pid, Signal::TERM).expect("quiltd can be signalled");
        self.child.wait().await.expect("quiltd can be waited for")
    }
}

/// No test passes whose daemon had blocked its runtime.
impl Drop for Daemon {
    fn drop(&mut self) {
        let mut log = Vec::new();
        let read = self.logged.rewind();
        if read
            .and_then(|()| self.logged.read_to_end(&mut log))
            .is_err()
        {
            return;
        }
        let log = String::from_utf8_lossy(&log);
        let caught = log.lines().find(|line| line.contains(CAUGHT));
        assert!(
            caught.is_none() || std::thread::panicking(),
            "quiltd: {caught:?}"
        );
    }
}
