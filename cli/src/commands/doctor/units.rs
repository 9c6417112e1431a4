//! Units that failed, that are not those of this version, or beside which the
//! daemon runs.

use std::path::{Path, PathBuf};

use quilt_proto::quoted;
use quilt_proto::wire::{Finding, FindingCode};

use super::remedy;
use crate::commands::setup::launchd;
use crate::commands::setup::systemd::{self, State};
use crate::context::Context;
use crate::exit::Failure;
use crate::lock_holder;

/// Of how many files that others may change it is told at once.
const MOST_FILES: usize = 8;

pub(super) fn check(context: &Context, socket: &Path) -> Result<Vec<Finding>, Failure> {
    let again = || remedy::quiltctl(context, "setup systemd");
    let mut found = Vec::new();
    if let Some(unit) = systemd::stale() {
        let what = format!(
            "{} is not as this version or its package has it",
            quoted::path(&unit)
        );
        found.push(Finding::warning(FindingCode::UnitsOutdated, what, again()));
    }
    let state = State::read();
    let is_unit = systemd::is_set_up() || state.as_ref().is_some_and(|state| state.enabled);
    let units = is_unit.then(systemd::read_by_manager).transpose()?;
    let agent = launchd::is_set_up().then(launchd::agent_path).transpose()?;
    let files = units.into_iter().flatten().chain(agent);
    let distrusted = files.filter_map(|file: PathBuf| quilt_trust::check_used(&file).err());
    found.extend(distrusted.take(MOST_FILES).map(|distrust| {
        let what = format!("{distrust}: it says what the service manager runs");
        let remedy = distrust.remedy();
        // What it has read before counts until then.
        let remedy = match state {
            Some(_) => remedy.words("&& systemctl --user daemon-reload"),
            None => remedy,
        };
        Finding::error(FindingCode::FileNotTrusted, what, remedy)
    }));
    let Some(state) = state else {
        return Ok(found);
    };
    if state.failed {
        let what = "systemd has given up on quiltd.service or quiltd.socket";
        found.push(Finding::error(FindingCode::UnitFailed, what, again()));
    } else if let Some(pid) = lock_holder::pid(socket)
        && state.enabled
        && state.main_pid != Some(pid.as_raw_nonzero().get())
    {
        let what = format!(
            "the daemon (pid {}) is not the one that systemd starts",
            pid.as_raw_nonzero()
        );
        found.push(Finding::warning(FindingCode::BesideUnit, what, again()));
    }
    Ok(found)
}
