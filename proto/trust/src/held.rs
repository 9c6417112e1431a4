//! Who holds a lock that is waited for (proc_locks(5)).

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{quoted, state_files};
use rustix::process::geteuid;

use super::directory;
use super::inode::is_at;

const LOCKS: &str = "/proc/locks";

/// A lock that somebody else has, and who it is where the system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    path: PathBuf,
    /// Each once.
    holders: Vec<Holder>,
    /// This very program may be one of them.
    is_own: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    pid: u32,
    uid: u32,
}

impl Held {
    /// Looks who has it now.
    pub fn look(path: &Path) -> Self {
        let file = device(path).zip(inode(path));
        let locks = fs::read_to_string(LOCKS).unwrap_or_default();
        // What this very program does with it is not said: others of it wait.
        let others = |pid: &u32| *pid != std::process::id();
        let pids = file
            .map(|(device, inode)| holders(&locks, &device, inode))
            .unwrap_or_default();
        let is_own = !pids.iter().all(others);
        let processes = pids.into_iter().filter(others).filter_map(|pid| {
            let found = fs::metadata(format!("/proc/{pid}")).ok()?;
            let uid = found.uid();
            Some(Holder { pid, uid })
        });
        Self {
            path: path.to_owned(),
            holders: processes.collect(),
            is_own,
        }
    }

    /// Who it is, where that is certain.
    fn holder(&self) -> Option<Holder> {
        match self.holders[..] {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The lock.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether other users hold it, and nobody else does: they could open it for as
    /// long as its mode let them.
    pub fn is_only_others(&self) -> bool {
        let own = geteuid().as_raw();
        let is_foreign = |holder: &Holder| holder.uid != own && holder.uid != 0;
        !self.is_own && !self.holders.is_empty() && self.holders.iter().all(is_foreign)
    }

    /// Puts a new file in the place of a lock that only other users hold: this one,
    /// which is open here. Answers whether there is another one now; no program of
    /// this user's holds the old one.
    pub fn take_from_others(&self, opened: &File) -> io::Result<bool> {
        if !self.is_only_others() {
            return Ok(false);
        }
        let new = tempfile::Builder::new()
            .prefix(state_files::TEMPORARY.start)
            .tempfile_in(directory(&self.path))?;
        // Whoever waited, too, may have been first.
        if is_at(opened, &self.path) {
            new.persist(&self.path)?;
        }
        Ok(true)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.holder() {
            None => f.write_str("another program")?,
            Some(Holder { pid, uid }) if uid == geteuid().as_raw() => write!(f, "process {pid}")?,
            Some(Holder { pid, uid }) => write!(f, "process {pid} of another user (uid {uid})")?,
        }
        let path = quoted::path(&self.path);
        write!(f, " holds {path} and does not let go")
    }
}

fn inode(path: &Path) -> Option<u64> {
    Some(fs::symlink_metadata(path).ok()?.ino())
}

/// The device of the file system that a file is on, as the list of locks writes it:
/// not every one says the same of its files (btrfs, overlayfs), so it is looked up
/// among the mounts (`proc_pid_mountinfo(5)`). Anybody can make a file of any inode's
/// number on another one.
#[cfg(target_os = "linux")]
fn device(path: &Path) -> Option<String> {
    use rustix::fs::{AtFlags, CWD, StatxFlags, statx};

    let about = statx(CWD, path, AtFlags::SYMLINK_NOFOLLOW, StatxFlags::MNT_ID).ok()?;
    let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let id = about.stx_mnt_id.to_string();
    let mut columns = mounts.lines().map(str::split_whitespace);
    let mut mount = columns.find(|columns| columns.clone().next() == Some(&id))?;
    let (major, minor) = mount.nth(2)?.split_once(':')?;
    let (major, minor) = (major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?);
    Some(format!("{major:02x}:{minor:02x}"))
}

/// There is no list of locks.
#[cfg(not(target_os = "linux"))]
fn device(_: &Path) -> Option<String> {
    None
}

/// `1: FLOCK  ADVISORY  WRITE 4711 08:02:1234 0 EOF`; who waits has an arrow
/// behind the number.
fn holders(locks: &str, device: &str, inode: u64) -> Vec<u32> {
    let file = format!("{device}:{inode}");
    let holders = locks.lines().filter_map(|line| {
        let mut columns = line.split_whitespace().skip(1);
        let kind = columns.next()?;
        let pid = columns.nth(2)?;
        let is_it = kind == "FLOCK" && columns.next()? == file;
        is_it.then(|| pid.parse().ok())?
    });
    let mut holders: Vec<u32> = holders.filter(|pid| *pid != 0).collect();
    holders.sort_unstable();
    holders.dedup();
    holders
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
                     5: FLOCK  ADVISORY  WRITE 0 00:30:8 0 EOF\n\
                     6: FLOCK  ADVISORY  READ 5 00:30:10 0 EOF\n\
                     7: FLOCK  ADVISORY  READ 5 00:30:10 0 EOF\n";
        assert_eq!(holders(locks, "08:02", 1234), [4711]);
        // Of another file system's file of that number, somebody else's.
        assert_eq!(holders(locks, "08:02", 9), [1]);
        assert_eq!(holders(locks, "00:30", 9), [2]);
        assert_eq!(holders(locks, "00:30", 10), [5], "twice");
        for (device, unknown) in [("08:02", 77), ("00:30", 8), ("08:02", 234), ("00:31", 9)] {
            assert!(holders(locks, device, unknown).is_empty(), "{unknown}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn this_process_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let file = File::create(&path).unwrap();
        file.lock().unwrap();
        let (device, inode) = (device(&path).unwrap(), inode(&path).unwrap());
        let found = || holders(&fs::read_to_string(LOCKS).unwrap(), &device, inode);
        assert_eq!(found(), [std::process::id()]);
        let held = Held::look(&path);
        assert!(held.holders.is_empty() && held.is_own);
        drop(file);
        assert!(found().is_empty());
    }
}
