//! Takes profiles back that were set up.

use std::fs;
use std::path::Path;

use quilt_proto::{Command, quoted};

use super::config_file::{alone, failed_at, read, unrecorded};
use super::edit;
use super::record::Records;
use super::write::AGAIN;
use crate::exit::{self, Failure};
use crate::files;

/// Takes back every profile that was set up; whether there was one.
pub(in crate::commands) fn undo_all() -> Result<bool, Failure> {
    let load = || Records::load().map_err(|error| unrecorded(&error));
    if load()?.all().is_empty() {
        return Ok(false);
    }
    // Whoever sets up at this moment adds a record.
    let _alone = alone()?;
    let mut records = load()?;
    let mut changed = false;
    for record in records.all() {
        files::may_write([record.config.as_path()])?;
        changed |= take_back(&record.config, &record.profile, &mut records)?;
    }
    Ok(changed)
}

/// Puts a file back as it was before a profile was set up in it.
pub(super) fn take_back(path: &Path, name: &str, records: &mut Records) -> Result<bool, Failure> {
    files::until_unchanged(path, AGAIN, || take_out(path, name, records))
}

/// The same, once: nothing where another program changed the file meanwhile.
fn take_out(path: &Path, name: &str, records: &mut Records) -> Result<Option<bool>, Failure> {
    let current = read(path)?;
    let bytes = current.as_deref().unwrap_or_default();
    let record = records.find(path, name).cloned();
    let original = record.as_ref().map(|it| (it, it.edit.revert(bytes)));
    let changed = match original {
        Some((record, Some(original))) => {
            // A link was put there since, and would lead nowhere.
            let is_ours = record.created && !path.is_symlink();
            if is_ours && original.trim_ascii().is_empty() {
                fs::remove_file(path).map_err(|error| failed_at(path, &error))?;
            } else {
                let written = files::replace_unchanged(path, &original, current.as_deref());
                if !written.map_err(|error| failed_at(path, &error))? {
                    return Ok(None);
                }
            }
            true
        }
        _ if edit::is_set_up(bytes, name) => {
            let what = format!(
                "the lines of profile {name} in {} were changed since; delete them by hand",
                quoted::path(path)
            );
            return Err(Failure::new(exit::INPUT, what).hint(Command::edit(path)));
        }
        _ => false,
    };
    if record.is_some() {
        records.remove(path, name);
        records.save().map_err(|error| unrecorded(&error))?;
    }
    Ok(Some(changed))
}
