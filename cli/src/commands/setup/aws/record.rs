//! What this program put into AWS configuration files, so that it can be
//! taken out again.

use std::io;
use std::path::{Path, PathBuf};

use quilt_proto::{locations, quoted, state_files};
use serde::{Deserialize, Serialize};

use super::edit::Edit;
use crate::files;

/// The file in the state directory.
const NAME: &str = state_files::SETUP_AWS;

/// One edit of one file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// The file, as it was named.
    pub(super) config: PathBuf,
    /// The AWS profile.
    pub(super) profile: String,
    /// Whether the file did not exist before.
    pub(super) created: bool,
    /// The lines that were wanted, keys and values.
    pub(super) lines: Vec<(String, String)>,
    /// The edit.
    pub(super) edit: Edit,
}

/// Every edit in place.
#[derive(Debug)]
pub(super) struct Records {
    path: PathBuf,
    records: Vec<Record>,
}

impl Records {
    /// Reads them. A file that cannot be understood is an error, not a start
    /// from nothing: it holds what `--undo` needs.
    pub(super) fn load() -> io::Result<Self> {
        let dir = locations::state_dir().map_err(io::Error::other)?;
        let path = std::path::absolute(dir)?.join(NAME);
        let records = match files::read_state(&path)? {
            Some(bytes) => serde_json::from_slice(&bytes)
                .map_err(|_| io::Error::other(format!("{} is broken", quoted::path(&path))))?,
            None => Vec::new(),
        };
        Ok(Self { path, records })
    }

    /// Every edit.
    pub(super) fn all(&self) -> Vec<Record> {
        self.records.clone()
    }

    /// The edit of a profile in a file.
    pub(super) fn find(&self, config: &Path, profile: &str) -> Option<&Record> {
        self.records
            .iter()
            .find(|record| record.config == config && record.profile == profile)
    }

    /// Whether one of them made a file.
    pub(super) fn has_created(&self, config: &Path) -> bool {
        let mut of_file = self.records.iter().filter(|record| record.config == config);
        of_file.any(|record| record.created)
    }

    /// Adds an edit in place of an earlier one.
    pub(super) fn put(&mut self, record: Record) {
        self.remove(&record.config, &record.profile);
        self.records.push(record);
    }

    /// Forgets an edit.
    pub(super) fn remove(&mut self, config: &Path, profile: &str) {
        self.records
            .retain(|record| record.config != config || record.profile != profile);
    }

    /// Writes them.
    pub(super) fn save(&self) -> io::Result<()> {
        files::replace(&self.path, &serde_json::to_vec_pretty(&self.records)?)
    }
}
