//! Starts a program that outlives this one.
//!
//! A daemon needs a session of its own, or Ctrl-C in the terminal ends it.
//! `setsid` must run in the new process between fork and exec, where only
//! unsafe code can be. So quiltctl runs itself once more in between: the copy
//! leaves the session, seals its inherited descriptors, starts the program
//! and ends, which also makes the program nobody's child. No shell, and no
//! `setsid` binary, which macOS lacks.

use std::ffi::OsString;
use std::process::Command;

use quilt_proto::quoted;
use rustix::fs::Mode;

use crate::exit::{self, Failure};

/// The first argument that asks for this.
pub(crate) const ARGUMENT: &str = "__detach";

/// Starts `command` with the standard streams of this process and nothing else.
pub(crate) fn run(command: &[OsString]) -> Result<(), Failure> {
    let Some((program, args)) = command.split_first() else {
        return Err(Failure::new(exit::USAGE, "nothing to start"));
    };
    rustix::process::setsid()
        .map_err(|error| Failure::new(exit::UNEXPECTED, format!("cannot detach: {error}")))?;
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
    close_fds::set_fds_cloexec(3, &[]);
    Command::new(program)
        .args(args)
        .spawn()
        .map(drop)
        .map_err(|error| {
            let what = format!(
                "cannot start {}: {error}",
                quoted::name(&program.to_string_lossy())
            );
            Failure::new(exit::DAEMON, what)
        })
}
