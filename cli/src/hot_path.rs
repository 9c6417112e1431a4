//! `credential-process` without clap: SDKs run it thousands of times an hour,
//! and building the whole command tree costs more than the request itself.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use crate::args::Global;
use crate::commands::credential_process::Args;

/// The command, where these arguments are plainly a valid use of it. Anything
/// else, help and mistakes included, is left to clap.
pub(crate) fn parse(args: &[OsString]) -> Option<(Global, Args)> {
    let mut global = Global::default();
    let mut command = Args::default();
    let mut seen_command = false;
    let mut args = args.iter().map(OsString::as_os_str);
    while let Some(arg) = args.next() {
        match split(arg) {
            (b"credential-process", None) if !seen_command => seen_command = true,
            (b"--json", None) if !global.json => global.json = true,
            (b"--no-autostart", None) if !global.no_autostart => global.no_autostart = true,
            (name, value) => {
                let value = value.or_else(|| args.next().filter(|value| !is_flag(value)))?;
                let text = || value.to_str().map(str::to_owned);
                match name {
                    b"--profile" if seen_command && command.profile.is_none() => {
                        command.profile = Some(text()?.parse().ok()?);
                    }
                    b"--catalog" if global.catalog.is_none() => global.catalog = Some(text()?),
                    b"--socket" if global.socket.is_none() && !value.is_empty() => {
                        global.socket = Some(PathBuf::from(value));
                    }
                    _ => return None,
                }
            }
        }
    }
    seen_command.then_some((global, command))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::args;
    use crate::commands::Command;

    fn os(words: &[&str]) -> Vec<OsString> {
        words.iter().map(OsString::from).collect()
    }

    #[test]
    fn what_set_up_writes_takes_the_short_way() {
        for words in [
            &["credential-process"][..],
            &["credential-process", "--profile", "lake"],
            &[
                "--socket=/s",
                "credential-process",
                "--catalog",
                "https://x",
            ],
        ] {
            assert!(parse(&os(words)).is_some(), "{words:?}");
        }
    }

    #[test]
    fn everything_else_is_left_to_clap() {
        for words in [
            &[][..],
            &["token"],
            &["credential-process", "--help"],
            &["credential-process", "extra"],
            &["credential-process", "--profile"],
            &["credential-process", "--profile", "not a name"],
            &["credential-process", "--profile", "--json"],
        ] {
            assert!(parse(&os(words)).is_none(), "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn it_never_disagrees_with_clap(words in prop::collection::vec(
            prop::sample::select(vec![
                "credential-process", "--profile", "--profile=", "--profile=lake", "lake", "--json",
                "--json=1", "--catalog", "--catalog=", "--catalog=https://x=y", "--socket", "/s",
                "--socket=/s", "--socket=", "--no-autostart", "--", "-", "", "token",
            ]), 0..6)) {
            let words = os(&words);
            if let Some((global, command)) = parse(&words) {
                let Ok(Some(cli)) = args::parse(&words) else {
                    panic!("clap refuses {words:?}");
                };
                prop_assert_eq!(cli.global, global);
                let Command::CredentialProcess(args) = cli.command else {
                    panic!("another command");
                };
                prop_assert_eq!(args, command);
            }
        }
    }
}
