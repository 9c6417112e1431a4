//! What lies on this machine: the settings, the token store, its directory.

use std::fs;

use tokio::time::{Instant, timeout_at};

use super::{Ailment, Patient};
use crate::settings::SettingsFile;
use crate::store::StoreError;

/// What is wrong with `quiltd.toml`.
pub fn settings(settings: &SettingsFile) -> Vec<Ailment> {
    let ailment = |problem, in_force| Ailment::Settings {
        path: settings.path().to_owned(),
        problem,
        in_force,
    };
    // One that is distrusted is told of as a file, with what mends that.
    let broken = settings.problem().filter(|_| settings.remedy().is_none());
    let broken = broken.map(|problem| ailment(problem, false));
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
        quilt_trust::check_dir(state_dir)?;
        store.load().await?;
        store.reserve().await?;
        Ok::<_, StoreError>(())
    };
    match timeout_at(deadline, work).await {
        Ok(Ok(())) => {}
        // Told of as a file already.
        Ok(Err(StoreError::Distrusted(distrust))) if patient.distrusted.contains(&distrust) => {}
        Ok(Err(error)) => ailments.push(Ailment::Store(error)),
        Err(_) => ailments.push(Ailment::StoreHangs),
    }
    ailments
}
