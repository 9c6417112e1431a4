//! Commands that mend something.

use quilt_proto::{Command, ProfileName};

use super::aws_profile::AwsProfile;
use crate::aws_files::USUAL_PROFILE;
use crate::context::Context;

/// Unsets variables.
pub(super) fn unset(names: &[&'static str]) -> Command {
    names
        .iter()
        .fold(Command::of("unset"), |command, name| command.words(name))
}

/// Writes the profile's lines anew, to the same effect; where `setup aws` does
/// not write them, its file has to be edited.
pub(super) fn set_up_again(profile: &AwsProfile) -> Command {
    set_up(profile, true)
}

/// The same, for the daemon that is used here.
pub(super) fn set_up_here(profile: &AwsProfile) -> Command {
    set_up(profile, false)
}

fn set_up(profile: &AwsProfile, same_socket: bool) -> Command {
    let Some(line) = profile.process() else {
        return Command::of("quiltctl setup aws");
    };
    if line.in_credentials || profile.name.parse::<ProfileName>().is_err() {
        return Command::edit(&line.file);
    }
    let name = Some(&profile.name).filter(|name| *name != USUAL_PROFILE);
    let command = Command::of("quiltctl setup aws").option_if("--name", name);
    let Some(call) = profile.call() else {
        return command;
    };
    let command = command
        .option_if("--profile", call.recipe)
        .option_if("--catalog", call.catalog);
    match call.socket.filter(|_| same_socket) {
        Some(socket) => command.path_option("--socket", &socket),
        None => command,
    }
}

/// `quiltctl` for the daemon that is asked here.
pub(super) fn quiltctl(context: &Context, command: &'static str) -> Command {
    Command::to_daemon(context.global().socket.as_deref(), command)
}
