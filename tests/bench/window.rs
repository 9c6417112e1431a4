//! How long a login can be lost to `kill -9`: from the moment the stack takes
//! the old refresh token back (strict rotation) until the new one is in
//! `sessions.json`. Beside it, what writing such a file takes by itself.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::session::Session;

/// How long a rotation may take to be seen.
const TIMEOUT: Duration = Duration::from_secs(30);

/// What was found, in milliseconds.
#[derive(Debug, Serialize)]
pub(crate) struct Window {
    pub(crate) rounds: usize,
    /// From the stack's commit to the new file under its name.
    pub(crate) median_ms: f64,
    pub(crate) max_ms: f64,
    /// Write, fsync and rename of a file of the same size, in the same
    /// directory, in turn with the rotations.
    pub(crate) plain_median_ms: f64,
    pub(crate) plain_max_ms: f64,
}

impl Window {
    pub(crate) fn measure(session: &Session, rounds: usize) -> anyhow::Result<Self> {
        let dir = session.state();
        let stored = watch(&dir, "sessions.json")?;
        let size = usize::try_from(fs::metadata(dir.join("sessions.json"))?.len())?;
        let (mut windows, mut plain) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let before = session.stack().control().last_exchange();
            session.stack().control().outdate_access_tokens();
            session.must(&["whoami"], "")?;
            let commit = session.stack().control().last_exchange();
            ensure!(commit != before, "the stack was not asked for a new token");
            let commit = commit.context("the stack gave no token")?;
            let mut seen = stored.recv_timeout(TIMEOUT)?;
            while seen < commit {
                seen = stored.recv_timeout(TIMEOUT)?;
            }
            windows.push(seen - commit);
            plain.push(write_plainly(&dir, size)?);
        }
        let (median_ms, max_ms) = summary(&mut windows);
        let (plain_median_ms, plain_max_ms) = summary(&mut plain);
        Ok(Self {
            rounds,
            median_ms,
            max_ms,
            plain_median_ms,
            plain_max_ms,
        })
    }
}

/// The moments at which a file comes to its name by renaming.
#[cfg(target_os = "linux")]
fn watch(dir: &Path, name: &'static str) -> anyhow::Result<Receiver<Instant>> {
    use rustix::fs::inotify;

    let inotify = inotify::init(inotify::CreateFlags::CLOEXEC)?;
    inotify::add_watch(&inotify, dir, inotify::WatchFlags::MOVED_TO)?;
    let (sender, moments) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
        let mut reader = inotify::Reader::new(&inotify, &mut buffer);
        while let Ok(event) = reader.next() {
            let now = Instant::now();
            let ours = event
                .file_name()
                .is_some_and(|file| file.to_bytes() == name.as_bytes());
            if ours && sender.send(now).is_err() {
                return;
            }
        }
    });
    Ok(moments)
}

/// Other systems do not tell such moments exactly.
#[cfg(not(target_os = "linux"))]
fn watch(_dir: &Path, _name: &'static str) -> anyhow::Result<Receiver<Instant>> {
    anyhow::bail!("the window of a rotation is measured on Linux alone")
}

/// The least that has to be done.
fn write_plainly(dir: &Path, size: usize) -> anyhow::Result<Duration> {
    let (beside, path) = (dir.join("plain~"), dir.join("plain"));
    let content = vec![b'x'; size];
    let begun = Instant::now();
    let mut file = File::create(&beside)?;
    file.write_all(&content)?;
    file.sync_all()?;
    fs::rename(&beside, &path)?;
    Ok(begun.elapsed())
}

fn summary(times: &mut [Duration]) -> (f64, f64) {
    times.sort();
    let ms = |time: Option<&Duration>| time.map_or(f64::NAN, |time| time.as_secs_f64() * 1e3);
    (ms(times.get(times.len() / 2)), ms(times.last()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renames_to_the_name_are_seen_and_others_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let seen = watch(dir.path(), "wanted").unwrap();
        let begun = Instant::now();
        for name in ["other", "wanted"] {
            fs::write(dir.path().join("beside"), "").unwrap();
            fs::rename(dir.path().join("beside"), dir.path().join(name)).unwrap();
        }
        assert!(seen.recv_timeout(TIMEOUT).unwrap() >= begun);
        assert!(seen.try_recv().is_err(), "one of the two");
    }

    #[test]
    fn the_middle_and_the_worst_are_told() {
        let mut times = [3, 1, 2].map(Duration::from_millis);
        let (median, worst) = summary(&mut times);
        assert!((median - 2.0).abs() < 1e-9 && (worst - 3.0).abs() < 1e-9);
    }
}
