//! Diagnostics as findings: how bad, and the command that mends them. What is an
//! error elsewhere has the same code here.

use std::path::Path;

use quilt_network::{Failure, Origin, SET_CLOCK};
use quilt_proto::wire::{Finding, FindingCode, Severity, Status};
use quilt_proto::{CatalogUrl, Command, ErrorCode};

use super::error::ApiError;
use super::hints;
use crate::app::App;
use crate::aws::AwsError;
use crate::credential::CredentialError;
use crate::doctor::Diagnostic;
use crate::files::FileError;
use crate::gateway::GatewayDiagnostic;
use crate::quilt3::ConfigError;
use crate::session::SessionError;
use crate::stack::StackError;
use crate::token_store::StoreNote;

/// What a program is told of a diagnostic. `settings` is the daemon's `quiltd.toml`.
pub(super) fn finding(diagnostic: Diagnostic, settings: &Path) -> Finding {
    let summary = diagnostic.to_string();
    match diagnostic {
        Diagnostic::Unreachable { catalog, source } => away(&catalog, &source, summary, settings),
        Diagnostic::Meanwhile { what, .. } => Finding {
            severity: Severity::Warning,
            summary,
            ..finding(*what, settings)
        },
        Diagnostic::Slow(catalog) => {
            Finding::error(ErrorCode::StackUnreachable, summary, hints::ask(&catalog))
        }
        Diagnostic::ClockSkew { .. } => Finding::error(ErrorCode::ClockSkew, summary, SET_CLOCK),
        Diagnostic::Session(SessionError::Stack(StackError::Unreachable { host, failure })) => {
            unreachable(
                ErrorCode::StackUnreachable,
                summary,
                &failure,
                Some(&host),
                settings,
            )
        }
        Diagnostic::Certificates(unusable) => {
            let hint = unusable.remedy().unwrap_or_else(|| Command::edit(settings));
            Finding::error(FindingCode::CaBundle, summary, hint)
        }
        Diagnostic::PlainEndpoint(endpoint) => {
            Finding::error(FindingCode::EndpointPlain, summary, endpoint.remedy())
        }
        Diagnostic::Network(failure) => unreachable(
            FindingCode::ProxySettings,
            summary,
            &failure,
            None,
            settings,
        ),
        Diagnostic::Session(error) => problem(&ApiError::from(error)),
        Diagnostic::Key(notice) => Finding {
            severity: if notice.is_over() {
                Severity::Error
            } else {
                Severity::Warning
            },
            ..Finding::error(FindingCode::ApiKey, summary, hints::key_notice(&notice))
        },
        Diagnostic::NotTaken { from, error } => {
            let hint = from.remedy(&error, settings);
            Finding::error(FindingCode::ApiKey, summary, hint)
        }
        Diagnostic::Credential { source, .. } => credential(source, summary, settings),
        Diagnostic::Gateway {
            source: GatewayDiagnostic::Unreadable(error),
            ..
        } => problem(&ApiError::from(error)),
        Diagnostic::Gateway { again, .. } => {
            Finding::error(FindingCode::Quilt3Astray, summary, again)
        }
        Diagnostic::Distrusted(distrust) => {
            Finding::error(FindingCode::FileNotTrusted, summary, distrust.remedy())
        }
        Diagnostic::Unaudited(error) => {
            Finding::error(FindingCode::AuditUnwritten, summary, hints::file(&error))
        }
        Diagnostic::Unprotected(attempt) => {
            Finding::warning(FindingCode::Unprotected, summary, attempt.remedy())
        }
        Diagnostic::Replaced(_) => Finding::warning(
            FindingCode::ProgramReplaced,
            summary,
            "quiltctl daemon restart",
        ),
        Diagnostic::Store(error) => {
            Finding::error(ErrorCode::StoreFailed, summary, hints::store(&error))
        }
        Diagnostic::StoreNote(note) => {
            let code = match note {
                StoreNote::WasReadable { .. } => FindingCode::SecretReadable,
                _ => FindingCode::StoreNote,
            };
            Finding::warning(code, summary, hints::note(&note))
        }
        Diagnostic::StoreHangs | Diagnostic::NoStateDir(_) => {
            Finding::error(ErrorCode::StoreFailed, summary, "quiltctl daemon restart")
        }
        Diagnostic::Settings { is_active, .. } => {
            let hint = Command::edit(settings);
            if is_active {
                Finding::warning(FindingCode::SettingsOdd, summary, hint)
            } else {
                Finding::error(FindingCode::SettingsBroken, summary, hint)
            }
        }
    }
}

/// What is said of a login beside an API key.
pub(super) fn key_over_login(catalog: &CatalogUrl) -> Finding {
    let what = "the API key in use goes before this login";
    let hint = Command::of("quiltctl clear-api-key").option("--catalog", catalog);
    Finding::warning(FindingCode::KeyOverLogin, what, hint)
}

/// A catalog that does not answer as one.
fn away(catalog: &CatalogUrl, source: &StackError, summary: String, settings: &Path) -> Finding {
    let StackError::Unreachable { host, failure } = source else {
        return Finding::error(ErrorCode::StackInvalid, summary, hints::ask(catalog));
    };
    let code = ErrorCode::StackUnreachable;
    let found = unreachable(code, summary, failure, Some(host), settings);
    // The page that was asked for says more than the first.
    let is_first = found.hint == Command::of(quilt_network::HEAD).operand(host.url());
    let hint = if is_first {
        hints::ask(catalog)
    } else {
        found.hint
    };
    Finding { hint, ..found }
}

/// What did not answer, and what mends that or shows why not: never doctor,
/// who says it.
fn unreachable(
    code: impl Into<FindingCode>,
    summary: String,
    failure: &Failure,
    origin: Option<&Origin>,
    settings: &Path,
) -> Finding {
    let hint = match origin {
        Some(_) if !failure.is_for_settings() => failure.remedy(origin),
        _ => Command::edit(settings),
    };
    Finding::error(code, summary, hint)
}

/// What the daemon holds, and what there is to mend of it without asking
/// anyone.
pub(super) fn status(app: &App, catalog: Option<&CatalogUrl>) -> Status {
    let mut status = app.status(catalog);
    // A file that is not trusted is found as that already.
    let unreadable = app.config.catalog().err();
    let unreadable =
        unreadable.filter(|error| !matches!(error, ConfigError::File(FileError::Distrusted(_))));
    let unreadable = unreadable.map(ApiError::from);
    let diagnostics = app.diagnostics().into_iter();
    // As whoever reads the hint can find it, wherever they are.
    let settings = app.settings_path();
    status.findings = unreadable
        .iter()
        .map(problem)
        .chain(diagnostics.map(|diagnostic| finding(diagnostic, &settings)))
        .collect();
    for catalog in &mut status.catalogs {
        let session = app.sessions.session(&catalog.catalog_url);
        catalog.hint = hints::of_session(&session);
    }
    status.warnings = status.findings.iter().map(ToString::to_string).collect();
    status
}

/// The same code and command as where it is an error.
pub(super) fn problem(error: &ApiError) -> Finding {
    let problem = error.problem();
    let hint = problem.hint.unwrap_or_else(|| "quiltctl status".into());
    Finding::error(problem.code, problem.detail, hint)
}

fn credential(error: CredentialError, summary: String, settings: &Path) -> Finding {
    let refused = matches!(
        &error,
        CredentialError::Aws {
            source: AwsError::Refused { .. },
            ..
        }
    );
    let lost = match &error {
        CredentialError::Aws {
            source: AwsError::Unreachable {
                origin, failure, ..
            },
            ..
        } => Some((failure.clone(), origin.clone())),
        CredentialError::Session(SessionError::Stack(StackError::Unreachable {
            host,
            failure,
        })) => Some((failure.clone(), Some(host.clone()))),
        _ => None,
    };
    let error = ApiError::from(error);
    if let Some((failure, origin)) = lost {
        let code = error.problem().code;
        return unreachable(code, summary, &failure, origin.as_ref(), settings);
    }
    let finding = problem(&error);
    let hint = if refused {
        // What AWS refuses is what the profile asks for.
        Command::edit(settings)
    } else {
        finding.hint
    };
    Finding {
        summary,
        hint,
        ..finding
    }
}
