//! The user's own command.

use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::Notice;

/// How long it may run.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// What a service manager gives to the daemon and to nobody else.
const WITHHELD: &[&str] = &[
    "CREDENTIALS_DIRECTORY",
    "LISTEN_FDS",
    "LISTEN_FDNAMES",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
];

/// Runs it, never through a shell: what there is to say is in variables of its
/// environment, as text that nobody reads as anything else.
pub(super) fn run(program: &str, arguments: &[String], notice: &Notice) -> io::Result<ExitStatus> {
    let mut command = Command::new(program);
    for name in WITHHELD {
        command.env_remove(name);
    }
    let mut child = command
        .args(arguments)
        .env("QUILTD_NOTIFY_CODE", &notice.code)
        .env("QUILTD_NOTIFY_SUMMARY", &notice.summary)
        .env("QUILTD_NOTIFY_HINT", &notice.hint)
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let deadline = Instant::now() + TIMEOUT;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(status);
        }
        if Instant::now() >= deadline {
            child.kill()?;
            return child.wait();
        }
        std::thread::sleep(PAUSE);
    }
}
