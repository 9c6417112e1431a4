//! A key in the environment, taken out of it.
//!
//! The environment of a process can be read in `/proc` for as long as it lives,
//! whatever the process does to its own copy, so there is one honest way to
//! scrub it: run the program again without it, the key waiting in a pipe.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use quilt_proto::locations;
use zeroize::Zeroizing;

use super::startup_key::{MAX_BYTES, StartupKey, StartupKeyError};

/// The variable a key may come in.
const ENVIRONMENT: &str = locations::API_KEY_ENV;

/// The flag that names a descriptor.
const FD_FLAG: &str = "--api-key-fd";

impl StartupKey {
    /// Runs this program again where a key is in its environment. Call it
    /// before anything else; it returns where there is nothing to scrub.
    pub fn scrub_environment(args: &[OsString]) -> Result<(), StartupKeyError> {
        let Some(value) = env::var_os(ENVIRONMENT) else {
            return Ok(());
        };
        let value = Zeroizing::new(value.as_bytes().to_vec());
        let failed = |source| StartupKeyError::unreadable(ENVIRONMENT, source);
        let mut command = Command::new(env::current_exe().map_err(failed)?);
        command.args(args.iter().skip(1)).env_remove(ENVIRONMENT);
        if let Some(name) = args.first() {
            command.arg0(name);
        }
        let mut pipe = None;
        if !value.trim_ascii().is_empty() && !names_descriptor(args) {
            let reader = in_a_pipe(&value).map_err(failed)?;
            command.arg(FD_FLAG).arg(reader.as_raw_fd().to_string());
            pipe = Some(reader);
        }
        drop(value);
        let error = command.exec();
        drop(pipe);
        Err(failed(error))
    }

    /// Whether a key is in the environment: then this program runs itself again.
    pub fn is_in_environment() -> bool {
        env::var_os(ENVIRONMENT).is_some()
    }
}

fn names_descriptor(args: &[OsString]) -> bool {
    let assigned = format!("{FD_FLAG}=");
    args.iter()
        .any(|arg| arg == OsStr::new(FD_FLAG) || arg.as_bytes().starts_with(assigned.as_bytes()))
}

/// The reading end of a pipe that holds the key and has no writer any more.
pub(super) fn in_a_pipe(value: &[u8]) -> io::Result<rustix::fd::OwnedFd> {
    if value.len() > MAX_BYTES {
        return Err(io::Error::other("it is too long to be one"));
    }
    // Without CLOEXEC: the program that follows inherits it.
    let (reader, writer) = rustix::pipe::pipe()?;
    File::from(writer).write_all(value)?;
    Ok(reader)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_descriptor_on_the_command_line_is_noticed_in_both_spellings() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(names_descriptor(&args(&["quiltd", "--api-key-fd", "3"])));
        assert!(names_descriptor(&args(&["quiltd", "--api-key-fd=3"])));
        assert!(!names_descriptor(&args(&["quiltd", "--socket", "/s"])));
    }
}
