//! The arguments of `credential-process` without clap: SDKs run it thousands of
//! times an hour, and building the whole command tree costs more than the
//! request itself.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use quilt_proto::ProfileName;

/// What `credential-process` is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arguments {
    /// A profile of quiltd.toml, instead of the stack's own credentials.
    pub profile: Option<ProfileName>,
    /// The catalog, instead of the one of the environment.
    pub catalog: Option<String>,
    /// The daemon's socket, instead of where one is looked for.
    pub socket: Option<PathBuf>,
    /// The API's body, which the document is anyway.
    pub json: bool,
    /// The daemon is not started.
    pub no_autostart: bool,
}

impl Arguments {
    /// The arguments, where they are plainly a valid use of the command.
    /// Anything else, help and mistakes included, is left to clap.
    pub fn parse(args: &[OsString]) -> Option<Self> {
        let mut parsed = Self::default();
        let mut seen_command = false;
        let mut args = args.iter().map(OsString::as_os_str);
        while let Some(arg) = args.next() {
            match split(arg) {
                (b"credential-process", None) if !seen_command => seen_command = true,
                (b"--json", None) if !parsed.json => parsed.json = true,
                (b"--no-autostart", None) if !parsed.no_autostart => parsed.no_autostart = true,
                (name, value) => {
                    let value = value.or_else(|| args.next().filter(|value| !is_flag(value)))?;
                    let text = || value.to_str().map(str::to_owned);
                    match name {
                        b"--profile" if seen_command && parsed.profile.is_none() => {
                            parsed.profile = Some(text()?.parse().ok()?);
                        }
                        b"--catalog" if parsed.catalog.is_none() => parsed.catalog = Some(text()?),
                        b"--socket" if parsed.socket.is_none() && !value.is_empty() => {
                            parsed.socket = Some(PathBuf::from(value));
                        }
                        _ => return None,
                    }
                }
            }
        }
        seen_command.then_some(parsed)
    }
}

/// `--name=value` taken apart.
fn split(arg: &OsStr) -> (&[u8], Option<&OsStr>) {
    let bytes = arg.as_bytes();
    match bytes.iter().position(|byte| *byte == b'=') {
        Some(end) if is_flag(arg) => (&bytes[..end], Some(OsStr::from_bytes(&bytes[end + 1..]))),
        _ => (bytes, None),
    }
}

fn is_flag(arg: &OsStr) -> bool {
    arg.as_bytes().first() == Some(&b'-')
}
