//! The commands that mend a failed call, and how `quiltctl` ends after one.

use std::env;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use quilt_proto::suggested_command::Command;
use quilt_proto::{exit_code, locations};
use quilt_trust::Distrust;

use crate::Error;

/// Starts a daemon in a place that is this user's.
const IN_HOME: &str = "quiltctl --socket \"$HOME/.quilt/quiltd.sock\" daemon start";

impl Error {
    /// What to run. None where the input was wrong and the daemon names nothing:
    /// then it is the help of whoever asked.
    pub fn remedy(&self) -> Option<Command> {
        Some(match self {
            Self::Problem(problem) => return problem.remedy(),
            Self::ForeignSocket { uid, .. } => {
                // Root with the home of a user is to be that user.
                let home = || quilt_trust::of_others().map(|(_, command)| command);
                let hint = quilt_trust::as_owner(*uid).or_else(home);
                hint.unwrap_or_else(|| "quiltctl --socket PATH daemon start".into())
            }
            Self::Nobody { .. } => Distrust::Nobody.remedy(),
            Self::Unreachable { source, .. } if source.kind() == ErrorKind::InvalidFilename => {
                IN_HOME.into()
            }
            Self::Unreachable { socket, source }
                if source.kind() == ErrorKind::PermissionDenied =>
            {
                past_others(socket)
            }
            Self::Stopped { pid } => Command::of("kill -CONT").operand(pid),
            // Where it was looked for: also where only this call was told of that place.
            Self::Unreachable { socket, .. } if self.is_absent() => {
                Command::to_daemon(Some(socket), "daemon start")
            }
            Self::Unreachable { .. } | Self::Timeout(_) | Self::InvalidAnswer(_) => {
                "quiltctl daemon restart".into()
            }
        })
    }

    /// How `quiltctl` ends.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Problem(problem) => problem.code.exit_code(),
            Self::InvalidAnswer(_) => exit_code::UNEXPECTED,
            _ => exit_code::DAEMON,
        }
    }
}

/// What helps where the way to a socket is closed: another user's daemon serves
/// nobody else, so one's own is needed, or to be that user.
fn past_others(socket: &Path) -> Command {
    let mut places = socket.ancestors();
    let nearest = places.find_map(|place| place.symlink_metadata().ok());
    if let Some(command) = nearest.and_then(|found| quilt_trust::as_owner(found.uid())) {
        return command;
    }
    let others = quilt_trust::of_others().filter(|(home, _)| socket.starts_with(home));
    if let Some((_, command)) = others {
        return command;
    }
    let is_set = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    // As su leaves it.
    let runtime = env::var_os("XDG_RUNTIME_DIR").filter(|dir| socket.starts_with(dir));
    if is_set(locations::SOCKET_ENV) {
        "unset QUILTD_SOCKET && quiltctl daemon start".into()
    } else if runtime.is_some_and(|dir| !dir.is_empty()) {
        "unset XDG_RUNTIME_DIR && quiltctl daemon start".into()
    } else {
        IN_HOME.into()
    }
}
