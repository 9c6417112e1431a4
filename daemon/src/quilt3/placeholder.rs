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
use super::opens::{Opens, Watched};
use crate::files;
use crate::raw::ReadLease;
use crate::watchdog::may_block;

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
struct Laid {
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
            path: dir.join("credentials.json"),
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
            .and_then(|written| files::put(written, &self.path))
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
    fn lay(&self, opens: Option<&Opens>) -> io::Result<Laid> {
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
        Ok(Laid {
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
        let mut laid: Option<Laid> = None;
        let mut laid_at = Instant::now();
        // Replaced ones, and until when each keeps its lease.
        let mut replaced: Vec<(Laid, Instant)> = Vec::new();
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
    fn let_go(&self, replaced: &mut Vec<(Laid, Instant)>, opens: &mut Option<Opens>) {
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
    fn is_lost(&self, laid: &Laid) -> bool {
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
fn is_read(opens: &mut Option<Opens>, laid: &Laid) -> bool {
    let opens = opens.as_mut().zip(laid.watched);
    opens.is_some_and(|(opens, watched)| opens.is_opened(watched))
}

/// The same; in doubt, somebody has.
fn may_be_read(opens: &mut Option<Opens>, laid: &Laid) -> bool {
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
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    /// What the SDK does with credentials it was given.
    fn sdk_writes(path: &Path) {
        use std::io::Write;
        let mut file = File::create(path).unwrap();
        file.write_all(b"{\"secret_key\": \"canary\"}").unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn what_the_sdk_writes_never_gets_the_name() {
        let dir = tempfile::TempDir::new().unwrap();
        let placeholder = Placeholder {
            grace: Duration::ZERO,
            ..Placeholder::in_dir(dir.path())
        };
        placeholder.set_up().unwrap();
        let wanted = Arc::new(AtomicBool::new(true));
        let is_wanted = {
            let wanted = Arc::clone(&wanted);
            move || wanted.load(Ordering::SeqCst)
        };
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(placeholder.clone().keep(is_wanted, stop.clone()));
        let path = placeholder.path().to_owned();
        let beaten = tokio::task::spawn_blocking(move || {
            let placeholder = Placeholder::in_dir(path.parent().unwrap());
            // Until the lease is there, it is replaced after a while only.
            loop {
                sdk_writes(&path);
                if placeholder.is_there() {
                    break;
                }
                std::thread::yield_now();
            }
            for _ in 0..100 {
                sdk_writes(&path);
                if !placeholder.is_there() {
                    return false;
                }
            }
            true
        });
        if cfg!(target_os = "linux") {
            assert!(beaten.await.unwrap());
        }
        wanted.store(false, Ordering::SeqCst);
        let path = placeholder.path().to_owned();
        tokio::task::spawn_blocking(move || sdk_writes(&path))
            .await
            .unwrap();
        assert!(!placeholder.is_there(), "it is the SDK's own again");
        wanted.store(true, Ordering::SeqCst);
        while !placeholder.is_there() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        keeping.await.unwrap();
    }

    /// What keeps a placeholder there until it is stopped, once it is there.
    #[cfg(target_os = "linux")]
    async fn kept(placeholder: &Placeholder) -> (tokio::task::JoinHandle<()>, CancellationToken) {
        let stop = CancellationToken::new();
        let keeping = tokio::spawn(placeholder.clone().keep(|| true, stop.clone()));
        while !placeholder.is_there() {
            tokio::task::yield_now().await;
        }
        (keeping, stop)
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_slow_reader_never_finds_what_the_sdk_writes() {
        use std::io::Read;

        let dir = tempfile::TempDir::new().unwrap();
        let placeholder = Placeholder {
            grace: Duration::from_mins(10),
            rest: Duration::from_mins(10),
            ..Placeholder::in_dir(dir.path())
        };
        let path = placeholder.path().to_owned();
        let (keeping, stop) = kept(&placeholder).await;
        let inode = || fs::metadata(&path).unwrap().ino();
        let mut reader = File::open(&path).unwrap();
        let before = inode();
        let writer = {
            let path = path.clone();
            std::thread::spawn(move || sdk_writes(&path))
        };
        while inode() == before {
            tokio::task::yield_now().await;
        }
        assert!(placeholder.is_there(), "others find the new one at once");
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(text, TEXT);
        assert!(!writer.is_finished());
        stop.cancel();
        keeping.await.unwrap();
        writer.join().unwrap();
        assert!(placeholder.is_there());
    }

    #[cfg(target_os = "linux")]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_writer_waits_for_no_reader_that_there_is_not() {
        let dir = tempfile::TempDir::new().unwrap();
        let placeholder = Placeholder {
            grace: Duration::from_mins(10),
            ..Placeholder::in_dir(dir.path())
        };
        let path = placeholder.path().to_owned();
        let (keeping, stop) = kept(&placeholder).await;
        let writers = tokio::task::spawn_blocking(move || {
            let inode = || fs::metadata(&path).unwrap().ino();
            for _ in 0..20 {
                // As the SDK does: it reads, asks the gateway, and writes.
                let file = File::open(&path).unwrap();
                let before = file.metadata().unwrap().ino();
                assert_eq!(io::read_to_string(file).unwrap(), TEXT);
                while inode() == before {
                    std::thread::yield_now();
                }
                sdk_writes(&path);
            }
        });
        let all = tokio::time::timeout(Duration::from_mins(2), writers);
        all.await.expect("they waited for nobody").unwrap();
        stop.cancel();
        keeping.await.unwrap();
    }

    #[test]
    fn what_lay_there_comes_back() {
        let dir = tempfile::TempDir::new().unwrap();
        let placeholder = Placeholder::in_dir(&dir.path().join("Quilt"));
        placeholder.set_up().unwrap();
        placeholder.undo().unwrap();
        assert!(!placeholder.path().exists());
        fs::write(placeholder.path(), "{}").unwrap();
        placeholder.set_up().unwrap();
        placeholder.set_up().unwrap();
        assert!(placeholder.is_there());
        placeholder.undo().unwrap();
        placeholder.undo().unwrap();
        assert_eq!(fs::read_to_string(placeholder.path()).unwrap(), "{}");
        assert_eq!(fs::read_dir(dir.path().join("Quilt")).unwrap().count(), 1);
    }
}
