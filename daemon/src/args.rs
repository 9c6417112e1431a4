//! The command line of quiltd.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Parser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use quilt_proto::Command;
use quiltd::token_store::StoreChoice;
use tracing_subscriber::filter::Targets;

/// Local daemon that owns Quilt sessions and vends AWS credentials.
#[derive(Debug, Parser)]
#[command(name = "quiltd", version = quilt_proto::build::long_version())]
pub(crate) struct Args {
    /// Listen here [default: QUILTD_SOCKET, else quilt/quiltd.sock in the runtime directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Read settings from here [default: QUILTD_CONFIG, else quilt/quiltd.toml in the configuration directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep refresh tokens here
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) token_store: StoreChoice,
    /// Read an API key from this open file descriptor and use it
    #[arg(long, value_name = "N")]
    pub(crate) api_key_fd: Option<u32>,
    /// The catalog the API key is for [default: QUILT_CATALOG, else the configured one]
    #[arg(long, value_name = "URL")]
    pub(crate) catalog: Option<String>,
    /// What to log, such as info or quiltd=debug
    #[arg(long, value_name = "FILTER", default_value = "info")]
    pub(crate) log: Targets,
}

/// Parses the command line; `None` after printing help. A mistake in it is one
/// line, in which no value appears: one of them may be a secret that does not
/// belong there.
pub(crate) fn parse(given: Vec<OsString>) -> Result<Option<Args>, String> {
    let error = match Args::try_parse_from(given) {
        Ok(args) => return Ok(Some(args)),
        Err(error) => error,
    };
    if !error.use_stderr() {
        // Nobody may be there to read it.
        let _ = error.print();
        return Ok(None);
    }
    let argument = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(name)) if name.starts_with('-') => {
            let end = name.find(['=', ' ']).unwrap_or(name.len());
            format!(" {}", &name[..end])
        }
        _ => String::new(),
    };
    Err(match error.kind() {
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            format!("invalid value for{argument}")
        }
        _ => format!("unexpected argument{argument}"),
    })
}

/// `hint`, where it starts quiltd with something changed: with all the other
/// options that were given.
pub(crate) fn keeping_options(hint: Command, given: &[OsString]) -> Command {
    let line = hint.to_string();
    let Some(changed) = line
        .strip_prefix("quiltd ")
        .and_then(|rest| rest.split(' ').next())
    else {
        return hint;
    };
    let mut kept = hint;
    let mut options = given.iter().skip(1).filter_map(|option| option.to_str());
    while let Some(option) = options.next() {
        let is_changed = |name: &str| {
            let rest = option.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        // The key's descriptor is of this start alone.
        if is_changed(changed) || is_changed("--api-key-fd") {
            if !option.contains('=') {
                options.next();
            }
        } else {
            kept = kept.word(option);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_with_something_changed_keeps_the_rest() {
        let kept = |hint: &'static str, typed: &[&str]| {
            let given = [&["quiltd"], typed].concat();
            let given: Vec<OsString> = given.into_iter().map(OsString::from).collect();
            keeping_options(hint.into(), &given).to_string()
        };
        let file = "quiltd --token-store file";
        assert_eq!(kept(file, &["--token-store", "keyring"]), file);
        assert_eq!(
            kept(
                file,
                &["--log=debug", "--token-store=keyring", "--socket", "/a b"]
            ),
            "quiltd --token-store file --log=debug --socket '/a b'"
        );
        assert_eq!(
            kept(file, &["--api-key-fd", "7", "--log", "warn"]),
            "quiltd --token-store file --log warn"
        );
        let stop = "quiltctl daemon stop";
        assert_eq!(kept(stop, &["--log", "debug"]), stop, "of another program");
    }

    #[test]
    fn mistakes_are_one_line_without_values() {
        let said = |args: &[&str]| {
            let given = [&["quiltd"], args].concat();
            parse(given.into_iter().map(OsString::from).collect()).unwrap_err()
        };
        assert_eq!(said(&["--bogus=qk_x"]), "unexpected argument --bogus");
        assert_eq!(said(&["qk_x"]), "unexpected argument");
        assert_eq!(
            said(&["--token-store=qk_x"]),
            "invalid value for --token-store"
        );
        assert_eq!(said(&["--log", "==qk_x"]), "invalid value for --log");
        assert_eq!(said(&["--socket"]), "invalid value for --socket");
    }
}
