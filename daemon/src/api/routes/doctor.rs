//! `GET /v1/doctor`, and what it has to ask beside that.

use quilt_proto::api::{ComparePasswords, ReadDiagnosis};
use quilt_proto::network_variables;
use quilt_proto::wire::{Diagnosis, Finding, PasswordComparison};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::findings::{finding, problem};

/// A catalog that cannot be told is one more finding: the rest is looked at
/// all the same.
pub(in crate::api) async fn run_checks(
    Call { app, catalog, .. }: Call<ReadDiagnosis>,
) -> Result<Diagnosis, ApiError> {
    let session = app.session(catalog.as_deref());
    let examination = app.run_checks(session.as_ref().ok()).await;
    let unknown = session.err().map(|error| problem(&ApiError::from(error)));
    let settings = app.settings_path();
    let diagnostics = examination.diagnostics.into_iter();
    let found = diagnostics.map(|diagnostic| finding(diagnostic, &settings));
    let found: Vec<Finding> = found.collect();
    // Why it cannot be told may be found by itself.
    let is_news = |unknown: &Finding| found.iter().all(|it| it.summary != unknown.summary);
    let unknown = unknown.filter(is_news);
    Ok(Diagnosis {
        findings: unknown.into_iter().chain(found).collect(),
        proven: examination.passed,
        settings: Some(settings.display().to_string()),
    })
}

/// Only names are told: who asks has shown what they know.
pub(in crate::api) async fn compare(
    call: Call<ComparePasswords>,
) -> Result<PasswordComparison, ApiError> {
    let own = network_variables::proxies_with_passwords();
    let differs = |(name, value): &(&String, _)| own.get(*name).is_some_and(|own| own != *value);
    let asked = call.body.variables.iter();
    Ok(PasswordComparison {
        differing: asked
            .filter(differs)
            .map(|(name, _)| name.clone())
            .collect(),
    })
}
