//! Whether `HOME` is this user's, and can be written: everything else is looked
//! for there.

use std::io;
use std::path::Path;

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{ErrorCode, locations, quoted};
use quilt_trust::Distrust;
use rustix::fs::{Access, access};

pub(super) fn check() -> Option<Finding> {
    let (home, hint) = quilt_trust::of_others()?;
    let is_used = locations::state_dir().is_ok_and(|state| state.starts_with(&home));
    let home = quoted::path(&home);
    let what = format!("HOME is {home}, which is no directory of this user's");
    Some(if is_used {
        Finding::error(FindingCode::HomeOfOthers, what, hint)
    } else {
        Finding::warning(FindingCode::HomeOfOthers, what, hint)
    })
}

/// What keeps a daemon from starting, where none answers: it could not keep
/// anything.
pub(super) fn check_state(answers: bool) -> Option<Finding> {
    if answers || quilt_trust::of_others().is_some() {
        return None;
    }
    let state = locations::state_dir().ok()?;
    let there = |path: &&Path| path.symlink_metadata().is_ok();
    let nearest = state.ancestors().find(there)?;
    let error = io::Error::from(access(nearest, Access::WRITE_OK).err()?);
    let distrust = Distrust::Io {
        action: "write to",
        path: state,
        reason: error.kind().to_string(),
        kind: error.kind(),
    };
    let what = distrust.to_string();
    Some(Finding::error(
        ErrorCode::StoreFailed,
        what,
        distrust.remedy(),
    ))
}
