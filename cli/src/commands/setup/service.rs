//! The daemon in the hands of the system's service manager.

use super::{launchd, systemd};
use crate::exit::Failure;

/// Whether a service manager is told to start the daemon of this user.
pub(in crate::commands) fn is_managed() -> bool {
    systemd::is_set_up() || launchd::is_set_up()
}

/// Takes the daemon out of the service manager's hands; whether it was there.
pub(in crate::commands) fn undo_service() -> Result<bool, Failure> {
    if cfg!(target_os = "macos") {
        launchd::undo()
    } else {
        systemd::undo()
    }
}
