//! The user's own command.

use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use quilt_proto::ApiKeySecret;
use quilt_proto::locations::{CREDENTIALS_ENV, SERVICE_MANAGER_ENV};
use quilt_trust::{Distrust, interpreter_line};

use super::{Notification, named_paths};

/// How long it may run.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// Where it runs.
const DIRECTORY: &str = "/";

/// Runs it, never through a shell: what there is to say is in variables of its
/// environment, as text that nobody reads as anything else. What somebody else
/// may have written is not run as this user.
pub(super) fn run(
    program: &str,
    arguments: &[String],
    notice: &Notification,
) -> io::Result<ExitStatus> {
    let path = env::var_os("PATH").unwrap_or_default();
    run_from(&path, program, arguments, notice)
}

/// Where a program is that is named by a path, or found on this search path.
fn find(program: &str, search: &OsStr) -> io::Result<PathBuf> {
    if program.contains('/') {
        // That is where it is run.
        return Ok(Path::new(DIRECTORY).join(program));
    }
    let is_program = |path: &PathBuf| {
        let about = fs::metadata(path);
        about.is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
    };
    env::split_paths(search)
        .map(|dir| Path::new(DIRECTORY).join(dir).join(program))
        .find(is_program)
        .ok_or_else(|| io::ErrorKind::NotFound.into())
}

/// Fails where others may write to the program, to what the system runs it
/// with, or to a file or directory that it is given: a script, most likely, and
/// to what the system runs that with.
fn check(program: &Path, arguments: &[String], search: &OsStr) -> Result<(), Distrust> {
    quilt_trust::check_used(program)?;
    let mut texts = arguments.to_vec();
    // One may name a file from a directory that another one names.
    texts.push(arguments.join(" "));
    texts.extend(interpreter_line(program));
    let mut seen = BTreeSet::new();
    while let Some(text) = texts.pop() {
        let candidates = named_paths::named_in(&text, Path::new(DIRECTORY), search);
        let written = named_paths::written_in(&text);
        // Whoever can change the root has all the rest.
        let below_root = candidates
            .into_iter()
            .filter(|path| path.parent().is_some());
        for path in below_root {
            if !seen.insert(path.clone()) {
                continue;
            }
            let checked = if !may_be_read(&path) {
                // It may be something else by the time that it is read.
                quilt_trust::locate_special(&path).map(drop)
            } else if written.iter().any(|it| it.may_be(&path)) {
                // What a line writes itself may be missing before.
                quilt_trust::check(&path)
            } else {
                quilt_trust::check_used(&path)
            };
            match checked {
                // A program among the arguments, as behind `env`, has its own.
                Ok(()) => texts.extend(interpreter_line(&path)),
                // Most of what could be a path is none.
                Err(Distrust::Io { .. } | Distrust::Kind { .. }) => {}
                Err(distrust) => return Err(distrust),
            }
        }
    }
    Ok(())
}

/// Whether a path leads to what a program could take its orders from, or to
/// nothing yet; devices such as `/dev/tty` everybody may write to.
fn may_be_read(path: &Path) -> bool {
    fs::metadata(path).map_or(true, |found| {
        let kind = found.file_type();
        kind.is_file() || kind.is_dir() || kind.is_fifo()
    })
}

fn run_from(
    search: &OsStr,
    program: &str,
    arguments: &[String],
    notice: &Notification,
) -> io::Result<ExitStatus> {
    let found = find(program, search)?;
    check(&found, arguments, search)?;
    let mut command = Command::new(found);
    command.arg0(program);
    for name in SERVICE_MANAGER_ENV.into_iter().chain([CREDENTIALS_ENV]) {
        command.env_remove(name);
    }
    // Whoever started the daemon may have had an API key by any name.
    ApiKeySecret::withhold_from(&mut command);
    let mut child = command
        .args(arguments)
        .env("QUILTD_NOTIFY_CODE", &notice.code)
        .env("QUILTD_NOTIFY_SUMMARY", &notice.summary)
        .env("QUILTD_NOTIFY_HINT", &notice.hint)
        .current_dir(DIRECTORY)
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
mod tests;
