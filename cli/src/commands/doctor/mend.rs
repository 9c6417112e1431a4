//! Commands that mend something.

use std::path::Path;

use quilt_proto::ProfileName;

use super::aws_profile::AwsProfile;
use crate::aws_files::command_line::quote;
use crate::context::Context;

/// Unsets variables.
pub(super) fn unset(names: &[&str]) -> String {
    format!("unset {}", names.join(" "))
}

/// Opens a file in the user's editor.
pub(super) fn edit(file: &Path) -> String {
    format!("${{EDITOR:-vi}} {}", word(&file.display().to_string()))
}

/// Writes the profile's lines anew, to the same effect; where `setup aws` does
/// not write them, its file has to be edited.
pub(super) fn set_up_again(profile: &AwsProfile) -> String {
    set_up(profile, true)
}

/// The same, for the daemon that is used here.
pub(super) fn set_up_here(profile: &AwsProfile) -> String {
    set_up(profile, false)
}

fn set_up(profile: &AwsProfile, same_socket: bool) -> String {
    let Some(line) = profile.process() else {
        return "quiltctl setup aws".to_owned();
    };
    if line.in_credentials || profile.name.parse::<ProfileName>().is_err() {
        return edit(&line.file);
    }
    let mut command = "quiltctl setup aws".to_owned();
    let mut option = |name: &str, value: &str| {
        command = format!("{command} {name} {}", word(value));
    };
    if profile.name != "quilt" {
        option("--name", &profile.name);
    }
    if let Some(call) = profile.call() {
        if let Some(recipe) = &call.recipe {
            option("--profile", recipe.as_str());
        }
        if let Some(catalog) = &call.catalog {
            option("--catalog", catalog);
        }
        if let Some(socket) = call.socket.as_ref().filter(|_| same_socket) {
            option("--socket", &socket.display().to_string());
        }
    }
    command
}

/// `quiltctl` for the daemon that is asked here.
pub(super) fn quiltctl(context: &Context, command: &str) -> String {
    match &context.global().socket {
        Some(socket) => {
            let socket = word(&socket.display().to_string());
            format!("quiltctl --socket {socket} {command}")
        }
        None => format!("quiltctl {command}"),
    }
}

/// A word as a shell reads it.
pub(super) fn word(text: &str) -> String {
    quote(text).unwrap_or_else(|| format!("'{}'", text.replace('\'', r"'\''")))
}
