//! Whether `quiltd.toml` is in force, and as it is written.

use super::Diagnostic;
use crate::settings::SettingsFile;

/// What is wrong with `quiltd.toml`.
pub(super) fn check(settings: &SettingsFile) -> Vec<Diagnostic> {
    let diagnostic = |problem, is_active| Diagnostic::Settings { problem, is_active };
    // One that is distrusted is told of as a file, with what mends that.
    let broken = settings.problem().filter(|_| settings.remedy().is_none());
    let broken = broken.map(|problem| diagnostic(problem, false));
    let odd = settings.current().warnings();
    broken
        .into_iter()
        .chain(odd.into_iter().map(|problem| diagnostic(problem, true)))
        .collect()
}
