//! What happens between two moments: locks that others hold, signals, clocks,
//! disks, and words that come too often.
#![cfg(target_os = "linux")]

mod ends;
mod locks;
mod signals;
mod words;

use std::fs::File;
use std::time::Duration;

use quilt_tests::harness::World;

/// Longer than anything may take that is waited for; no measure of speed.
const SURELY: Duration = Duration::from_mins(2);

/// Holds a lock of the state directory as a process does that was stopped.
fn hold(world: &World, name: &str) -> File {
    let path = world.home.state().join(name);
    let lock = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    lock.lock().unwrap();
    lock
}

/// The names of the locks that there are in the state directory.
fn locks(world: &World) -> Vec<String> {
    let entries = std::fs::read_dir(world.home.state()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<_> = names
        .filter(|name| name.strip_suffix(".lock").is_some())
        .collect();
    names.sort();
    names
}

async fn in_time<T>(context: &str, work: impl Future<Output = T>) -> T {
    tokio::time::timeout(SURELY, work).await.expect(context)
}
