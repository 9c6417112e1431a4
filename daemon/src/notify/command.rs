//! The user's own command.

use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use quilt_proto::locations::{CREDENTIALS_ENV, SERVICE_MANAGER_ENV};

use super::Notice;

/// How long it may run.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// Runs it, never through a shell: what there is to say is in variables of its
/// environment, as text that nobody reads as anything else. A program that
/// somebody else may have written is not run as this user.
pub(super) fn run(program: &str, arguments: &[String], notice: &Notice) -> io::Result<ExitStatus> {
    if program.contains('/') {
        quilt_trust::check(Path::new(program))?;
    }
    let mut command = Command::new(program);
    for name in SERVICE_MANAGER_ENV.into_iter().chain([CREDENTIALS_ENV]) {
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

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_program_that_others_may_write_is_not_run() {
        let dir = tempfile::tempdir().unwrap();
        let place = dir.path().join("bin");
        fs::create_dir(&place).unwrap();
        let program = place.join("tell");
        symlink("/bin/sh", &program).unwrap();
        let told = dir.path().join("told");
        let script = format!("echo >'{}'", told.display());
        let arguments = ["-c".to_owned(), script];
        let notice = Notice {
            id: String::new(),
            code: String::new(),
            summary: String::new(),
            hint: String::new(),
        };
        let tell = |mode| {
            fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
            run(program.to_str().unwrap(), &arguments, &notice)
        };
        assert!(tell(0o777).is_err());
        assert!(!told.exists());
        // The control: nothing else keeps it from being run.
        assert!(tell(0o755).unwrap().success());
        assert!(told.exists());
    }
}
