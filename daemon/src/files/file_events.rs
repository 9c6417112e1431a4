//! When files may have changed: the system tells, nobody looks again and again.
//!
//! Linux tells through inotify(7), of what happens on this machine. What cannot
//! be watched is looked at often, as the caller says; what can, rarely, should
//! the system ever fail to tell.

use std::path::PathBuf;
use std::time::Duration;

#[cfg(target_os = "linux")]
use self::system::Watches;

/// How often to look at what is watched: each look is several wake-ups of an
/// idle daemon, as timers go.
const RARELY: Duration = Duration::from_mins(10);

/// Tells when some files may have changed. What happens between a look at them
/// and the next call is not missed.
pub struct FileEvents {
    #[cfg(target_os = "linux")]
    watches: Option<Watches>,
    often: Duration,
}

impl FileEvents {
    /// `often` is how long to wait where nothing tells. Must be called inside a
    /// tokio runtime.
    pub fn new(often: Duration) -> Self {
        Self {
            #[cfg(target_os = "linux")]
            watches: Watches::new().ok(),
            often,
        }
    }

    /// Watches these from now on, and no others: call it before looking at them.
    pub fn watch(&mut self, paths: &[PathBuf]) {
        #[cfg(target_os = "linux")]
        if let Some(watches) = &mut self.watches {
            watches.set(paths);
        }
        #[cfg(not(target_os = "linux"))]
        let _ = paths;
    }

    /// Waits until one of them may have changed.
    pub async fn changed(&mut self) {
        #[cfg(target_os = "linux")]
        if let Some(watches) = &mut self.watches {
            let most = if watches.sees_all { RARELY } else { self.often };
            let _ = tokio::time::timeout(most, watches.changed()).await;
            return;
        }
        tokio::time::sleep(self.often.min(RARELY)).await;
    }
}

#[cfg(target_os = "linux")]
mod system {
    use std::collections::{BTreeMap, BTreeSet, HashSet};
    use std::ffi::{OsStr, OsString};
    use std::fs;
    use std::io;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use crate::files::cached_file::is_of_this_machine;

    /// Directories, and the names in them that count.
    type Places = BTreeMap<PathBuf, BTreeSet<OsString>>;

    pub(super) struct Watches {
        inotify: AsyncFd<OwnedFd>,
        /// Watches by directory.
        numbers: BTreeMap<PathBuf, i32>,
        names: HashSet<OsString>,
        /// Whether every file is watched, and nobody but this machine changes it.
        pub(super) sees_all: bool,
    }

    impl Watches {
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an owned descriptor stays open and the same"
        )]
        pub(super) fn new() -> io::Result<Self> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            Ok(Self {
                inotify: AsyncFd::with_interest(inotify, Interest::READABLE)?,
                numbers: BTreeMap::new(),
                names: HashSet::new(),
                sees_all: false,
            })
        }

        /// Watches the directories of these, or the nearest ones that are there.
        pub(super) fn set(&mut self, paths: &[PathBuf]) {
            let mut places = Places::new();
            for path in paths {
                add(&mut places, path);
                // A link leads elsewhere.
                if let Ok(real) = fs::canonicalize(path)
                    && real != *path
                {
                    add(&mut places, &real);
                }
            }
            let gone = self.numbers.keys().filter(|dir| !places.contains_key(*dir));
            for dir in gone.cloned().collect::<Vec<_>>() {
                if let Some(number) = self.numbers.remove(&dir) {
                    // It may be gone with its directory.
                    let _ = inotify::remove_watch(&self.inotify, number);
                }
            }
            self.names = places.values().flatten().cloned().collect();
            self.sees_all = true;
            // Also those that are watched: another may be there by that name.
            for dir in places.keys() {
                match inotify::add_watch(&self.inotify, dir, EVENTS) {
                    Ok(number) if is_of_this_machine(dir) => {
                        self.numbers.insert(dir.clone(), number);
                    }
                    _ => self.sees_all = false,
                }
            }
        }

        /// Waits for an event that counts.
        pub(super) async fn changed(&mut self) {
            loop {
                if self.drain() {
                    return;
                }
                match self.inotify.readable().await {
                    Ok(mut ready) => ready.clear_ready(),
                    Err(_) => std::future::pending().await,
                }
            }
        }

        /// Reads every event; whether one of them counts.
        fn drain(&mut self) -> bool {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            let mut counts = false;
            loop {
                match events.next() {
                    Ok(event) => {
                        // Of a directory itself, or of too much at once.
                        let name = event.file_name();
                        counts |= name.is_none_or(|name| {
                            self.names.contains(OsStr::from_bytes(name.to_bytes()))
                        });
                        // A watch that was taken back says so.
                        if event.events() == ReadFlags::IGNORED {
                            self.numbers.retain(|_, number| *number != event.wd());
                        }
                    }
                    Err(Errno::INTR) => {}
                    Err(_) => return counts,
                }
            }
        }
    }

    /// What may change a file, or where its name leads.
    const EVENTS: WatchFlags = WatchFlags::CREATE
        .union(WatchFlags::CLOSE_WRITE)
        .union(WatchFlags::MOVE)
        .union(WatchFlags::DELETE)
        .union(WatchFlags::ATTRIB)
        .union(WatchFlags::DELETE_SELF)
        .union(WatchFlags::MOVE_SELF)
        .union(WatchFlags::ONLYDIR);

    /// The nearest directory above a path that is there, and the name in it that
    /// leads to it.
    fn add(places: &mut Places, path: &Path) {
        let mut below = path;
        while let Some(dir) = below.parent() {
            let dir_or_here = if dir.as_os_str().is_empty() {
                Path::new(".")
            } else {
                dir
            };
            if dir_or_here.is_dir() {
                let names = places.entry(dir_or_here.to_owned()).or_default();
                names.extend(below.file_name().map(OsStr::to_owned));
                return;
            }
            below = dir;
        }
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::path::Path;

    use tempfile::TempDir;

    use super::*;
    use crate::files::{PRIVATE, replace};

    /// So long that no test gets there.
    const NEVER: Duration = Duration::from_hours(1);
    /// Long enough for whatever comes at all.
    const SOON: Duration = Duration::from_secs(20);
    /// Long enough for what came to be seen.
    const NOT_NOW: Duration = Duration::from_millis(100);

    async fn is_told(events: &mut FileEvents) -> bool {
        tokio::time::timeout(SOON, events.changed()).await.is_ok()
    }

    async fn is_quiet(events: &mut FileEvents) -> bool {
        tokio::time::timeout(NOT_NOW, events.changed())
            .await
            .is_err()
    }

    #[tokio::test]
    async fn every_way_to_change_a_file_is_told_and_nothing_else() {
        let dir = TempDir::new().unwrap();
        let path = dir.path().join("a/b/x");
        let mut events = FileEvents::new(NEVER);
        let paths = [path.clone()];
        let steps: [fn(&Path); 8] = [
            |path| fs::create_dir(path.parent().unwrap().parent().unwrap()).unwrap(),
            |path| fs::create_dir(path.parent().unwrap()).unwrap(),
            |path| fs::write(path, "1").unwrap(),
            |path| fs::write(path, "22").unwrap(),
            |path| replace(path, b"333", PRIVATE).unwrap(),
            |path| fs::rename(path, path.with_file_name("y")).unwrap(),
            |path| fs::rename(path.with_file_name("y"), path).unwrap(),
            |path| fs::remove_dir_all(path.parent().unwrap()).unwrap(),
        ];
        for (number, step) in steps.into_iter().enumerate() {
            events.watch(&paths);
            while !is_quiet(&mut events).await {}
            step(&path);
            assert!(is_told(&mut events).await, "{number}");
        }
        events.watch(&paths);
        while !is_quiet(&mut events).await {}
        fs::write(dir.path().join("other"), "").unwrap();
        assert!(is_quiet(&mut events).await);
    }

    #[tokio::test]
    async fn a_link_is_watched_where_it_leads() {
        let dir = TempDir::new().unwrap();
        let (real, link) = (dir.path().join("real/x"), dir.path().join("link"));
        fs::create_dir(dir.path().join("real")).unwrap();
        fs::write(&real, "1").unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let mut events = FileEvents::new(NEVER);
        events.watch(&[link]);
        assert!(is_quiet(&mut events).await);
        replace(&real, b"2", PRIVATE).unwrap();
        assert!(is_told(&mut events).await);
    }

    #[tokio::test]
    async fn what_cannot_be_watched_is_looked_at_often() {
        let mut events = FileEvents::new(NOT_NOW);
        events.watch(&["/proc/self/status".into()]);
        assert!(is_told(&mut events).await);
    }
}
