//! Files that are looked at whenever somebody asks, and read only when they
//! have changed: looking is one system call, and misses nothing.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use parking_lot::RwLock;

use super::{Stamp, directory};

/// A file changed this recently may change again without a newer time stamp.
const YOUNG: Duration = Duration::from_secs(2);

/// No device has this number.
const NONE: u64 = u64::MAX;

/// Tells versions of one file apart.
#[derive(Debug)]
pub struct WatchedFile {
    path: PathBuf,
    /// The device that was found to be this machine's own.
    local: AtomicU64,
    /// The device that was found to be another machine's, or may be.
    remote: AtomicU64,
}

impl WatchedFile {
    /// Nothing is looked at before it is asked for.
    pub fn new(path: PathBuf) -> Self {
        Self {
            path,
            local: AtomicU64::new(NONE),
            remote: AtomicU64::new(NONE),
        }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// As [`Stamp::of`], which opens the file. On a disk of this machine, a look
    /// tells as much.
    pub fn stamp(&self) -> Option<Stamp> {
        match fs::metadata(&self.path) {
            Ok(found) if self.is_local(&self.path, &found) => Some(Stamp::from(&found)),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let dir = directory(&self.path);
                let found = fs::metadata(dir).ok().filter(fs::Metadata::is_dir);
                match found {
                    Some(found) if self.is_local(dir, &found) => Some(Stamp::MISSING),
                    _ => Stamp::of(&self.path),
                }
            }
            _ => Stamp::of(&self.path),
        }
    }

    fn is_local(&self, path: &Path, found: &fs::Metadata) -> bool {
        use std::os::unix::fs::MetadataExt;
        let device = found.dev();
        if device == self.local.load(Ordering::Relaxed) {
            return true;
        }
        if device == self.remote.load(Ordering::Relaxed) {
            return false;
        }
        let is_local = is_of_this_machine(path);
        let known = if is_local { &self.local } else { &self.remote };
        known.store(device, Ordering::Relaxed);
        is_local
    }
}

/// Whether nobody but this machine's kernel changes what is there (statfs(2)).
#[cfg(target_os = "linux")]
pub(super) fn is_of_this_machine(path: &Path) -> bool {
    /// ext2 to ext4, xfs, btrfs, tmpfs, ramfs, overlayfs, f2fs, zfs, bcachefs.
    const LOCAL: [u32; 9] = [
        0xef53,
        0x5846_5342,
        0x9123_683e,
        0x0102_1994,
        0x8584_58f6,
        0x794c_7630,
        0xf2f5_2010,
        0x2fc1_2fc1,
        0xca45_1a4e,
    ];
    rustix::fs::statfs(path)
        .is_ok_and(|found| LOCAL.iter().any(|local| matches(found.f_type, *local)))
}

/// The number's type differs from one architecture to the other.
#[cfg(target_os = "linux")]
fn matches(found: impl TryInto<i64>, local: u32) -> bool {
    found
        .try_into()
        .is_ok_and(|found| found == i64::from(local))
}

/// Other systems do not say it alike.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_of_this_machine(_path: &Path) -> bool {
    false
}

/// What a file says, read again when it has changed.
#[derive(Debug)]
pub struct Cached<T> {
    lookout: WatchedFile,
    known: RwLock<Option<(Stamp, Arc<T>)>>,
}

impl<T> Cached<T> {
    /// Nothing is read before it is asked for.
    pub fn new(path: PathBuf) -> Self {
        Self {
            lookout: WatchedFile::new(path),
            known: RwLock::default(),
        }
    }

    /// What `read` made of the file as it is now. What cannot be read is tried
    /// again each time: the reason may lie outside of the file.
    pub fn get<E>(&self, read: impl FnOnce() -> Result<T, E>) -> Result<Arc<T>, E> {
        let stamp = self.stamp();
        {
            let known = self.known.read();
            if let Some((of, known)) = &*known
                && Some(*of) == stamp
            {
                return Ok(Arc::clone(known));
            }
        }
        // Looked at before it is read: what is written in between is seen the
        // next time.
        let read = read().map(Arc::new);
        let settled = stamp.filter(|stamp| !stamp.is_young());
        let known = settled.zip(read.as_ref().ok().cloned());
        *self.known.write() = known;
        read
    }

    /// By what the version that is there now is told from another.
    pub fn stamp(&self) -> Option<Stamp> {
        self.lookout.stamp()
    }
}

impl Stamp {
    /// Whether the next change may leave it as it is.
    pub fn is_young(self) -> bool {
        let Some(changed) = self.changed() else {
            return false;
        };
        let age = SystemTime::now().duration_since(changed);
        age.map_or(true, |age| age < YOUNG)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use tempfile::TempDir;

    use super::*;
    use crate::files::{PRIVATE, replace};

    /// As if it had been changed a while ago.
    fn age(path: &Path) {
        let past = SystemTime::now() - Duration::from_hours(1);
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(past)
            .unwrap();
        // The time of change is the system's to say.
        std::thread::sleep(YOUNG + Duration::from_millis(50));
    }

    #[test]
    fn looking_tells_as_much_as_opening() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a/x");
        let lookout = WatchedFile::new(path.clone());
        assert_eq!(lookout.stamp(), None, "nothing tells why it is gone");
        fs::create_dir(dir.path().join("a")).unwrap();
        assert_eq!(lookout.stamp(), Some(Stamp::MISSING));
        for content in ["same", "same", "longer"] {
            replace(&path, content.as_bytes(), PRIVATE).unwrap();
            assert_eq!(lookout.stamp(), Stamp::of(&path));
        }
        let (link, elsewhere) = (dir.path().join("link"), dir.path().join("elsewhere"));
        fs::write(&elsewhere, "1").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &link).unwrap();
        let lookout = WatchedFile::new(link);
        let before = lookout.stamp();
        fs::write(&elsewhere, "22").unwrap();
        assert_ne!(lookout.stamp(), before);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn what_may_be_another_machines_is_opened() {
        let proc = WatchedFile::new("/proc/self/status".into());
        assert!(!proc.is_local(proc.path(), &fs::metadata(proc.path()).unwrap()));
        let dir = TempDir::new().unwrap();
        let local = WatchedFile::new(dir.path().to_owned());
        let found = fs::metadata(dir.path()).unwrap();
        // Told once, and remembered.
        assert_eq!(
            local.is_local(dir.path(), &found),
            local.is_local(Path::new("/gone"), &found)
        );
    }

    #[test]
    fn it_is_read_once_and_again_after_every_change() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x");
        let cached = Cached::new(path.clone());
        let times = Cell::new(0);
        let get = || {
            let read = || {
                times.set(times.get() + 1);
                Ok::<_, Infallible>(fs::read_to_string(&path).unwrap_or_default())
            };
            cached.get(read).unwrap().as_str().to_owned()
        };
        assert_eq!(
            (get(), get(), times.get()),
            (String::new(), String::new(), 1)
        );
        fs::write(&path, "one").unwrap();
        assert_eq!(get(), "one");
        // In place, of the same length, at once: no time stamp needs to tell.
        fs::write(&path, "two").unwrap();
        assert_eq!(get(), "two");
        age(&path);
        let before = times.get();
        for _ in 0..5 {
            assert_eq!(get(), "two");
        }
        assert_eq!(times.get(), before + 1);
        replace(&path, b"six", PRIVATE).unwrap();
        assert_eq!(get(), "six");
        fs::remove_file(&path).unwrap();
        assert_eq!(get(), "");
    }

    #[test]
    fn a_failure_is_not_kept() {
        let dir = TempDir::new().unwrap();
        let cached = Cached::<()>::new(dir.path().join("x"));
        assert_eq!(cached.get(|| Err("no")), Err("no"));
        assert_eq!(cached.get(|| Ok::<_, &str>(())), Ok(Arc::new(())));
    }
}
