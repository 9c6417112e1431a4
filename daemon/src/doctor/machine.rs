//! What lies on this machine: the settings, the token store, its directory.

use std::fs;

use tokio::time::{Instant, timeout_at};

use super::{Diagnostic, DoctorContext};
use crate::files::FileError;
use crate::settings::SettingsFile;
use crate::token_store::StoreError;

/// What is wrong with `quiltd.toml`.
pub fn settings(settings: &SettingsFile) -> Vec<Diagnostic> {
    let diagnostic = |problem, is_active| Diagnostic::Settings {
        path: settings.path().to_owned(),
        problem,
        is_active,
    };
    // One that is distrusted is told of as a file, with what mends that.
    let broken = settings.problem().filter(|_| settings.remedy().is_none());
    let broken = broken.map(|problem| diagnostic(problem, false));
    let odd = settings.current().warnings();
    broken
        .into_iter()
        .chain(odd.into_iter().map(|problem| diagnostic(problem, true)))
        .collect()
}

/// Reads the token store, and sees that there is room to write to it.
pub(super) async fn store(context: DoctorContext<'_>, deadline: Instant) -> Vec<Diagnostic> {
    let (store, state_dir) = (context.sessions.store(), context.state_dir);
    let mut diagnostics = Vec::new();
    if store.kind() == "memory" {
        return diagnostics;
    }
    if !fs::exists(state_dir).unwrap_or(true) {
        diagnostics.push(Diagnostic::NoStateDir(state_dir.to_owned()));
        return diagnostics;
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
        Ok(Err(StoreError::File(FileError::Distrusted(distrust))))
            if context.distrusted.contains(&distrust) => {}
        Ok(Err(error)) => diagnostics.push(Diagnostic::Store(error)),
        Err(_) => diagnostics.push(Diagnostic::StoreHangs),
    }
    diagnostics
}
