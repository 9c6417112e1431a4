//! What happens to the disk: it is full for a while, somebody holds a lock, and
//! there is a history that nobody may lose.

use std::collections::BTreeSet;
use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::state_files;
use serde_json::Value;

use super::model::FORGIVEN;
use super::random::Rng;
use super::world::World;
use crate::audit::AuditLog;
use crate::files::faults;

/// How long a lock is held in real time, at most: whoever waits for it so long
/// keeps everything else waiting.
const HANGS: Duration = Duration::from_mins(1);

/// The program whose history there is.
const HISTORIAN: &str = "/usr/bin/history";

/// How long the audit log may get, and a little less.
const HISTORY: u64 = 4 * 1024 * 1024 - 2000;

/// The disk of a machine.
#[derive(Default)]
pub(super) struct Disk {
    /// When it was last in trouble, by the true time.
    troubled_at: Mutex<Option<i64>>,
    is_full: Mutex<bool>,
    held: Mutex<Vec<Lock>>,
    /// The logs of all daemons of a life.
    audits: Mutex<Vec<AuditLog>>,
    /// What they noted in all lives.
    noted: Mutex<u64>,
    /// Lines of others there were in the beginning.
    history: Mutex<usize>,
    /// Some could not be written, with all that room taken.
    is_lossy: Mutex<bool>,
    /// What a daemon that was killed was about to write, which the next one
    /// that starts clears away.
    left_behind: Mutex<BTreeSet<String>>,
}

/// A lock that is held until this is dropped.
struct Lock {
    path: PathBuf,
    _let_go: Sender<()>,
    file: Arc<Mutex<Option<File>>>,
}

impl Drop for Lock {
    fn drop(&mut self) {
        faults::let_go(&self.path);
        self.file.lock().take();
    }
}

impl World {
    /// Whether a write or a lock may fail, or did a while ago.
    pub(super) fn is_store_troubled(&self) -> bool {
        let now = self.true_time().unix();
        let last = *self.disk.troubled_at.lock();
        self.is_lock_held()
            || *self.disk.is_full.lock()
            || last.is_some_and(|last| now - last < FORGIVEN)
    }

    /// Whether somebody holds a lock.
    pub(super) fn is_lock_held(&self) -> bool {
        !self.disk.held.lock().is_empty()
    }

    /// Everything on the disk is whole, ours, and not more than there should be.
    pub(super) fn check_files(&self) {
        let known = [
            "sessions.json",
            "sessions.lock",
            "catalogs.json",
            "catalogs.lock",
            "grants.json",
            "grants.lock",
            "audit.jsonl",
            "audit.jsonl.1",
            "audit.jsonl.full",
            "audit.lock",
            "notified.json",
            "quiltd.toml.last",
            "token",
        ];
        let left_behind = self.take_left_behind();
        let Ok(entries) = std::fs::read_dir(self.state_dir()) else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name().into_string().unwrap();
            let is_ours = known.contains(&name.as_str())
                || left_behind.contains(&name)
                || name.starts_with("rotation-") && name.strip_suffix(".lock").is_some();
            if !is_ours {
                self.breach(format!("there is a file {name} in the state directory"));
            }
            if entry.path().extension().is_some_and(|it| it == "json") {
                let text = std::fs::read(entry.path()).unwrap_or_default();
                if serde_json::from_slice::<Value>(&text).is_err() {
                    self.breach(format!("{name} cannot be read"));
                }
                if text.len() > 200_000 {
                    self.breach(format!("{name} has {} bytes", text.len()));
                }
            }
        }
    }

    fn disk_is_troubled(&self) {
        *self.disk.troubled_at.lock() = Some(self.true_time().unix());
    }

    pub(super) fn fill_disk(&self) {
        self.note("the disk is full");
        *self.disk.is_full.lock() = true;
        *self.disk.is_lossy.lock() |= *self.disk.history.lock() > 0;
        faults::fill(&self.state_dir());
    }

    pub(super) fn clear_disk(&self) {
        self.note("the disk has room");
        *self.disk.is_full.lock() = false;
        self.disk_is_troubled();
        faults::clear(&self.state_dir());
    }

    /// Somebody takes a lock that is free.
    pub(super) fn hold_lock(self: &Arc<Self>, rng: &mut Rng) {
        let Ok(entries) = std::fs::read_dir(self.state_dir()) else {
            return;
        };
        let names = entries.flatten().map(|entry| entry.path());
        // Lines of the audit log that nobody can make room for are lost.
        let is_lock = |path: &PathBuf| {
            path.extension().is_some_and(|it| it == "lock") && !path.ends_with("audit.lock")
        };
        let mut locks: Vec<_> = names.filter(is_lock).collect();
        locks.sort();
        if locks.is_empty() {
            return;
        }
        let path = locks.swap_remove(rng.index(locks.len()));
        let file = File::options().write(true).open(&path).unwrap();
        if file.try_lock().is_err() {
            return;
        }
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        self.note(format!("somebody holds {name}"));
        faults::hold(&path);
        let file = Arc::new(Mutex::new(Some(file)));
        let (let_go, gone) = channel::<()>();
        let (world, held) = (Arc::downgrade(self), Arc::clone(&file));
        std::thread::spawn(move || {
            if gone.recv_timeout(HANGS) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                if let Some(world) = world.upgrade() {
                    let what = format!("whoever waits for {name} keeps everything waiting");
                    world.seen().breaches.push(what);
                }
                held.lock().take();
            }
        });
        let lock = Lock {
            path,
            _let_go: let_go,
            file,
        };
        self.disk.held.lock().push(lock);
    }

    pub(super) fn let_go(&self) {
        let held = std::mem::take(&mut *self.disk.held.lock());
        if !held.is_empty() {
            self.note("locks are let go");
            self.disk_is_troubled();
        }
    }

    pub(super) fn mend_disk(&self) {
        self.let_go();
        if *self.disk.is_full.lock() {
            self.clear_disk();
        }
    }

    /// What somebody did long ago, which all but fills the audit log.
    pub(super) fn lay_down_history(&self, less: u64) {
        let mut text = String::new();
        let mut lines = 0;
        while (text.len() as u64) < HISTORY - less {
            let line = format!(
                "{{\"time\":\"2026-01-01T00:00:00Z\",\"action\":\"aws_credentials\",\
                 \"outcome\":\"ok\",\"request\":\"{lines}\",\"pid\":7,\"uid\":0,\
                 \"program\":\"{HISTORIAN}\",\"count\":1}}\n"
            );
            text.push_str(&line);
            lines += 1;
        }
        std::fs::create_dir(self.state_dir()).unwrap();
        let private = std::os::unix::fs::PermissionsExt::from_mode;
        std::fs::set_permissions(self.state_dir(), private(0o700)).unwrap();
        let path = self.state_dir().join("audit.jsonl");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, private(0o600)).unwrap();
        *self.disk.history.lock() = lines;
        self.note(format!("a history of {lines} lines"));
    }

    /// A daemon begins to note what it does.
    pub(super) fn audited(&self, log: AuditLog) {
        self.disk.audits.lock().push(log);
    }

    /// A daemon is about to be gone: what it has noted so far is written, as if
    /// the thread that does so had just been quick enough.
    pub(super) fn finish_audit(&self, log: &AuditLog) {
        let mut audits = self.disk.audits.lock();
        audits.retain(|other| !other.is_same(log));
        drop(audits);
        let finish = || {
            let runtime = tokio::runtime::Builder::new_current_thread().build();
            runtime.unwrap().block_on(log.finish());
        };
        // Not on the thread of a runtime, whose time would pass.
        std::thread::scope(|scope| scope.spawn(finish).join().unwrap());
        *self.disk.noted.lock() += log.recorded() - log.dropped();
    }

    /// Notes what a daemon that is gone could not clear away.
    pub(super) fn left_behind(&self) {
        let begins = state_files::SESSIONS_TEMPORARY.start;
        let entries = std::fs::read_dir(self.state_dir());
        let names = entries.into_iter().flatten().flatten();
        let names = names.filter_map(|entry| entry.file_name().into_string().ok());
        let names = names.filter(|name| name.starts_with(begins));
        self.disk.left_behind.lock().extend(names);
    }

    /// What daemons of the life that is over may have left behind.
    pub(super) fn take_left_behind(&self) -> BTreeSet<String> {
        std::mem::take(&mut self.disk.left_behind.lock())
    }

    /// All that daemons noted is there, each once, and so is what was there before.
    pub(super) fn check_audit(&self) {
        let audits = self.disk.audits.lock().clone();
        for log in &audits {
            self.finish_audit(log);
        }
        let noted = *self.disk.noted.lock();
        let (mut counted, mut remembered) = (0, 0);
        for name in ["audit.jsonl.1", "audit.jsonl.full", "audit.jsonl"] {
            let text = std::fs::read_to_string(self.state_dir().join(name)).unwrap_or_default();
            for line in text.lines() {
                if line.contains(HISTORIAN) {
                    remembered += 1;
                } else {
                    let entry: Value = serde_json::from_str(line).unwrap_or_default();
                    counted += entry["count"].as_u64().unwrap_or(0);
                }
            }
        }
        let is_lossy = *self.disk.is_lossy.lock();
        if counted != noted && !(is_lossy && counted < noted) {
            self.breach(format!("{counted} of {noted} events are in the audit log"));
        }
        let history = *self.disk.history.lock();
        // The oldest give way to what is new.
        if remembered < history - history / 10 {
            self.breach(format!(
                "{remembered} of {history} lines are left of others"
            ));
        }
    }
}
