//! `quiltctl-creds`: what an AWS profile runs for its credentials.
//!
//! It takes the arguments of `quiltctl credential-process` and does what that
//! does where nothing is out of the ordinary. A program this small is started
//! in less time than one with screens in it. Whatever else there is to do or to
//! say, starting the daemon included, is done by the `quiltctl` beside it.

use std::alloc::System;
use std::env;
use std::ffi::OsString;
use std::io::{self, ErrorKind, Write};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use quilt_proto::exit_code::UNEXPECTED;
use quiltctl_creds::{Arguments, FailedAttempt, ask, is_document, keep_to_ourselves};
use rustix::io::Errno;
use rustix::stdio::stdout;
use zeroizing_alloc::ZeroAlloc;

/// Wipes every allocation when it is freed: credentials pass through buffers
/// of libraries that do not.
#[global_allocator]
static ALLOCATOR: ZeroAlloc<System> = ZeroAlloc(System);

fn main() -> ExitCode {
    keep_to_ourselves();
    let args: Vec<OsString> = env::args_os().skip(1).collect();
    match Arguments::parse(&args).and_then(ask) {
        Some(Ok(answer)) if answer.status() == 200 && is_document(answer.body()) => {
            match write_all(answer.body()) {
                // A reader that went away is no error worth a word.
                Ok(()) | Err(Errno::PIPE) => ExitCode::SUCCESS,
                Err(_) => become_quiltctl(&args, None),
            }
        }
        Some(Ok(answer)) => become_quiltctl(&args, FailedAttempt::of_answer(&answer)),
        Some(Err(error)) => become_quiltctl(&args, FailedAttempt::of_error(&error)),
        None => become_quiltctl(&args, None),
    }
}

/// Past the standard library's buffer, which would keep a copy.
fn write_all(mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        match rustix::io::write(stdout(), bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(Errno::INTR) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Becomes the `quiltctl` beside this program, with the same arguments and with
/// what came of the request, if that was sent.
fn become_quiltctl(args: &[OsString], failed: Option<FailedAttempt>) -> ExitCode {
    let quiltctl = env::current_exe().map(|own| own.with_file_name("quiltctl"));
    let error = quiltctl.map_or_else(
        |error| error,
        |quiltctl| {
            let mut command = Command::new(quiltctl);
            if let Some(pipe) = failed.and_then(|failed| failed.in_a_pipe()) {
                command.arg(FailedAttempt::ARGUMENT).stdin(pipe);
            }
            command.args(args).exec()
        },
    );
    let what = match error.kind() {
        ErrorKind::NotFound => "there is no quiltctl beside quiltctl-creds".to_owned(),
        _ => format!("cannot start the quiltctl beside quiltctl-creds: {error}"),
    };
    // Nobody is left to be told if standard error is closed.
    let _ = writeln!(
        io::stderr(),
        "quiltctl: {what}; run: cargo install --path cli"
    );
    ExitCode::from(UNEXPECTED)
}
