//! A key handed over at the start, for services without a person to log in.
//!
//! Three ways, in this order: a file descriptor, systemd's credentials
//! (systemd.exec(5), `LoadCredential=quilt-api-key`), the environment; those of
//! several catalogs come as [`super::startup`] says. The
//! environment of a process can be read in `/proc` for as long as it lives,
//! whatever the process does to its own copy, so there is one honest way to
//! scrub it: run the program again without it, the key waiting in a pipe.

use std::env;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use quilt_proto::{ApiKeySecret, NameError, locations};
use quilt_trust::{Access, Distrust, Role};
use zeroize::Zeroizing;

/// An error of whoever knows catalogs by name.
pub(super) type BoxedError = Box<dyn std::error::Error + Send + Sync>;

/// The variable a key may come in.
const ENVIRONMENT: &str = "QUILT_API_KEY";

/// The flag that names a descriptor.
const FD_FLAG: &str = "--api-key-fd";

/// The file among systemd's credentials.
pub(super) const CREDENTIAL: &str = "quilt-api-key";

/// The most bytes read of a key, white space included. Less than every pipe
/// takes without a reader.
const MAX_BYTES: usize = 4096 + 64;

/// Why a key that was handed over could not be taken. Never quotes it.
#[derive(Debug, thiserror::Error)]
pub enum StartupKeyError {
    /// It could not be read.
    #[error("cannot read the API key from {place}: {source}")]
    Unreadable {
        /// Where it was to come from.
        place: String,
        /// Why not.
        source: io::Error,
    },
    /// Others could read it.
    #[error("{place} can be read by other users (mode {mode:04o})")]
    Loose {
        /// Where it was to come from.
        place: String,
        /// The file's mode.
        mode: u32,
    },
    /// Others could have written it.
    #[error("the API key is not read: {0}")]
    Distrusted(#[from] Distrust),
    /// It is for no catalog.
    #[error("{place} is for no catalog: {source}")]
    NoCatalog {
        /// Where it came from.
        place: String,
        /// What is wrong with what it is named after.
        source: BoxedError,
    },
    /// It is not a key.
    #[error("{place}: {source}")]
    NotAKey {
        /// Where it came from.
        place: String,
        /// What is wrong with it.
        source: NameError,
    },
}

/// A key handed over, if one was.
#[derive(Debug)]
pub struct StartupKey {
    /// The key.
    pub secret: ApiKeySecret,
    /// Whether the next start finds it again.
    pub comes_again: bool,
}

impl StartupKey {
    /// Runs this program again where a key is in its environment. Call it
    /// before anything else; it returns where there is nothing to scrub.
    pub fn scrub_environment(args: &[OsString]) -> Result<(), StartupKeyError> {
        let Some(value) = env::var_os(ENVIRONMENT) else {
            return Ok(());
        };
        let value = Zeroizing::new(value.as_bytes().to_vec());
        let failed = |source| StartupKeyError::Unreadable {
            place: ENVIRONMENT.to_owned(),
            source,
        };
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

    /// The key from a descriptor, else from systemd's credentials.
    pub fn read(descriptor: Option<u32>) -> Result<Option<Self>, StartupKeyError> {
        if let Some(number) = descriptor {
            let path = PathBuf::from(format!("/dev/fd/{number}"));
            let secret = read_path(&path, &format!("descriptor {number}"))?;
            let comes_again = false;
            return Ok(Some(Self {
                secret,
                comes_again,
            }));
        }
        let Some(dir) = credentials() else {
            return Ok(None);
        };
        let place = "the credential quilt-api-key";
        let Some(file) = open_credential(&dir.join(CREDENTIAL))? else {
            return Ok(None);
        };
        let (secret, comes_again) = (read(file, place)?, true);
        Ok(Some(Self {
            secret,
            comes_again,
        }))
    }
}

/// Where systemd puts the credentials of this service, if it does.
pub(super) fn credentials() -> Option<PathBuf> {
    let dir = env::var_os(locations::CREDENTIALS_ENV).filter(|dir| !dir.is_empty())?;
    Some(PathBuf::from(dir))
}

fn names_descriptor(args: &[OsString]) -> bool {
    let assigned = format!("{FD_FLAG}=");
    args.iter()
        .any(|arg| arg == OsStr::new(FD_FLAG) || arg.as_bytes().starts_with(assigned.as_bytes()))
}

/// The reading end of a pipe that holds the key and has no writer any more.
fn in_a_pipe(value: &[u8]) -> io::Result<rustix::fd::OwnedFd> {
    if value.len() > MAX_BYTES {
        return Err(io::Error::other("it is too long to be one"));
    }
    // Without CLOEXEC: the program that follows inherits it.
    let (reader, writer) = rustix::pipe::pipe()?;
    File::from(writer).write_all(value)?;
    Ok(reader)
}

fn read_path(path: &Path, place: &str) -> Result<ApiKeySecret, StartupKeyError> {
    let file = File::open(path).map_err(|source| StartupKeyError::Unreadable {
        place: place.to_owned(),
        source,
    })?;
    read(file, place)
}

/// What systemd put there is this service's alone; what others could have put
/// there is not read: whoever it is for would act as them.
pub(super) fn open_credential(path: &Path) -> Result<Option<File>, Distrust> {
    if !path.exists() {
        return Ok(None);
    }
    quilt_trust::open(path, Role::Shared, Access::Read)
}

/// The key that is in a file, and nothing else is.
pub(super) fn read(file: File, place: &str) -> Result<ApiKeySecret, StartupKeyError> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(MAX_BYTES + 1));
    file.take(MAX_BYTES as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| StartupKeyError::Unreadable {
            place: place.to_owned(),
            source,
        })?;
    let not_a_key = |source| StartupKeyError::NotAKey {
        place: place.to_owned(),
        source,
    };
    let text = std::str::from_utf8(&bytes).map_err(|_| not_a_key(NameError::ApiKeyCharacters))?;
    text.parse().map_err(not_a_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_goes_through_a_pipe_and_errors_do_not_quote_it() {
        let reader = in_a_pipe(b" qk_abcdefghijklmnop\n").unwrap();
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        let key = StartupKey::read(Some(number)).unwrap().unwrap();
        assert_eq!(key.secret.secret().expose(), "qk_abcdefghijklmnop");
        assert!(!key.comes_again);
        let reader = in_a_pipe(b"canary").unwrap();
        let number = u32::try_from(reader.as_raw_fd()).unwrap();
        let error = StartupKey::read(Some(number)).unwrap_err().to_string();
        assert!(
            error.ends_with("API key must start with 'qk_' prefix"),
            "{error}"
        );
        assert!(!error.contains("canary"));
    }

    #[test]
    fn a_descriptor_on_the_command_line_is_noticed_in_both_spellings() {
        let args = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
        assert!(names_descriptor(&args(&["quiltd", "--api-key-fd", "3"])));
        assert!(names_descriptor(&args(&["quiltd", "--api-key-fd=3"])));
        assert!(!names_descriptor(&args(&["quiltd", "--socket", "/s"])));
    }
}
