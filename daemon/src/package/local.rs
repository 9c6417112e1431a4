//! A registry in a directory. Symbolic links below its root are never
//! followed, nor other users' on the way to it, so that nothing outside of it
//! can be read or deleted.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use quilt_trust::PreservedPermissions;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, openat, renameat, statat, unlinkat};
use rustix::process::geteuid;
use tokio::sync::mpsc;

use super::StoreError;
use super::store::{Batches, Entry, MAX_POINTER, Modified, NO_POINTER, Store};

#[cfg(test)]
mod tests;
mod tree;

use tree::Folder;

/// Why what a link leads to is neither read nor changed.
const LINK: &str = "symbolic links in a registry, and those of other users on the way to it, are \
                    not followed";

/// Entries read at a time.
const BATCH: usize = 256;

/// A store in a directory.
#[derive(Debug, Clone)]
pub(super) struct LocalStore {
    root: Arc<PathBuf>,
}

impl LocalStore {
    /// The directory need not exist.
    pub(super) fn new(root: PathBuf) -> Self {
        Self {
            root: Arc::new(root),
        }
    }

    fn failed(&self, action: &'static str, key: &str, error: &io::Error) -> StoreError {
        let path = self.root.join(key).display().to_string();
        match error.kind() {
            io::ErrorKind::NotFound => StoreError::Missing(path),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                StoreError::Denied {
                    path,
                    reason: error.kind().to_string(),
                }
            }
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidFilename => {
                StoreError::invalid(path, "no file can have such a name")
            }
            io::ErrorKind::NotADirectory => StoreError::invalid(path, "it is no directory"),
            io::ErrorKind::InvalidData => StoreError::invalid(path, error.to_string()),
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                StoreError::Denied {
                    path,
                    reason: LINK.to_owned(),
                }
            }
            _ => StoreError::Io {
                action,
                path,
                reason: error.to_string(),
                kind: error.kind(),
            },
        }
    }

    /// Runs `work` where it may block.
    async fn run<T: Send + 'static>(
        &self,
        action: &'static str,
        key: &str,
        work: impl FnOnce(&PathBuf, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (root, name) = (Arc::clone(&self.root), key.to_owned());
        let done = tokio::task::spawn_blocking(move || work(&root, &name)).await;
        let done = done.unwrap_or_else(|_| Err(io::Error::other("it was interrupted")));
        done.map_err(|error| self.failed(action, key, &error))
    }

    /// Reads a folder in a thread of its own, batch by batch, for as long as
    /// somebody listens.
    fn scan<T: Send + 'static>(
        &self,
        folder: &str,
        mut each: impl FnMut(&Folder, &str, FileType) -> io::Result<Option<T>> + Send + 'static,
    ) -> Batches<T> {
        self.in_batches(folder, move |opened, _, batches| {
            for entry in opened.entries()? {
                let (name, kind) = entry?;
                if let Some(found) = each(opened, &name, kind)? {
                    batches.push(found)?;
                }
            }
            Ok(())
        })
    }

    /// Runs `read` with a folder, if there is one, in a thread of its own.
    fn in_batches<T: Send + 'static>(
        &self,
        folder: &str,
        read: impl FnOnce(&Folder, &str, &mut Sender<T>) -> io::Result<()> + Send + 'static,
    ) -> Batches<T> {
        let (store, folder) = (self.clone(), folder.to_owned());
        let begin = async move {
            let (sender, receiver) = mpsc::channel(2);
            tokio::task::spawn_blocking(move || {
                let mut batches = Sender {
                    batch: Vec::new(),
                    to: sender,
                };
                let done = Folder::open(&store.root, &folder).and_then(|opened| match opened {
                    Some(opened) => read(&opened, &folder, &mut batches),
                    None => Ok(()),
                });
                match done.and_then(|()| batches.flush()) {
                    // Nobody listens any more, perhaps.
                    Ok(()) => {}
                    Err(error) => {
                        let failed = store.failed("list", &folder, &error);
                        let _ = batches.to.blocking_send(Err(failed));
                    }
                }
            });
            stream::unfold(receiver, async |mut receiver| {
                let batch = receiver.recv().await?;
                Some((batch, receiver))
            })
        };
        stream::once(begin).flatten().boxed()
    }
}

/// Where a listing goes, batch by batch.
struct Sender<T> {
    batch: Vec<T>,
    to: mpsc::Sender<Result<Vec<T>, StoreError>>,
}

impl<T> Sender<T> {
    /// Fails once nobody listens any more.
    fn push(&mut self, found: T) -> io::Result<()> {
        self.batch.push(found);
        if self.batch.len() < BATCH {
            return Ok(());
        }
        self.flush()
    }

    fn flush(&mut self) -> io::Result<()> {
        let batch = std::mem::take(&mut self.batch);
        let sent = self.to.blocking_send(Ok(batch));
        sent.map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}

/// Gives a file the rights of the one whose place it takes, and with root its
/// owner.
fn share(file: &File, folder: &Folder, name: &str) -> io::Result<()> {
    let rights = match PreservedPermissions::at(folder, name)? {
        Some(before) => before,
        None => PreservedPermissions::new_in(folder, 0o644)?,
    };
    if geteuid().is_root() {
        rights.give_owner(file)?;
    }
    rights.give(file)
}

#[async_trait]
impl Store for LocalStore {
    fn list(&self, folder: &str, start: &str) -> Batches<Entry> {
        let start = start.to_owned();
        self.scan(folder, move |_, name, kind| {
            let known = matches!(kind, FileType::Directory | FileType::RegularFile);
            Ok((known && name.starts_with(&start)).then(|| Entry {
                name: name.to_owned(),
                folder: kind == FileType::Directory,
            }))
        })
    }

    /// The SDK takes the time of the folder, and asks no further.
    fn dated(&self, folder: &str, _file: &'static str) -> Batches<(String, Modified)> {
        self.scan(folder, |opened, name, kind| {
            if kind != FileType::Directory {
                return Ok(None);
            }
            match statat(opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Ok(Some((name.to_owned(), tree::modified(&stat)))),
                Err(rustix::io::Errno::NOENT) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
    }

    fn below(&self, folder: &str) -> Batches<String> {
        self.in_batches(folder, |opened, folder, batches| {
            opened.walk(folder, &mut |key| batches.push(key))
        })
    }

    async fn has(&self, folder: &str) -> Result<bool, StoreError> {
        self.run("look for", folder, |root, folder| {
            Ok(Folder::open(root, folder)?.is_some())
        })
        .await
    }

    async fn read(&self, key: &str) -> Result<Bytes, StoreError> {
        self.run("read", key, |root, key| {
            let (folder, name) = Folder::of(root, key)?;
            // A pipe would make the opening wait.
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let file = File::from(openat(&folder, name, flags, Mode::empty())?);
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is not a file"));
            }
            let mut content = Vec::new();
            file.take(MAX_POINTER + 1).read_to_end(&mut content)?;
            if content.len() as u64 > MAX_POINTER {
                return Err(io::Error::other(NO_POINTER));
            }
            Ok(content.into())
        })
        .await
    }

    /// By way of a file in another folder: what is in a package's own folder
    /// is taken for a pointer. It is as much for others as the one before was: a
    /// registry may be a team's.
    async fn write(&self, key: &str, content: Bytes) -> Result<(), StoreError> {
        self.run("write", key, move |root, key| {
            let (folder, name) = Folder::of(root, key)?;
            let top = key.split('/').next().unwrap_or_default();
            let staging = Folder::open(root, top)?.ok_or(io::ErrorKind::NotFound)?;
            let mut random = [0; 8];
            getrandom::fill(&mut random).map_err(|_| io::Error::other("no randomness"))?;
            let staged = format!(".writing-{:016x}", u64::from_ne_bytes(random));
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let mode = Mode::from_raw_mode(0o600);
            let mut file = File::from(openat(&staging, &staged, flags, mode)?);
            let written = file
                .write_all(&content)
                .and_then(|()| share(&file, &folder, name))
                .and_then(|()| file.sync_all())
                .and_then(|()| Ok(renameat(&staging, &staged, &folder, name)?));
            if written.is_err() {
                let _ = unlinkat(&staging, &staged, AtFlags::empty());
            }
            written.and_then(|()| Ok(rustix::fs::fsync(&folder)?))
        })
        .await
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        let gone = self.run("remove", key, |root, key| {
            let (folder, name) = Folder::of(root, key)?;
            unlinkat(&folder, name, AtFlags::empty())?;
            Ok(rustix::fs::fsync(&folder)?)
        });
        match gone.await {
            Err(StoreError::Missing(_)) => Ok(()),
            done => done,
        }
    }

    async fn clear(&self, folder: &str) -> Result<(), StoreError> {
        self.run("remove", folder, |root, folder| {
            if let Some(opened) = Folder::open(root, folder)? {
                opened.clear()?;
            }
            tree::remove_empty(root, folder)
        })
        .await
    }

    async fn prune(&self, folder: &str) -> Result<(), StoreError> {
        self.run("remove", folder, |root, folder| {
            tree::remove_empty(root, folder)
        })
        .await
    }
}
