//! Writing a profile into the file, which other programs may change meanwhile.

use std::io::ErrorKind;
use std::path::Path;

use quilt_proto::{Command, quoted};

use super::config_file::{failed_at, place, read, unrecorded};
use super::conflict;
use super::edit::{self, DesiredProfile, Edit};
use super::read_only::{by_hand, unwritable_file};
use super::record::{Record, Records};
use crate::aws_files::CREDENTIALS_ENV;
use crate::exit::{self, Failure};
use crate::files;

/// What is run again where the file never rests.
pub(super) const AGAIN: &str = "quiltctl setup aws";

/// Puts a profile into a file; whether it was not there already.
pub(super) fn put_in(path: &Path, name: &str, lines: &[(String, String)]) -> Result<bool, Failure> {
    files::until_unchanged(path, AGAIN, || try_put_in(path, name, lines))
}

/// Puts a profile into a file; nothing where another program changed the file
/// meanwhile.
fn try_put_in(
    path: &Path,
    name: &str,
    lines: &[(String, String)],
) -> Result<Option<bool>, Failure> {
    let mut records = Records::load().map_err(|error| unrecorded(&error))?;
    let current = read(path)?;
    let bytes = current.clone().unwrap_or_default();
    let record = records.find(path, name).cloned();
    let taken_back = record
        .as_ref()
        .and_then(|record| record.edit.revert(&bytes));
    let created = record.as_ref().map_or_else(
        || current.is_none() || records.has_created(path),
        |record| record.created,
    );
    conflict::goes_before(&place(CREDENTIALS_ENV)?, name)?;
    let wanted = DesiredProfile {
        profile: name,
        lines,
    };
    let same = record.as_ref().is_some_and(|record| record.lines == lines);
    // A line that was the user's, and so not part of the edit, may be gone.
    if same && taken_back.is_some() && edit::is_complete(&bytes, &wanted) {
        return Ok(Some(false));
    }
    let original = taken_back.unwrap_or_else(|| bytes.clone());
    let edit = Edit::plan(&original, &wanted).map_err(|conflict| {
        let what = format!("{}: {conflict}", quoted::path(path));
        Failure::new(exit::INPUT, what).hint(conflict::by_another_name(name))
    })?;
    let result = edit.apply(&original);
    if let Some((what, hint)) = edit::unreadable(&result, path) {
        return Err(by_hand(path, &wanted, &what, hint));
    }
    if result == bytes {
        return Ok(Some(false));
    }
    records.put(Record {
        config: path.to_owned(),
        profile: name.to_owned(),
        created,
        lines: lines.to_vec(),
        edit,
    });
    // Recorded first: an edit without a record could not be undone, while a
    // record without its edit does nothing.
    records.save().map_err(|error| unrecorded(&error))?;
    if let Some((what, hint)) = unwritable_file(path) {
        restore(&mut records, path, name, record)?;
        return Err(by_hand(path, &wanted, what, hint));
    }
    match files::replace_unchanged(path, &result, current.as_deref()) {
        Ok(true) => Ok(Some(true)),
        Ok(false) => {
            restore(&mut records, path, name, record)?;
            Ok(None)
        }
        Err(error) => {
            restore(&mut records, path, name, record)?;
            Err(match error.kind() {
                ErrorKind::PermissionDenied
                | ErrorKind::ReadOnlyFilesystem
                | ErrorKind::ResourceBusy
                    if quilt_trust::behind(&error).is_none_or(|why| !why.is_about_others()) =>
                {
                    let hint = match error.kind() {
                        ErrorKind::ReadOnlyFilesystem => conflict::in_another_file(name),
                        _ => Command::edit(path),
                    };
                    by_hand(path, &wanted, &error.to_string(), hint)
                }
                _ => failed_at(path, &error),
            })
        }
    }
}

/// What was not written is not to be undone; what was there before still is.
fn restore(
    records: &mut Records,
    path: &Path,
    name: &str,
    before: Option<Record>,
) -> Result<(), Failure> {
    match before {
        Some(before) => records.put(before),
        None => records.remove(path, name),
    }
    records.save().map_err(|error| unrecorded(&error))
}
