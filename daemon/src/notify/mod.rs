//! Tells the user, once, what needs a person: on the desktop where the session
//! has one, and by a command of theirs.

mod command;
#[cfg(target_os = "linux")]
mod desktop;
mod named_paths;

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use quilt_trust::Role;

use quilt_proto::state_files;

use crate::files;
use crate::settings::Notify;

/// The largest record read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notification {
    /// What it is about: the same as long as it is the same.
    pub id: String,
    /// The catalog that it is about.
    pub catalog: String,
    /// A stable word for its kind.
    pub code: String,
    /// One line; what comes from outside is quoted in it.
    pub summary: String,
    /// The command that mends it.
    pub hint: String,
}

/// How many notices of a catalog may come one after the other: what a person
/// does may end in several.
const BURST: u32 = 3;

/// How long it takes until there may be one more. A stack can make something
/// new of every answer.
const PAUSE: Duration = Duration::from_mins(15);

/// Remembers what was told, over restarts, too.
#[derive(Debug)]
pub struct Notifier {
    record: PathBuf,
    told: Mutex<Told>,
}

#[derive(Debug, Default)]
struct Told {
    /// By id; nothing before the record was read.
    ids: Option<BTreeSet<String>>,
    /// Until when the notices of each catalog last a pause each, one after the
    /// other.
    until: HashMap<String, Instant>,
}

impl Told {
    /// Whether one more notice of a catalog may come now.
    fn may_come(&mut self, catalog: &str, now: Instant) -> bool {
        self.until.retain(|_, until| *until > now);
        let until = self.until.get(catalog).copied().unwrap_or(now);
        let may_come = until - now <= PAUSE * (BURST - 1);
        if may_come {
            self.until.insert(catalog.to_owned(), until + PAUSE);
        }
        may_come
    }
}

impl Notifier {
    /// Remembers in this directory.
    pub fn with_state_dir(state_dir: &Path) -> Self {
        Self {
            record: state_dir.join(state_files::NOTIFIED),
            told: Mutex::default(),
        }
    }

    /// Tells what of `current` was not told yet, of each catalog a few things at
    /// once and others later, while they last. What is over will be told again
    /// when it comes again.
    pub fn tell(&self, current: Vec<Notification>, ways: &Notify) {
        if !ways.desktop && ways.command.is_empty() {
            return;
        }
        let news = self.news(current, Instant::now());
        if news.is_empty() {
            return;
        }
        let ways = ways.clone();
        // Neither a bus nor a program keeps the daemon waiting.
        std::thread::spawn(move || {
            for notice in news {
                tell(&ways, &notice);
            }
        });
    }

    fn news(&self, current: Vec<Notification>, now: Instant) -> Vec<Notification> {
        let mut told = self.told.lock();
        let before = told.ids.take().unwrap_or_else(|| self.read());
        let (mut ids, mut news) = (BTreeSet::new(), Vec::new());
        for notice in current {
            if before.contains(&notice.id) {
                ids.insert(notice.id);
            } else if told.may_come(&notice.catalog, now) {
                ids.insert(notice.id.clone());
                news.push(notice);
            }
        }
        let is_as_before = ids == before;
        let ids = told.ids.insert(ids);
        if is_as_before {
            return news;
        }
        let written = serde_json::to_vec(ids).map_err(std::io::Error::from);
        if let Err(error) = written.and_then(|text| files::replace_private(&self.record, &text)) {
            tracing::debug!(%error, "what was told is not kept");
        }
        news
    }

    fn read(&self) -> BTreeSet<String> {
        let text = files::read(&self.record, Role::State, MAX_BYTES).ok();
        let text = text.flatten();
        text.and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default()
    }
}

fn tell(ways: &Notify, notice: &Notification) {
    #[cfg(target_os = "linux")]
    if ways.desktop
        && let Err(error) = desktop::show(notice)
    {
        tracing::debug!(%error, "nothing shown on the desktop");
    }
    if let Some((program, arguments)) = ways.command.split_first() {
        match command::run(program, arguments, notice) {
            Ok(status) if status.success() => {}
            Ok(status) => tracing::warn!(%status, "the command of [notify] failed"),
            Err(error) => tracing::warn!(%error, "the command of [notify] cannot be run"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(catalog: &str, id: &str) -> Notification {
        Notification {
            id: id.to_owned(),
            catalog: catalog.to_owned(),
            code: String::new(),
            summary: String::new(),
            hint: String::new(),
        }
    }

    fn of(ids: &[&str]) -> Vec<Notification> {
        ids.iter().map(|id| about("one", id)).collect()
    }

    #[test]
    fn everything_is_told_once_and_again_when_it_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        let now = Instant::now();
        let notifier = Notifier::with_state_dir(dir.path());
        assert_eq!(notifier.news(of(&["a"]), now), of(&["a"]));
        assert_eq!(notifier.news(of(&["a", "b"]), now), of(&["b"]));
        assert_eq!(notifier.news(of(&["a", "b"]), now), []);
        // The next daemon knows.
        let next = Notifier::with_state_dir(dir.path());
        assert_eq!(next.news(of(&["a", "b"]), now), []);
        assert_eq!(next.news(of(&["b"]), now), []);
        assert_eq!(next.news(of(&["a", "b"]), now), of(&["a"]));
    }

    #[test]
    fn a_catalog_tells_ever_new_things_rarely_and_keeps_no_other_from_telling() {
        let dir = tempfile::tempdir().unwrap();
        let notifier = Notifier::with_state_dir(dir.path());
        let begun = Instant::now();
        let mut told = 0;
        for second in 0..=4 * 3600 {
            let now = begun + Duration::from_secs(second);
            // What comes and goes, and what is never the same.
            let mut current = vec![about("hostile", &format!("host {second}"))];
            if second % 2 == 0 {
                current.push(about("hostile", "ended"));
            }
            told += notifier.news(current, now).len();
        }
        assert_eq!(told, 3 + 16, "in four hours");
        let late = begun + Duration::from_hours(4);
        let last = about("hostile", "it lasts");
        let other = about("other", "ended");
        let current = vec![last.clone(), other.clone()];
        assert_eq!(notifier.news(current.clone(), late), [other]);
        assert_eq!(notifier.news(current, late + PAUSE), [last]);
    }
}
