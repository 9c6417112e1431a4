//! Notices that the socket's file is gone: nobody can reach a daemon without
//! it, while its lock keeps the next one from starting.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{ControlSocket, SocketLock, is_shared, unix};
use crate::files::FileEvents;

/// How often to look where nothing tells, or a place was lost.
const INTERVAL: Duration = Duration::from_secs(2);

/// A socket file as it was made.
#[derive(Debug)]
pub struct Watch {
    pub(super) path: PathBuf,
    pub(super) inode: u64,
}

/// What tells of places that are there again.
type Again = mpsc::UnboundedSender<(ControlSocket, SocketLock)>;

/// Cancels `shutdown` once none of the files is left as it was made, their
/// directories included; ends with `shutdown`. While there is another, a place
/// that was lost is taken again as soon as it can be: the runtime directory
/// goes with a user's last login, and comes back with the next.
pub async fn watch(watched: Vec<Watch>, again: Again, shutdown: CancellationToken) {
    let mut left = watched;
    let mut lost: Vec<PathBuf> = Vec::new();
    let mut events = FileEvents::new(INTERVAL);
    loop {
        let paths: Vec<_> = left.iter().map(|watch| watch.path.clone()).collect();
        events.watch(&paths);
        left.retain(|watch| {
            let what = watch.lost();
            if let Some(what) = what {
                tracing::warn!(socket = ?watch.path, "the socket was {what}");
                lost.push(watch.path.clone());
            }
            what.is_none()
        });
        if left.is_empty() {
            tracing::warn!("stopping: there is no socket left");
            shutdown.cancel();
            return;
        }
        lost.retain(|path| match come_back(path) {
            Some((socket, lock)) => {
                tracing::info!(socket = ?path, "listening there again");
                left.extend(socket.watch());
                // It ends with the listener.
                let _ = again.send((socket, lock));
                false
            }
            None => true,
        });
        let next = async {
            if lost.is_empty() {
                events.changed().await;
            } else {
                tokio::time::sleep(INTERVAL).await;
            }
        };
        if shutdown.run_until_cancelled(next).await.is_none() {
            return;
        }
    }
}

/// Binds a place anew, if whoever owns it has made it again. A state directory
/// that is gone is not made for a socket alone: without the logins that were in
/// it, nothing there would be right.
fn come_back(path: &Path) -> Option<(ControlSocket, SocketLock)> {
    let bound = if is_shared(path) {
        unix::bind_where_one_is(path)
    } else if path.parent()?.parent()?.is_dir() {
        unix::bind(path)
    } else {
        return None;
    };
    if let Err(error) = &bound {
        tracing::debug!("{error}");
    }
    bound.ok()
}

impl Watch {
    /// What happened to the file; nothing where that cannot be told.
    fn lost(&self) -> Option<&'static str> {
        match fs::symlink_metadata(&self.path) {
            Ok(now) if now.ino() == self.inode => None,
            Ok(_) => Some("replaced"),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => Some("deleted"),
                _ => None,
            },
        }
    }
}
