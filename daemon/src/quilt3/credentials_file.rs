//! `credentials.json`, kept free of credentials.
//!
//! The Python SDK gives a boto3 session only where this file holds some, and
//! writes every credential it is given into it, by truncation: they lie on the
//! disk, and a process that reads in between fails. So the daemon keeps there
//! a placeholder that has expired, which makes botocore ask the gateway. On
//! Linux it also holds a lease on the file: who opens it for writing waits
//! until another placeholder has its name, and then writes into a file without
//! one, which is gone when it is closed. Who opened that file for reading while
//! it had the name must not find there what is written now: so a placeholder
//! that somebody has read is replaced at once, and a writer gets one that
//! nobody ever opened, or waits until its readers are done. Elsewhere, and where
//! a file system knows no leases, what was written is replaced within a second.

use quilt_proto::python_sdk;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quilt_trust::Role;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

use super::SdkFileError;
use super::open_watch::{Opens, Watched};
use crate::blocked_threads::may_block;
use crate::files;
use crate::raw::ReadLease;

/// What botocore takes for credentials that have expired.
const TEXT: &str = "{\"access_key\": \"quiltd\", \"secret_key\": \"quiltd\", \
                    \"token\": \"quiltd\", \"expiry_time\": \"2000-01-01T00:00:00+00:00\"}\n";

/// How often to look whether the file is still ours.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long readers of a placeholder that was replaced may still take.
const GRACE: Duration = Duration::from_millis(100);

/// How long who was opening one as it was replaced may take to be seen.
const SETTLE: Duration = Duration::from_millis(3);

/// How often a placeholder is replaced because it was read.
const REST: Duration = Duration::from_millis(5);

/// Largest file read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The file.
#[derive(Clone, Debug)]
pub(super) struct Placeholder {
    path: PathBuf,
    aside: PathBuf,
    grace: Duration,
    rest: Duration,
}

/// A placeholder that lies in its place.
struct LaidPlaceholder {
    inode: u64,
    lease: io::Result<ReadLease>,
    /// Nothing where it cannot be watched.
    watched: Option<Watched>,
    /// It was replaced, and is known to have had readers.
    is_settled: bool,
}

impl Placeholder {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            path: dir.join(python_sdk::CREDENTIALS_FILE),
            aside: dir.join("credentials.json.before-quiltd"),
            grace: GRACE,
            rest: REST,
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it lies in its place.
    pub(super) fn is_there(&self) -> bool {
        files::read(&self.path, Role::Shared, MAX_BYTES)
            .is_ok_and(|text| text.is_some_and(|text| *text == TEXT))
    }

    /// Puts it in its place. What lay there is kept beside it.
    pub(super) fn set_up(&self) -> Result<(), SdkFileError> {
        let fail = |action| {
            let path = self.path.clone();
            move |error: io::Error| SdkFileError::io(action, &path, &error)
        };
        if self.is_there() {
            return Ok(());
        }
        // Somebody else's is left where it is, not kept beside ours.
        quilt_trust::check(&self.path)?;
        if self.path.exists() && !self.aside.exists() {
            files::rename(&self.path, &self.aside).map_err(fail("set aside"))?;
        }
        if let Some(dir) = self.path.parent() {
            quilt_trust::make_dir(dir)?;
        }
        let written = files::written_beside(&self.path, TEXT.as_bytes(), files::PRIVATE);
        written
            .and_then(|written| quilt_trust::take_place(written, &self.path))
            .map_err(fail("write"))
    }

    /// Takes it away and puts back what lay there before.
    pub(super) fn undo(&self) -> Result<(), SdkFileError> {
        let undone = if self.aside.exists() {
            files::rename(&self.aside, &self.path)
        } else if self.is_there() {
            files::remove(&self.path)
        } else {
            Ok(())
        };
        undone.map_err(|error| SdkFileError::io("restore", &self.path, &error))
    }

    /// Not synced: the next daemon lays it again.
    fn lay(&self, opens: Option<&Opens>) -> io::Result<LaidPlaceholder> {
        let written = files::drafted_beside(&self.path, TEXT.as_bytes(), files::PRIVATE)?;
        let file = File::open(&written)?;
        let inode = file.metadata()?.ino();
        // Both before it has its name: nobody can open it unseen, or write to
        // it without asking.
        let lease = ReadLease::take(file);
        // Without a lease it is looked into over and over, by ourselves.
        let opens = opens.filter(|_| lease.is_ok());
        let watched = opens.and_then(|opens| opens.watch(&written).ok());
        written.persist(&self.path).map_err(|error| error.error)?;
        Ok(LaidPlaceholder {
            inode,
            lease,
            watched,
            is_settled: false,
        })
    }

    /// Keeps it in its place until `stop`. While the SDK is not to be served,
    /// which is asked before each time, its file is left alone.
    pub(super) async fn keep(self, is_wanted: impl Fn() -> bool, stop: CancellationToken) {
        // Before the first lease: the signal ends a process that does not
        // handle it.
        let mut asked = match signal(SignalKind::io()) {
            Ok(asked) => asked,
            Err(error) => {
                tracing::warn!("cannot guard {}: {error}", self.path.display());
                return;
            }
        };
        let mut opens = Opens::new().ok();
        let mut ticks = tokio::time::interval(INTERVAL);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut laid: Option<LaidPlaceholder> = None;
        let mut laid_at = Instant::now();
        // Replaced ones, and until when each keeps its lease.
        let mut replaced: Vec<(LaidPlaceholder, Instant)> = Vec::new();
        loop {
            let is_read = laid.as_ref().is_some_and(|laid| is_read(&mut opens, laid));
            let is_due = is_read && laid_at.elapsed() >= self.rest;
            if is_due || laid.as_ref().is_none_or(|laid| self.is_lost(laid)) {
                let new = may_block(|| {
                    let new = is_wanted().then(|| self.lay(opens.as_ref())).transpose();
                    new.unwrap_or_else(|error| {
                        tracing::debug!("cannot write {}: {error}", self.path.display());
                        None
                    })
                });
                laid_at = Instant::now();
                if let Some(old) = std::mem::replace(&mut laid, new) {
                    replaced.push((old, laid_at + SETTLE.min(self.grace)));
                }
            }
            self.let_go(&mut replaced, &mut opens);
            let next = replaced.iter().map(|(_, until)| *until);
            let next = next.chain(is_read.then(|| laid_at + self.rest)).min();
            let has_read = is_read && laid.is_some();
            tokio::select! {
                () = stop.cancelled() => return,
                _ = asked.recv() => {}
                _ = ticks.tick() => {}
                () = news(&mut opens), if !has_read => {}
                () = sleep_until(next) => {}
            }
        }
    }

    /// Gives the leases of replaced ones back, each once its readers are done:
    /// at once where it had none.
    fn let_go(&self, replaced: &mut Vec<(LaidPlaceholder, Instant)>, opens: &mut Option<Opens>) {
        let now = Instant::now();
        replaced.retain_mut(|(old, until)| {
            if now < *until {
                return true;
            }
            let rest = self.grace.saturating_sub(SETTLE);
            if may_be_read(opens, old) && !rest.is_zero() && !old.is_settled {
                old.is_settled = true;
                *until += rest;
                return true;
            }
            if let (Some(opens), Some(watched)) = (opens.as_mut(), old.watched) {
                opens.forget(watched);
            }
            false
        });
    }

    /// Whether somebody wants to write to it, or another file has its name.
    fn is_lost(&self, laid: &LaidPlaceholder) -> bool {
        let here = fs::symlink_metadata(&self.path);
        here.is_err()
            || here.is_ok_and(|here| here.ino() != laid.inode)
            || match &laid.lease {
                Ok(lease) => lease.is_wanted(),
                Err(_) => !self.is_there(),
            }
    }
}

/// Whether anybody has opened one, for certain.
fn is_read(opens: &mut Option<Opens>, laid: &LaidPlaceholder) -> bool {
    let opens = opens.as_mut().zip(laid.watched);
    opens.is_some_and(|(opens, watched)| opens.is_opened(watched))
}

/// The same; in doubt, somebody has.
fn may_be_read(opens: &mut Option<Opens>, laid: &LaidPlaceholder) -> bool {
    let opens = opens.as_mut().zip(laid.watched);
    opens.is_none_or(|(opens, watched)| opens.may_be_opened(watched))
}

async fn news(opens: &mut Option<Opens>) {
    match opens {
        Some(opens) => opens.news().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests;
