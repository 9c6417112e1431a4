//! What lies on this machine: the settings, the token store, its directory.

use std::fs;

use tokio::time::{Instant, timeout_at};

use super::{Ailment, Patient};
use crate::settings::SettingsFile;
use crate::store::{self, StoreError};

/// What is wrong with `quiltd.toml`.
pub fn settings(settings: &SettingsFile) -> Vec<Ailment> {
    let ailment = |problem, in_force| Ailment::Settings {
        path: settings.path().to_owned(),
        problem,
        in_force,
    };
    let broken = settings.problem().map(|problem| ailment(problem, false));
    let odd = settings.current().warnings();
    broken
        .into_iter()
        .chain(odd.into_iter().map(|problem| ailment(problem, true)))
        .collect()
}

/// Reads the token store, and sees that there is room to write to it.
pub(super) async fn store(patient: Patient<'_>, deadline: Instant) -> Vec<Ailment> {
    let Patient {
        store, state_dir, ..
    } = patient;
    let mut ailments: Vec<_> = store.notes().into_iter().map(Ailment::StoreNote).collect();
    if store.kind() == "memory" {
        return ailments;
    }
    if !fs::exists(state_dir).unwrap_or(true) {
        ailments.push(Ailment::NoStateDir(state_dir.to_owned()));
        return ailments;
    }
    let work = async {
        store::check_dir(state_dir)?;
        store.load().await?;
        store.reserve().await?;
        Ok::<_, StoreError>(())
    };
    match timeout_at(deadline, work).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => ailments.push(Ailment::Store(error)),
        Err(_) => ailments.push(Ailment::StoreHangs),
    }
    ailments
}
