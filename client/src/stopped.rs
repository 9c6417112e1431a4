//! Whether a daemon that does not answer has been stopped, as by SIGSTOP.

use std::time::Duration;

use quilt_proto::{instance, locations};

/// How often to look at the daemon while it does not answer.
pub(crate) const LOOK: Duration = Duration::from_secs(1);

/// The process that listens, if it is stopped; or where somebody listened on
/// its behalf, as a service manager does, the daemon itself.
pub(crate) fn who_is(listener: Option<u32>) -> Option<u32> {
    listener
        .filter(|pid| is_stopped(*pid))
        .or_else(stopped_daemon)
}

fn is_stopped(pid: u32) -> bool {
    state(pid) == Some('T')
}

/// The daemon of this user, where it is the one that is stopped.
fn stopped_daemon() -> Option<u32> {
    let running = instance::running(&locations::state_dir().ok()?)?;
    is_stopped(running.pid).then_some(running.pid)
}

/// What the scheduler says of a process (proc(5), `State`).
#[cfg(target_os = "linux")]
fn state(pid: u32) -> Option<char> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name| quilt_proto::process_status::field(&status, name);
    // In another namespace of processes the number may be anybody's.
    let is_quiltd = field("Name")? == "quiltd";
    let state = field("State")?.chars().next();
    state.filter(|_| is_quiltd)
}

/// What `ps` says of a process.
#[cfg(not(target_os = "linux"))]
fn state(pid: u32) -> Option<char> {
    let output = std::process::Command::new("/bin/ps")
        .args(["-o", "state=", "-p", &pid.to_string()])
        .output();
    let text = String::from_utf8(output.ok()?.stdout).ok()?;
    text.trim_start().chars().next()
}
