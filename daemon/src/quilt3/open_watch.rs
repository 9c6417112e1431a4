//! Whether anybody has opened a file that was watched from its beginning.
//!
//! Linux tells through inotify(7). What cannot be watched counts as opened.

use std::io;
use std::path::Path;

/// A file that is watched, by its number among the watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Watched(i32);

#[cfg(target_os = "linux")]
mod system {
    use std::collections::HashSet;
    use std::mem::MaybeUninit;
    use std::os::fd::OwnedFd;

    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    use rustix::io::Errno;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Path, Watched, io};

    /// Watched files, and which of them were opened.
    pub(in super::super) struct Opens {
        inotify: AsyncFd<OwnedFd>,
        opened: HashSet<i32>,
        /// Some events were lost: any of them may have been.
        is_blind: bool,
    }

    impl Opens {
        /// Must be called inside a tokio runtime.
        #[expect(
            deprecated,
            reason = "its successor is unsafe; an owned descriptor stays open and the same"
        )]
        pub(in super::super) fn new() -> io::Result<Self> {
            let inotify = inotify::init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC)?;
            Ok(Self {
                inotify: AsyncFd::with_interest(inotify, Interest::READABLE)?,
                opened: HashSet::new(),
                is_blind: false,
            })
        }

        /// Watches a file until it is opened, or gone.
        pub(in super::super) fn watch(&self, path: &Path) -> io::Result<Watched> {
            let once = WatchFlags::OPEN | WatchFlags::ONESHOT;
            Ok(Watched(inotify::add_watch(&self.inotify, path, once)?))
        }

        /// Whether it was opened by now; in doubt, it was.
        pub(in super::super) fn may_be_opened(&mut self, file: Watched) -> bool {
            self.is_opened(file) || self.is_blind
        }

        /// Whether it was opened by now, for certain.
        pub(in super::super) fn is_opened(&mut self, file: Watched) -> bool {
            self.read();
            self.opened.contains(&file.0)
        }

        /// Forgets a file that is no longer of interest.
        pub(in super::super) fn forget(&mut self, file: Watched) {
            self.opened.remove(&file.0);
            // It is gone already where it was opened.
            let _ = inotify::remove_watch(&self.inotify, file.0);
        }

        /// Waits until there is something new.
        pub(in super::super) async fn news(&mut self) {
            match self.inotify.readable().await {
                Ok(mut ready) => ready.clear_ready(),
                Err(_) => std::future::pending().await,
            }
        }

        fn read(&mut self) {
            let mut buffer = [MaybeUninit::uninit(); 4096];
            let mut events = inotify::Reader::new(&self.inotify, &mut buffer);
            loop {
                match events.next() {
                    Ok(event) if event.events().contains(ReadFlags::OPEN) => {
                        self.opened.insert(event.wd());
                    }
                    Ok(event) if event.events().contains(ReadFlags::QUEUE_OVERFLOW) => {
                        self.is_blind = true;
                    }
                    Ok(_) | Err(Errno::INTR) => {}
                    Err(Errno::WOULDBLOCK) => return,
                    Err(_) => {
                        self.is_blind = true;
                        return;
                    }
                }
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::{Path, Watched, io};

    /// There is no such thing here.
    pub(in super::super) struct Opens;

    #[expect(clippy::unused_self, reason = "the shape of the one that can see")]
    impl Opens {
        pub(in super::super) fn new() -> io::Result<Self> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in super::super) fn watch(&self, _path: &Path) -> io::Result<Watched> {
            Err(io::ErrorKind::Unsupported.into())
        }

        pub(in super::super) fn may_be_opened(&mut self, _file: Watched) -> bool {
            true
        }

        pub(in super::super) fn is_opened(&mut self, _file: Watched) -> bool {
            false
        }

        pub(in super::super) fn forget(&mut self, _file: Watched) {}

        pub(in super::super) async fn news(&mut self) {
            std::future::pending::<()>().await;
        }
    }
}

pub(super) use self::system::Opens;

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn only_what_was_opened_since_is_seen() {
        let dir = tempfile::TempDir::new().unwrap();
        let files = ["read", "left", "renamed"].map(|name| dir.path().join(name));
        for file in &files {
            fs::write(file, "text").unwrap();
        }
        let mut opens = Opens::new().unwrap();
        let [read, left, renamed] = [0, 1, 2].map(|file| opens.watch(&files[file]).unwrap());
        assert!(!opens.may_be_opened(read), "not before it was watched");
        fs::read(&files[0]).unwrap();
        fs::rename(&files[2], dir.path().join("new")).unwrap();
        opens.news().await;
        assert!(
            opens.may_be_opened(read)
                && !opens.may_be_opened(left)
                && !opens.may_be_opened(renamed)
        );
        fs::read(dir.path().join("new")).unwrap();
        assert!(opens.may_be_opened(renamed) && !opens.may_be_opened(left));
        opens.forget(read);
        assert!(!opens.may_be_opened(read));
    }
}
