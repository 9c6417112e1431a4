//! `credential-process` without clap, as `quiltctl-creds` has it.

use std::ffi::OsString;

use quiltctl_creds::Arguments;

use crate::commands::credential_process::Args;
use crate::global::Global;

/// The command, where these arguments are plainly a valid use of it.
pub(crate) fn parse(args: &[OsString]) -> Option<(Global, Args)> {
    let asked = Arguments::parse(args)?;
    let global = Global {
        json: asked.json,
        catalog: asked.catalog,
        socket: asked.socket,
        no_autostart: asked.no_autostart,
        ..Global::default()
    };
    let profile = asked.profile;
    Some((global, Args { profile }))
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
