//! Which process is at the other end of a connection over loopback: the one
//! that holds its socket (proc(5), `/proc/PID/fd`). For the audit log, not for
//! decisions.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

use super::process::Process;

/// How long looking may take, and how long waiting for others to have looked:
/// a program waits for its answer meanwhile.
const TIMEOUT: Duration = Duration::from_millis(200);

/// How many look at once.
static LOOKING: Semaphore = Semaphore::const_new(2);

/// A process, as it was while its connection was open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its number.
    pub pid: u32,
    /// The program it ran, where the system tells.
    pub executable: Option<PathBuf>,
    /// The script it runs, where that is an interpreter.
    pub script: Option<String>,
}

/// The process of this user that holds a socket. `None` where there is none to
/// be seen from here; the outer one, where nobody got to look.
pub(super) async fn holding(inode: u64) -> Option<Option<Program>> {
    let permit = tokio::time::timeout(TIMEOUT, LOOKING.acquire()).await;
    let _permit = permit.ok()?.ok()?;
    let until = Instant::now() + TIMEOUT;
    let look = move || find(Path::new("/proc"), inode, until);
    tokio::task::spawn_blocking(look).await.ok()
}

/// Looks at the youngest processes first: what connects has often just begun.
fn find(proc: &Path, inode: u64, until: Instant) -> Option<Program> {
    let wanted = PathBuf::from(format!("socket:[{inode}]"));
    let user = rustix::process::geteuid().as_raw();
    let mut pids: Vec<u32> = fs::read_dir(proc)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .collect();
    pids.sort_unstable_by(|one, other| other.cmp(one));
    pids.into_iter()
        .take_while(|_| Instant::now() < until)
        .find_map(|pid| {
            let process = proc.join(pid.to_string());
            // Others' files could not be seen anyway.
            if fs::metadata(&process).ok()?.uid() != user {
                return None;
            }
            let socket = descriptor(&process, &wanted, until).ok()??;
            let executable = fs::read_link(process.join("exe")).ok();
            let script = Process::open(proc, pid).and_then(|it| it.script(executable.as_deref()?));
            // The number is this process's for as long as it holds the socket.
            let is_it = fs::read_link(socket).is_ok_and(|held| held == wanted);
            is_it.then_some(Program {
                pid,
                executable,
                script,
            })
        })
}

/// The descriptor of a process that is what is wanted.
fn descriptor(process: &Path, wanted: &Path, until: Instant) -> io::Result<Option<PathBuf>> {
    for entry in fs::read_dir(process.join("fd"))? {
        let path = entry?.path();
        if fs::read_link(&path).is_ok_and(|held| held == wanted) {
            return Ok(Some(path));
        }
        if Instant::now() >= until {
            break;
        }
    }
    Ok(None)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::net::TcpListener;
    use std::process::{Command, Stdio};

    use super::super::owner::Owners;
    use super::*;

    #[tokio::test]
    async fn a_connection_leads_to_the_program_that_made_it() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let local = listener.local_addr().unwrap();
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{}; read -r line", local.port());
        let mut child = Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let (_stream, peer) = listener.accept().unwrap();
        let inode = Owners::at(local, None).look(peer).inode.unwrap();
        let found = holding(inode).await.unwrap().unwrap();
        assert_eq!(found.pid, child.id());
        let executable = found.executable.unwrap();
        let name = executable.file_name().unwrap();
        assert_eq!(name, "bash", "{executable:?}");
        child.kill().unwrap();
        child.wait().unwrap();
        // It is gone, and the number may be another's.
        assert_eq!(holding(inode).await, Some(None));
        assert_eq!(Owners::at(local, None).look(peer).inode, None);
    }

    #[test]
    fn looking_ends_in_time() {
        let late = Instant::now();
        assert_eq!(find(Path::new("/proc"), 1, late), None);
        assert_eq!(find(Path::new("/nowhere"), 1, late + TIMEOUT), None);
    }
}
