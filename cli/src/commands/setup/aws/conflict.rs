//! What a profile is not set up for: programs would not get its credentials.

use std::path::Path;

use quilt_proto::{Command, quoted};

use super::config_file;
use super::edit;
use crate::aws_files::{self, CONFIG_ENV, USUAL_PROFILE};
use crate::exit::{self, Failure};

/// Fails where a variable says that there shall be no configuration.
pub(super) fn keeps_nothing(config: &Path, name: &str) -> Result<(), Failure> {
    if !aws_files::is_nothing(config) {
        return Ok(());
    }
    let what = format!(
        "{CONFIG_ENV} names {}, which keeps nothing",
        quoted::path(config)
    );
    let hint = again("unset AWS_CONFIG_FILE && quiltctl setup aws", name);
    Err(Failure::new(exit::INPUT, what).hint(hint))
}

/// The same profile in a file that can be written.
pub(super) fn in_another_file(name: &str) -> Command {
    const LINE: &str = "export AWS_CONFIG_FILE=\"$(mktemp -d)/config\" && quiltctl setup aws";
    again(LINE, name)
}

fn again(line: &'static str, name: &str) -> Command {
    let name = Some(name).filter(|name| *name != USUAL_PROFILE);
    Command::of(line).option_if("--name", name)
}

/// Fails where the credentials file keeps programs from the profile: it says
/// another way to credentials for it, or is one that they refuse.
pub(super) fn goes_before(credentials: &Path, name: &str) -> Result<(), Failure> {
    let bytes = config_file::read(credentials)?.unwrap_or_default();
    let file = quoted::path(credentials);
    if let Some(key) = edit::other_way(&bytes, name) {
        let what = match key.as_str() {
            "aws_access_key_id" => format!("{file} holds keys for {name}, which would win"),
            key => {
                let key = quoted::name(key);
                format!("{file} holds another way for {name} ({key}), which would win")
            }
        };
        return Err(Failure::new(exit::INPUT, what).hint(by_another_name(name)));
    }
    match edit::unreadable(&bytes, credentials) {
        Some((why, hint)) => {
            let what = format!("{file}: {why}: nothing was changed");
            Err(Failure::new(exit::INPUT, what).hint(hint))
        }
        None => Ok(()),
    }
}

/// The same profile under a name that is free.
pub(super) fn by_another_name(name: &str) -> Command {
    Command::of("quiltctl setup aws").option("--name", format_args!("{name}-quiltd"))
}
