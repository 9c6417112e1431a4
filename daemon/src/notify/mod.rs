//! Tells the user, once, what needs a person: on the desktop where the session
//! has one, and by a command of theirs.

mod command;
#[cfg(target_os = "linux")]
mod desktop;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use quilt_trust::Role;

use crate::files;
use crate::settings::Notify;

/// The largest record read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Something that needs a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// What it is about: the same as long as it is the same.
    pub id: String,
    /// A stable word for its kind.
    pub code: String,
    /// One line; what comes from outside is quoted in it.
    pub summary: String,
    /// The command that mends it.
    pub hint: String,
}

/// Remembers what was told, over restarts, too.
#[derive(Debug)]
pub struct Notifier {
    record: PathBuf,
    told: Mutex<Option<BTreeSet<String>>>,
}

impl Notifier {
    /// Remembers in this directory.
    pub fn kept_in(state_dir: &Path) -> Self {
        Self {
            record: state_dir.join("notified.json"),
            told: Mutex::default(),
        }
    }

    /// Tells what of `current` was not told yet. What is over will be told
    /// again when it comes again.
    pub fn tell(&self, current: Vec<Notice>, ways: &Notify) {
        if !ways.desktop && ways.command.is_empty() {
            return;
        }
        let news = self.news(current);
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

    fn news(&self, current: Vec<Notice>) -> Vec<Notice> {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let before = told.get_or_insert_with(|| self.read());
        let now: BTreeSet<_> = current.iter().map(|notice| notice.id.clone()).collect();
        if now == *before {
            return Vec::new();
        }
        let mut news = current;
        news.retain(|notice| !before.contains(&notice.id));
        *before = now;
        let written = serde_json::to_vec(&*before).map_err(std::io::Error::from);
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

fn tell(ways: &Notify, notice: &Notice) {
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

    #[test]
    fn everything_is_told_once_and_again_when_it_comes_again() {
        let dir = tempfile::tempdir().unwrap();
        let of = |ids: &[&str]| -> Vec<Notice> {
            let notice = |id: &&str| Notice {
                id: (*id).to_owned(),
                code: String::new(),
                summary: String::new(),
                hint: String::new(),
            };
            ids.iter().map(notice).collect()
        };
        let notifier = Notifier::kept_in(dir.path());
        assert_eq!(notifier.news(of(&["a"])), of(&["a"]));
        assert_eq!(notifier.news(of(&["a", "b"])), of(&["b"]));
        assert_eq!(notifier.news(of(&["a", "b"])), []);
        // The next daemon knows.
        let next = Notifier::kept_in(dir.path());
        assert_eq!(next.news(of(&["a", "b"])), []);
        assert_eq!(next.news(of(&["b"])), []);
        assert_eq!(next.news(of(&["a", "b"])), of(&["a"]));
    }
}
