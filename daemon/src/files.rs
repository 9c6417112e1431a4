//! Small files, replaced as a whole: never torn, never half written.

mod cached_file;
mod error;
#[cfg(test)]
pub(crate) mod faults;
mod file_events;
mod pin;

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use quilt_proto::{Timestamp, state_files};
pub use quilt_trust::words;
use quilt_trust::{Access, Attempt, Held, LockWait, Role, directory, sync_directory, take_place};
use rustix::fs::OFlags;
use tempfile::TempPath;
use zeroize::Zeroizing;

pub use self::cached_file::{Cached, WatchedFile};
pub use self::error::FileError;
pub(crate) use self::error::wrap_file_error;
pub use self::file_events::FileEvents;
pub use self::pin::Pin;

/// Only the owner may read or write.
pub const PRIVATE: u32 = 0o600;

/// How often to look whether a lock is free. `flock` has no timeout of its own.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// The text of a regular file of at most `most` bytes, where it is believed;
/// `None` where there is none. A pipe there does not stop the daemon.
pub fn read(path: &Path, role: Role, most: u64) -> io::Result<Option<Zeroizing<String>>> {
    let Some(file) = quilt_trust::open(path, role, Access::Read)? else {
        return Ok(None);
    };
    let length = file.metadata()?.len();
    if length > most {
        let what = format!("it is not a regular file of at most {most} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, what));
    }
    // Read at once, and into one place: what grows leaves copies behind.
    let room = usize::try_from(length).unwrap_or_default() + 1;
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(most).read_to_string(&mut text)?;
    Ok(Some(text))
}

/// By what one version of a file is told from another. Files that are replaced
/// as a whole get another inode each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(Option<[i64; 7]>);

impl Stamp {
    /// There is nothing, and a directory for it.
    pub const MISSING: Self = Self(None);

    /// Of what is there now; nothing where that cannot be told. Opened and not
    /// only looked at: over NFS, opening asks the server for news.
    pub fn of(path: &Path) -> Option<Self> {
        let nonblock = OFlags::NONBLOCK.bits().cast_signed();
        let opened = OpenOptions::new()
            .read(true)
            .custom_flags(nonblock)
            .open(path);
        let found = match opened.and_then(|file| file.metadata()) {
            Ok(found) => found,
            // Gone by itself, or with all that was around it?
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return directory(path).is_dir().then_some(Self::MISSING);
            }
            Err(_) => return None,
        };
        Some(Self::from(&found))
    }

    /// When what is there last changed.
    fn changed(self) -> Option<SystemTime> {
        let [.., seconds, nanos] = self.0?;
        let since = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
        SystemTime::UNIX_EPOCH.checked_add(since)
    }
}

impl From<&Metadata> for Stamp {
    fn from(found: &Metadata) -> Self {
        Self(Some([
            found.dev().cast_signed(),
            found.ino().cast_signed(),
            found.size().cast_signed(),
            found.mtime(),
            found.mtime_nsec(),
            found.ctime(),
            found.ctime_nsec(),
        ]))
    }
}

/// The lock that programs take turns by, waited for so long: others hold it for
/// as long as a small file takes to write. Blocks its thread.
pub fn lock_within(path: &Path, timeout: Duration) -> io::Result<File> {
    let mut lock = LockWait::open(path)?;
    let begun = Instant::now();
    loop {
        match lock.attempt()? {
            Attempt::Taken => return Ok(lock.into_file()),
            Attempt::Replaced(held) => tracing::warn!("{held}: another file has its place now"),
            Attempt::Held if begun.elapsed() < timeout && !is_held(path) => {
                std::thread::sleep(LOOK_AGAIN);
            }
            Attempt::Held => {
                let held = Held::look(path).to_string();
                return Err(io::Error::new(io::ErrorKind::TimedOut, held));
            }
        }
    }
}

/// Replaces a file by one with this content: written beside it, synced,
/// renamed over it. `mode` is for one that is new; another one's rights are
/// kept, or others get nothing.
pub fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let path = real(path)?;
    let drafted = drafted_like(&path, content, mode)?;
    File::open(&drafted)?.sync_all()?;
    take_place(drafted, &path)
}

/// The same where somebody is about to read it: it has its name first, and is
/// synced then. As safe as what it replaces, where that was synced by nobody.
pub fn replace_at_once(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let path = real(path)?;
    let drafted = drafted_like(&path, content, mode)?;
    drafted.persist(&path).map_err(|error| error.error)?;
    File::open(&path)?.sync_all()?;
    sync_directory(&path)
}

/// The same for a file that is for its owner's eyes alone, whatever it was.
pub fn replace_private(path: &Path, content: &[u8]) -> io::Result<()> {
    let path = real(path)?;
    take_place(written_beside(&path, content, PRIVATE)?, &path)
}

/// Removes files that were being written in a directory when their daemon was
/// killed; what is being written now is younger than that.
pub fn sweep(dir: &Path) {
    quilt_trust::sweep_drafts(dir, state_files::TEMPORARY);
}

/// A file with this content in the directory of `path`, synced and closed.
pub fn written_beside(path: &Path, content: &[u8], mode: u32) -> io::Result<TempPath> {
    let written = drafted_beside(path, content, mode)?;
    File::open(&written)?.sync_all()?;
    Ok(written)
}

/// A draft of what takes the place of a file, with its rights.
fn drafted_like(path: &Path, content: &[u8], mode: u32) -> io::Result<TempPath> {
    room(directory(path))?;
    quilt_trust::draft_like(path, content, mode, state_files::TEMPORARY)
}

/// The same where nothing is lost if it is lost: not synced.
pub fn drafted_beside(path: &Path, content: &[u8], mode: u32) -> io::Result<TempPath> {
    room(directory(path))?;
    quilt_trust::draft(path, content, mode, state_files::TEMPORARY)
}

/// Removes a file for good; one that is not there is no error.
pub fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.and_then(|()| sync_directory(path)),
    }
}

/// Renames a file for good.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)?;
    sync_directory(to)
}

/// Keeps a file that cannot be understood for its owner to look at; answers
/// its new name.
pub fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let aside = name_aside(path);
    rename(path, &aside)?;
    Ok(aside)
}

/// The same for a file in whose place another is put at once: where that cannot
/// be written, all stays as it was.
pub fn set_aside_for(path: &Path, text: &[u8]) -> io::Result<PathBuf> {
    let aside = name_aside(path);
    // Some file systems have no second name for a file.
    let kept = fs::hard_link(path, &aside).or_else(|_| fs::copy(path, &aside).map(drop));
    let replaced = kept.and_then(|()| replace_private(path, text));
    if replaced.is_err() {
        let _ = fs::remove_file(&aside);
    }
    replaced.map(|()| aside)
}

fn name_aside(path: &Path) -> PathBuf {
    let now = Timestamp::now().unix();
    let named = |suffix: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    (0..1000)
        .map(|n| named(format!(".broken-{}", now + n)))
        .find(|aside| !aside.exists())
        .unwrap_or_else(|| named(".broken".to_owned()))
}

/// Where a symlink leads, as an editor would go: people keep such files
/// elsewhere. Nobody else may have put it there.
fn real(path: &Path) -> io::Result<PathBuf> {
    Ok(quilt_trust::locate(path)?)
}

/// Whether a directory has room for something new; only a test knows before it
/// is tried.
#[cfg(not(test))]
#[expect(clippy::unnecessary_wraps, reason = "a test's disk may be full")]
pub(crate) fn room(_: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub(crate) fn room(dir: &Path) -> io::Result<()> {
    faults::room(dir)
}

/// Whether a lock is known to be held for good, which only a test does.
#[cfg(not(test))]
fn is_held(_: &Path) -> bool {
    false
}

#[cfg(test)]
fn is_held(lock: &Path) -> bool {
    faults::is_held(lock)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    #[test]
    fn replacing_keeps_the_mode_and_follows_links() {
        let dir = TempDir::new().unwrap();
        let (real, link) = (dir.path().join("real"), dir.path().join("link"));
        fs::write(&real, "old").unwrap();
        fs::set_permissions(&real, Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        replace(&link, b"new", PRIVATE).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(**read(&real, Role::Shared, 10).unwrap().unwrap(), *"new");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }

    #[test]
    fn every_version_has_a_stamp_of_its_own() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a/x");
        assert_eq!(Stamp::of(&path), None, "nothing tells why it is gone");
        fs::create_dir(dir.path().join("a")).unwrap();
        let mut stamps = vec![Stamp::of(&path).unwrap()];
        for _ in 0..3 {
            replace(&path, b"same", PRIVATE).unwrap();
            stamps.push(Stamp::of(&path).unwrap());
        }
        assert!(stamps.windows(2).all(|two| two[0] != two[1]), "{stamps:?}");
        assert_eq!(Stamp::of(&path), stamps.last().copied());
    }

    #[test]
    fn what_is_no_small_file_is_not_read() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("x");
        assert!(read(&path, Role::State, 10).unwrap().is_none());
        fs::write(&path, "12345678901").unwrap();
        assert!(read(&path, Role::State, 10).is_err());
        remove(&path).unwrap();
        remove(&path).unwrap();
        let made = std::process::Command::new("mkfifo").arg(&path).status();
        assert!(made.unwrap().success());
        assert!(read(&path, Role::State, 10).is_err());
        assert!(read(dir.path(), Role::State, 10).is_err());
    }

    #[test]
    fn what_is_set_aside_is_kept_under_a_name_of_its_own() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("state.json");
        let mut names = Vec::new();
        for text in ["a", "b"] {
            fs::write(&path, text).unwrap();
            let aside = set_aside(&path).unwrap();
            assert_eq!(fs::read_to_string(&aside).unwrap(), text);
            names.push(aside);
        }
        assert_ne!(names[0], names[1]);
        assert!(!path.exists());
    }
}
