//! The settings that were last in force, for a daemon that starts while what is
//! in the file is broken: a slip in an editor and a restart must not take every
//! profile away.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use quilt_proto::{quoted, state_files};
use quilt_trust::Role;

use super::Settings;
use super::active_settings::MAX_BYTES;
use crate::files;

/// What the copy begins with; after it comes the file it is of.
const HEAD: &str = "# What quiltd last took up of ";

/// Kept in the state directory.
#[derive(Clone, Debug)]
pub(super) struct LastGood {
    copy: PathBuf,
    head: String,
    /// What is to be written, by whichever thread comes first.
    next: Arc<Mutex<Option<String>>>,
}

impl LastGood {
    /// The copy in a state directory of what is in this file.
    pub(super) fn of(file: &Path, dir: &Path) -> Self {
        let file = std::path::absolute(file).unwrap_or_else(|_| file.to_owned());
        Self {
            copy: dir.join(state_files::LAST_SETTINGS),
            head: format!("{HEAD}{}\n", quoted::path(&file)),
            next: Arc::default(),
        }
    }

    /// The settings that were in force last, if they were of the same file.
    pub(super) fn load(&self) -> Option<Settings> {
        let most = MAX_BYTES + self.head.len() as u64;
        let text = files::read(&self.copy, Role::State, most).ok()??;
        Settings::parse(text.strip_prefix(&self.head)?).ok()
    }

    /// Keeps what is in force now, off the runtime's threads. An empty text
    /// needs no copy: nothing is lost with it.
    pub(super) fn keep(&self, text: &str) {
        *self.next.lock() = Some(text.to_owned());
        let kept = self.clone();
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(move || kept.write())),
            Err(_) => kept.write(),
        }
    }

    fn write(&self) {
        let mut next = self.next.lock();
        let Some(text) = next.take() else { return };
        let written = if text.is_empty() {
            files::remove(&self.copy)
        } else {
            let parent = self.copy.parent().map_or(Ok(()), quilt_trust::make_dir);
            let text = format!("{}{text}", self.head);
            parent
                .map_err(std::io::Error::from)
                .and_then(|()| files::replace_private(&self.copy, text.as_bytes()))
        };
        if let Err(error) = written {
            let what = files::words(&error);
            tracing::debug!("the settings in force are not kept for the next start: {what}");
        }
    }
}
