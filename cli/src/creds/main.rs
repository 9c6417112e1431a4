//! `quiltctl-creds`: what an AWS profile runs for its credentials.
//!
//! It takes the arguments of `quiltctl credential-process` and does what that
//! does where nothing is out of the ordinary. A program this small is started
//! in less time than one with screens in it. Whatever else there is to do or to
//! say, starting the daemon included, is done by the `quiltctl` beside it.

use std::alloc::System;
use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::Instant;

use quilt_proto::exit_code::UNEXPECTED;
use quilt_proto::suggested_command::sentence;
use quiltctl_creds::{
    Arguments, FailedAttempt, ask, is_document, keep_to_ourselves, programs, write_all,
};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use zeroizing_alloc::ZeroAlloc;

/// Wipes every allocation when it is freed: credentials pass through buffers
/// of libraries that do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    keep_to_ourselves();
    let began = Instant::now();
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    let failed = match Arguments::parse(&args).and_then(ask) {
        Some(Ok(answer)) if answer.status() == 200 && is_document(answer.body()) => {
            match write_all(answer.body()) {
                // A reader that went away is no error worth a word.
                Ok(()) | Err(Errno::PIPE) => return ExitCode::SUCCESS,
                Err(_) => Some(FailedAttempt::since(began)),
            }
        }
        Some(Ok(answer)) => Some(FailedAttempt::of_answer(&answer, began)),
        Some(Err(error)) => Some(FailedAttempt::of_error(&error, began)),
        // Nobody was asked.
        None => None,
    };
    let pipe = failed.and_then(|failed| {
        let pipe = failed.in_a_pipe();
        pipe.or_else(|| FailedAttempt::since(began).in_a_pipe())
    });
    become_quiltctl(&args, pipe)
}

/// Becomes the `quiltctl` beside this program, with the same arguments, and with
/// what came of the request, if that was sent, in a pipe.
fn become_quiltctl(args: &[OsString], failed: Option<OwnedFd>) -> ExitCode {
    let (what, hint) = match programs::beside("quiltctl") {
        Ok(Some(quiltctl)) => {
            let mut command = Command::new(quiltctl);
            if let Some(pipe) = failed {
                command.arg(FailedAttempt::ARGUMENT).stdin(pipe);
            }
            let error = command.args(args).exec();
            let what = format!("cannot start the quiltctl beside quiltctl-creds: {error}");
            (what, programs::look_beside())
        }
        Ok(None) => {
            let what = "there is no quiltctl beside quiltctl-creds: install it as that was";
            (what.to_owned(), programs::look_beside())
        }
        Err(distrust) => {
            let what = format!("the quiltctl beside quiltctl-creds is not started: {distrust}");
            (what, distrust.remedy())
        }
    };
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(io::stderr(), "quiltctl: {}", sentence(&what, Some(&hint)));
    ExitCode::from(UNEXPECTED)
}
