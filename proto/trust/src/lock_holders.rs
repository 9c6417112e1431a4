//! Who holds a lock that is waited for (proc_locks(5)).

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{process_status, quoted, state_files};
use rustix::io::Errno;
use rustix::process::{Pid, geteuid, getuid, test_kill_process};

use super::directory;
use super::inode::is_at;
#[cfg(target_os = "linux")]
use super::mounts;

const LOCKS: &str = "/proc/locks";

/// A lock that somebody else has, and who it is where the system tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    path: PathBuf,
    /// Each once.
    holders: Vec<Holder>,
    /// Somebody holds it of whom nothing is known here, in another namespace of
    /// processes; or this very program does.
    may_be_own: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Holder {
    pid: u32,
    whose: Whose,
}

/// Whose a process is that has taken a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Whose {
    /// This user's.
    Own,
    /// Another one's, be it that the system does not show it.
    Others,
    /// It is no more, and one that it started goes on with the lock, which is no
    /// program of this user's that can be looked at.
    Nobodys,
}

impl Whose {
    fn of(pid: u32, lock: &Path) -> Self {
        let Some(process) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
            return Self::Own;
        };
        let may = test_kill_process(process);
        if may == Err(Errno::SRCH) {
            return if is_open_elsewhere(lock) {
                Self::Own
            } else {
                Self::Nobodys
            };
        }
        // Root may signal everybody; and a sandbox may keep this program from
        // signalling even its own user's.
        let may_only_own = may.is_ok() && !geteuid().is_root();
        match real_user(pid) {
            _ if may_only_own => Self::Own,
            Some(user) if user == getuid().as_raw() => Self::Own,
            None if may.is_ok() => Self::Own,
            _ => Self::Others,
        }
    }
}

impl Held {
    /// Looks who has it now.
    pub fn look(path: &Path) -> Self {
        let file = device(path).zip(number(path));
        let locks = fs::read_to_string(LOCKS).unwrap_or_default();
        let pids = file
            .map(|(device, inode)| holders(&locks, &device, inode))
            .unwrap_or_default();
        // What this very program does with it is not said: others of it wait.
        let is_known = |pid: &u32| *pid != 0 && *pid != std::process::id();
        let may_be_own = !pids.iter().all(is_known);
        let holders = pids.into_iter().filter(is_known).map(|pid| Holder {
            pid,
            whose: Whose::of(pid, path),
        });
        Self {
            path: path.to_owned(),
            holders: holders.collect(),
            may_be_own,
        }
    }

    /// The lock.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether others than this user hold it, and nobody else does: they could open
    /// it for as long as its mode let them.
    pub fn is_only_others(&self) -> bool {
        let is_own = |holder: &Holder| holder.whose == Whose::Own;
        !self.may_be_own && !self.holders.is_empty() && !self.holders.iter().any(is_own)
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
        match self.holders[..] {
            [Holder { pid, whose }] => match whose {
                Whose::Own => write!(f, "process {pid}")?,
                Whose::Others => write!(f, "process {pid} of another user")?,
                Whose::Nobodys => write!(f, "what process {pid} left behind")?,
            },
            // Who it is, is not certain.
            _ => f.write_str("another program")?,
        }
        let path = quoted::path(&self.path);
        write!(f, " holds {path} and does not let go")
    }
}

/// Whether a process of this user's has a file open, other than this one. Those that
/// hide what they have open, as ours do, hold what they have taken themselves.
fn is_open_elsewhere(path: &Path) -> bool {
    let Ok(wanted) = fs::symlink_metadata(path) else {
        return false;
    };
    let is_it = |file: fs::DirEntry| {
        let open = fs::metadata(file.path());
        open.is_ok_and(|open| super::inode(&open) == super::inode(&wanted))
    };
    let pids = fs::read_dir("/proc").into_iter().flatten().flatten();
    let mut pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.any(|pid| {
        pid != std::process::id()
            && real_user(pid) == Some(getuid().as_raw())
            && fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|open| open.flatten().any(is_it))
    })
}

/// Who started a process, where that is shown (proc_pid_status(5)).
fn real_user(pid: u32) -> Option<u32> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    process_status::word(&status, "Uid")?.parse().ok()
}

fn number(path: &Path) -> Option<u64> {
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
    let mounts = mounts::mounts();
    let mount = mounts.iter().find(|mount| mount.id == about.stx_mnt_id)?;
    let (major, minor) = mount.device;
    Some(format!("{major:02x}:{minor:02x}"))
}

/// There is no list of locks.
#[cfg(not(target_os = "linux"))]
fn device(_: &Path) -> Option<String> {
    None
}

/// Those that have a lock on a file; 0 is one of another namespace.
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
    let mut holders: Vec<u32> = holders.collect();
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
        assert_eq!(holders(locks, "00:30", 8), [0]);
        for (device, unknown) in [("08:02", 77), ("08:02", 234), ("00:31", 9)] {
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
        let (device, inode) = (device(&path).unwrap(), number(&path).unwrap());
        let found = || holders(&fs::read_to_string(LOCKS).unwrap(), &device, inode);
        assert_eq!(found(), [std::process::id()]);
        let held = Held::look(&path);
        assert!(held.holders.is_empty() && held.may_be_own);
        drop(file);
        assert!(found().is_empty());
    }
}
