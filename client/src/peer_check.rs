//! Whether this user serves a socket.

use crate::error::Fault;

/// The user whose files every user trusts.
pub(crate) const ROOT: u32 = 0;

/// Refuses a socket that another user listens on: anybody can plant one in a
/// directory they may write to. Answers with its process, which has no number here
/// when it is outside our PID namespace.
pub(crate) fn check(uid: u32, pid: Option<i32>) -> Result<Option<u32>, Fault> {
    let pid = pid.and_then(|pid| u32::try_from(pid).ok());
    let pid = pid.filter(|pid| *pid > 0);
    if is_root_for_users(uid) || quilt_trust::is_our_peer(uid, pid) {
        Ok(pid)
    } else {
        Err(Fault::Foreign(uid))
    }
}

/// launchd listens as root on behalf of the user's agents.
pub(crate) fn is_root_for_users(uid: u32) -> bool {
    cfg!(target_os = "macos") && uid == ROOT
}
