//! The user's own command.

use std::env;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use quilt_proto::locations::{CREDENTIALS_ENV, SERVICE_MANAGER_ENV};
use quilt_trust::Distrust;

use super::Notification;

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

/// Fails where others may write to the program, or to a file that it is given
/// to read: a script, most likely.
fn check(program: &Path, arguments: &[String]) -> Result<(), Distrust> {
    quilt_trust::check(program)?;
    let files = arguments.iter().flat_map(|argument| files_in(argument));
    for file in files.filter(|path| path.is_file()) {
        quilt_trust::check(&file)?;
    }
    Ok(())
}

/// What an argument could name: a file as it is, or one behind an option
/// (`--config=FILE`, `-cFILE`) or in a list (`A:B`).
fn files_in(argument: &str) -> impl Iterator<Item = PathBuf> {
    let parts = argument.split(['=', ':', ',']);
    let bare = argument.find('/').map(|at| &argument[at..]);
    let named = parts.chain([argument]).chain(bare);
    // That is where they are looked for.
    named.map(|name| Path::new(DIRECTORY).join(name))
}

fn run_from(
    search: &OsStr,
    program: &str,
    arguments: &[String],
    notice: &Notification,
) -> io::Result<ExitStatus> {
    let found = find(program, search)?;
    check(&found, arguments)?;
    let mut command = Command::new(found);
    command.arg0(program);
    for name in SERVICE_MANAGER_ENV.into_iter().chain([CREDENTIALS_ENV]) {
        command.env_remove(name);
    }
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
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::symlink;

    use super::*;

    fn notice() -> Notification {
        Notification {
            id: String::new(),
            catalog: String::new(),
            code: String::new(),
            summary: String::new(),
            hint: String::new(),
        }
    }

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
        let path = program.to_str().unwrap();
        // By its path, by one from where it runs, and by its name.
        for named in [path, &path[1..], "tell"] {
            let tell = |mode| {
                fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
                run_from(place.as_os_str(), named, &arguments, &notice())
            };
            assert!(tell(0o777).is_err(), "{named}");
            assert!(!told.exists(), "{named}");
            // The control: nothing else keeps it from being run.
            assert!(tell(0o755).unwrap().success(), "{named}");
            fs::remove_file(&told).unwrap();
        }
    }

    #[test]
    fn a_script_that_others_may_write_is_given_to_nobody() {
        let dir = tempfile::tempdir().unwrap();
        let (script, told) = (dir.path().join("tell.sh"), dir.path().join("told"));
        fs::write(&script, format!("echo >'{}'", told.display())).unwrap();
        let arguments = [script.to_str().unwrap().to_owned()];
        let tell = |mode| {
            fs::set_permissions(&script, Permissions::from_mode(mode)).unwrap();
            run("sh", &arguments, &notice())
        };
        assert!(tell(0o666).is_err());
        assert!(!told.exists());
        assert!(tell(0o644).unwrap().success());
        assert!(told.exists());
    }

    #[test]
    fn however_a_script_is_named_it_is_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let (script, told) = (dir.path().join("tell.sh"), dir.path().join("told"));
        fs::write(&script, format!("echo >'{}'", told.display())).unwrap();
        let path = script.to_str().unwrap();
        let ways: [(&str, &[&str]); 4] = [
            // From where it is run.
            ("sh", &[&path[1..]]),
            ("env", &[&format!("ENV={path}"), "sh", "-ic", "true"]),
            ("env", &["-S", &format!("sh {path}")]),
            ("bash", &["--rcfile", path, "-ic", "true"]),
        ];
        for (program, arguments) in ways {
            let arguments: Vec<_> = arguments.iter().map(|&it| it.to_owned()).collect();
            let tell = |mode| {
                fs::set_permissions(&script, Permissions::from_mode(mode)).unwrap();
                run(program, &arguments, &notice())
            };
            assert!(tell(0o666).is_err(), "{arguments:?}");
            assert!(!told.exists(), "{arguments:?}");
            assert!(tell(0o644).unwrap().success(), "{arguments:?}");
            fs::remove_file(&told).expect("the control: it was run");
        }
    }
}
