//! Whether the token store can be read and written, and its directory is there.

use std::fs;

use tokio::time::{Instant, timeout_at};

use super::{Diagnostic, DoctorContext};
use crate::files::FileError;
use crate::token_store::StoreError;

/// Reads the token store, and sees that there is room to write to it.
pub(super) async fn check(context: &DoctorContext<'_>, deadline: Instant) -> Vec<Diagnostic> {
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
