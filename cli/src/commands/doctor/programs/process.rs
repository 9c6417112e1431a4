//! A program that must end in time and may say little.

use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use crate::aws_files::{self, CONFIG_ENV, CREDENTIALS_ENV};
use crate::programs;

/// How long a program may take; a slow machine starts Python in seconds.
const LIMIT: Duration = Duration::from_secs(10);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);
/// The most it may say, in bytes.
const MAX_OUTPUT: u64 = 64 * 1024;

/// How it went.
#[derive(Debug)]
pub(super) enum Ended {
    /// There is no such program.
    NotInstalled,
    /// It was killed.
    Late,
    /// With this code, and having said this.
    With {
        code: i32,
        stdout: String,
        stderr: String,
    },
}

/// Runs a program of the path to its end, or to the limit. In no directory that
/// somebody chose: what lies in the current one is no part of what programs
/// elsewhere would get.
pub(super) fn run(name: &str, prepare: impl FnOnce(&mut Command)) -> Ended {
    let Some(program) = programs::tool(name) else {
        return Ended::NotInstalled;
    };
    let mut command = Command::new(program);
    command.current_dir("/");
    for variable in [CONFIG_ENV, CREDENTIALS_ENV] {
        if let Some(place) = aws_files::named_from_here(variable) {
            command.env(variable, place);
        }
    }
    prepare(&mut command);
    run_for(&mut command, LIMIT)
}

fn run_for(command: &mut Command, limit: Duration) -> Ended {
    let deadline = Instant::now() + limit;
    let child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // What it starts ends with it.
        .process_group(0)
        .spawn();
    let Ok(mut child) = child else {
        return Ended::NotInstalled;
    };
    let (stdout, stderr) = (reader(child.stdout.take()), reader(child.stderr.take()));
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => thread::sleep(PAUSE),
            _ => {
                end(&mut child);
                return Ended::Late;
            }
        }
    };
    let left = || deadline.saturating_duration_since(Instant::now());
    let texts = [&stdout, &stderr].map(|text| text.recv_timeout(left()));
    let [Ok(stdout), Ok(stderr)] = texts else {
        end(&mut child);
        return Ended::Late;
    };
    // As shells, and shims that look for it, say that there is none.
    match status.code() {
        Some(127) => Ended::NotInstalled,
        code => Ended::With {
            code: code.unwrap_or(-1),
            stdout,
            stderr,
        },
    }
}

fn reader(from: Option<impl Read + Send + 'static>) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut from) = from {
            let _ = (&mut from).take(MAX_OUTPUT).read_to_end(&mut bytes);
            // The rest must not hold the program up.
            let _ = io::copy(&mut from, &mut io::sink());
        }
        let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
    });
    receiver
}

fn end(child: &mut Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process_group(pid, Signal::KILL);
    }
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Ended {
        run_for(Command::new("sh").args(["-c", script]), limit)
    }

    #[test]
    fn what_it_says_is_kept_in_bounds() {
        let said = sh("head -c 1000000 /dev/zero; echo no >&2; exit 3", LIMIT);
        let Ended::With {
            code,
            stdout,
            stderr,
        } = said
        else {
            panic!("{said:?}");
        };
        assert_eq!((code, stderr.as_str()), (3, "no\n"));
        assert_eq!(stdout.len() as u64, MAX_OUTPUT);
    }

    #[test]
    fn one_that_is_not_there_is_told_from_one_that_does_not_end() {
        let missing = run_for(&mut Command::new("/no/such/program"), LIMIT);
        assert!(matches!(missing, Ended::NotInstalled));
        assert!(matches!(
            run("no-such-program", |_| {}),
            Ended::NotInstalled
        ));
        assert!(matches!(sh("exit 127", LIMIT), Ended::NotInstalled));
        let started = Instant::now();
        // Its child holds the pipe.
        let late = sh("sleep 60 & wait", Duration::from_millis(200));
        assert!(matches!(late, Ended::Late));
        assert!(started.elapsed() < Duration::from_secs(10));
    }
}
