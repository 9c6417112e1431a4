//! The daemon that owns a socket, whether or not it answers: it holds the lock
//! beside the socket, and its process id is written there.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use quilt_proto::instance;
use quilt_trust::Held;
use rustix::process::Pid;

/// The most digits of a process id worth reading, in bytes.
const MAX_PID: u64 = 16;

/// Whether a daemon holds the lock.
pub(crate) fn is_there(socket: &Path) -> bool {
    held(socket).is_some()
}

/// The process that holds the lock, where it is a quiltd of this user.
pub(crate) fn pid(socket: &Path) -> Option<Pid> {
    let mut text = String::new();
    held(socket)?.take(MAX_PID).read_to_string(&mut text).ok()?;
    let pid = Pid::from_raw(text.trim().parse().ok()?)?;
    is_quiltd_of_ours(pid).then_some(pid)
}

/// A process, where it is a quiltd of this user: a number that comes from
/// another namespace of processes is anybody's here.
pub(crate) fn checked(pid: u32) -> Option<Pid> {
    let pid = Pid::from_raw(i32::try_from(pid).ok()?)?;
    is_quiltd_of_ours(pid).then_some(pid)
}

/// The lock's file, where somebody of this user holds it: a daemon takes it from
/// others.
fn held(socket: &Path) -> Option<File> {
    let lock = instance::socket_lock(socket);
    instance::held(&lock).filter(|_| !Held::look(&lock).is_only_others())
}

/// The number may be another process's by now, so its name and user count.
#[cfg(target_os = "linux")]
fn is_quiltd_of_ours(pid: Pid) -> bool {
    // The daemon hides its other files, its `exe` among them.
    let path = format!("/proc/{}/status", pid.as_raw_nonzero());
    let status = std::fs::read_to_string(path).unwrap_or_default();
    let word = |name: &str| quilt_proto::process_status::word(&status, name);
    let uid = rustix::process::getuid().as_raw().to_string();
    word("Name") == Some("quiltd") && word("Uid") == Some(&uid)
}

/// The number may be another process's by now, so its name and user count.
#[cfg(not(target_os = "linux"))]
fn is_quiltd_of_ours(pid: Pid) -> bool {
    let output = std::process::Command::new("/bin/ps")
        .args(["-o", "uid=", "-o", "comm=", "-p"])
        .arg(pid.as_raw_nonzero().to_string())
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    let uid = rustix::process::getuid().as_raw().to_string();
    let Some((owner, program)) = text.trim().split_once(' ') else {
        return false;
    };
    let name = Path::new(program.trim()).file_name();
    owner == uid && name.is_some_and(|name| name == "quiltd")
}
