//! What goes wrong with a disk where a test says so, below a directory of its
//! own: no room is left, or somebody holds a lock for good.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

static FULL: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
static HELD: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// The same path for everybody, however they come to it.
fn real(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

/// There is no room for anything new in a directory, until it is [`clear`]ed.
pub(crate) fn fill(dir: &Path) {
    FULL.lock().insert(real(dir));
}

/// There is room again.
pub(crate) fn clear(dir: &Path) {
    FULL.lock().remove(&real(dir));
}

/// A lock that a test has is not waited for in real time: it is held for longer
/// than anybody waits.
pub(crate) fn hold(lock: &Path) {
    HELD.lock().insert(real(lock));
}

/// The lock is free.
pub(crate) fn let_go(lock: &Path) {
    HELD.lock().remove(&real(lock));
}

/// Fails as a write to a full disk does.
pub(super) fn room(dir: &Path) -> io::Result<()> {
    if FULL.lock().contains(&real(dir)) {
        return Err(io::ErrorKind::StorageFull.into());
    }
    Ok(())
}

/// Whether a test has the lock.
pub(super) fn is_held(lock: &Path) -> bool {
    HELD.lock().contains(&real(lock))
}
