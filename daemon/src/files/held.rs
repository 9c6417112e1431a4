//! Who holds a lock that is waited for (proc_locks(5)).

use std::fmt;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{quoted, state_files};
use quilt_trust::directory;
use rustix::process::geteuid;

const LOCKS: &str = "/proc/locks";

/// A lock that somebody else has, and who it is where the system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    path: PathBuf,
    holder: Option<Holder>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    pid: u32,
    uid: u32,
}

impl Held {
    /// Looks who has it now.
    pub fn look(path: &Path) -> Self {
        let inode = fs::symlink_metadata(path).map(|found| found.ino());
        let locks = fs::read_to_string(LOCKS).unwrap_or_default();
        // What this very program does with it is not said: others of it wait.
        let others = |pid: &u32| *pid != std::process::id();
        let pid = inode.ok().and_then(|inode| holder(&locks, inode));
        let pid = pid.filter(others);
        let process = pid.and_then(|pid| Some((pid, fs::metadata(format!("/proc/{pid}")).ok()?)));
        Self {
            path: path.to_owned(),
            holder: process.map(|(pid, found)| Holder {
                pid,
                uid: found.uid(),
            }),
        }
    }

    /// The lock.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a new file in the place of a lock that another user holds, who could
    /// open it for as long as its mode let others do that. Answers whether it is
    /// another one now; no program of this user's holds the old one.
    pub fn take_from_others(&self) -> bool {
        let own = geteuid().as_raw();
        let is_foreign = |holder: Holder| holder.uid != own && holder.uid != 0;
        if !self.holder.is_some_and(is_foreign) {
            return false;
        }
        let new = tempfile::Builder::new()
            .prefix(state_files::TEMPORARY.start)
            .tempfile_in(directory(&self.path));
        let taken = new.and_then(|new| Ok(new.persist(&self.path)?));
        match &taken {
            Ok(_) => tracing::warn!("{self}: another file has its place now"),
            Err(error) => tracing::warn!("{self}, and cannot be replaced: {error}"),
        }
        taken.is_ok()
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holder {
            None => f.write_str("another program")?,
            Some(Holder { pid, uid }) if uid == geteuid().as_raw() => write!(f, "process {pid}")?,
            Some(Holder { pid, uid }) => write!(f, "process {pid} of another user (uid {uid})")?,
        }
        let path = quoted::path(&self.path);
        write!(f, " holds {path} and does not let go")
    }
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:02:1234 0 EOF`; who waits has an arrow
/// behind the number. Inodes of several file systems may be the same, and then
/// it is not said who it is.
fn holder(locks: &str, inode: u64) -> Option<u32> {
    let end = format!(":{inode}");
    let holders = locks.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let kind = columns.next()?;
        let pid = columns.nth(2)?;
        let is_it = kind == "FLOCK" && columns.next()?.ends_with(&end);
        is_it.then(|| pid.parse().ok())?
    });
    let mut holders = holders.filter(|pid| *pid != 0);
    let first = holders.next()?;
    holders.next().is_none().then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_lock_is_read_from_the_systems_list() {
        let locks = "1: FLOCK  ADVISORY  WRITE 4711 08:02:1234 0 EOF\n\
                     1: -> FLOCK  ADVISORY  WRITE 4712 08:02:1234 0 EOF\n\
                     2: POSIX  ADVISORY  WRITE 4713 08:02:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE 1 08:02:9 0 EOF\n\
                     4: FLOCK  ADVISORY  WRITE 2 00:30:9 0 EOF\n\
                     5: FLOCK  ADVISORY  WRITE 0 00:30:8 0 EOF\n";
        assert_eq!(holder(locks, 1234), Some(4711));
        for unknown in [77, 9, 8, 234] {
            assert_eq!(holder(locks, unknown), None, "{unknown}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = fs::File::create(&path).unwrap();
        file.lock().unwrap();
        let inode = file.metadata().unwrap().ino();
        let found = || holder(&fs::read_to_string(LOCKS).unwrap(), inode);
        assert_eq!(found(), Some(std::process::id()));
        assert_eq!(Held::look(&path).holder, None, "it is not another's");
        drop(file);
        assert_eq!(found(), None);
    }
}
