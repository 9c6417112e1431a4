//! `status`: what the daemon holds.

use quilt_proto::call::ReadStatus;
use quilt_proto::quoted;
use quilt_proto::wire::{
    Finding, GrantKind, GrantStatus, SessionState, SessionStatus, Status, TokenKind,
};

use crate::context::Context;
use crate::exit::Failure;
use crate::output::{self, or_dash};
use crate::version;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context
        .of_all_catalogs()
        .print(&ReadStatus, |status| show(&status))
}

fn show(status: &Status) -> Result<(), Failure> {
    output::line(format_args!(
        "quiltd {} (pid {}) since {}, tokens in {}, on {}",
        status.version,
        status.pid,
        status.started_at,
        status.token_store,
        quoted::name(&status.socket)
    ))?;
    let sessions: Vec<[String; 5]> = status
        .catalogs
        .iter()
        .map(|catalog| {
            let session = &catalog.session;
            [
                catalog.catalog_url.to_string(),
                state(session.state).to_owned(),
                kind(session),
                or_dash(
                    session
                        .access_token_expires_at
                        .or(session.api_key_expires_at),
                ),
                or_dash(session.last_error.as_ref()),
            ]
        })
        .collect();
    if !sessions.is_empty() {
        output::line("")?;
        output::table(
            ["CATALOG", "SESSION", "KIND", "TOKEN UNTIL", "PROBLEM"],
            &sessions,
        )?;
    }
    let credentials: Vec<[String; 5]> = status
        .catalogs
        .iter()
        .flat_map(|catalog| catalog.credentials.iter().map(move |held| (catalog, held)))
        .map(|(catalog, held)| {
            [
                catalog.catalog_url.to_string(),
                held.profile.to_string(),
                or_dash(held.expires_at),
                or_dash(held.next_refresh_at),
                or_dash(held.last_error.as_ref()),
            ]
        })
        .collect();
    if !credentials.is_empty() {
        output::line("")?;
        output::table(
            [
                "CATALOG",
                "PROFILE",
                "CREDENTIALS UNTIL",
                "REFRESH AT",
                "PROBLEM",
            ],
            &credentials,
        )?;
    }
    let grants: Vec<[String; 6]> = status
        .grants
        .iter()
        .map(|grant| {
            [
                grant.id.clone(),
                purpose(grant).to_owned(),
                or_dash(grant.profile.as_ref()),
                or_dash(grant.pid),
                grant.expires_at.to_string(),
                or_dash(grant.last_used_at),
            ]
        })
        .collect();
    if !grants.is_empty() {
        output::line("")?;
        output::table(
            ["GRANT", "FOR", "PROFILE", "PROCESS", "UNTIL", "LAST USED"],
            &grants,
        )?;
    }
    warn(&status.findings);
    warn_of_version(status);
    Ok(())
}

/// One line each, on stderr.
pub(super) fn warn<'a>(findings: impl IntoIterator<Item = &'a Finding>) {
    for finding in findings {
        output::note(format_args!("warning: {finding}"));
    }
}

/// Says that the daemon is of another version.
pub(super) fn warn_of_version(status: &Status) {
    if let Some(difference) = version::difference(&status.version) {
        let finding = Finding::warning("daemon_version", difference, "quiltctl daemon restart");
        warn([&finding]);
    }
}

/// Says what of quiltd.toml is not in force, as `status` does.
pub(super) fn warn_of_settings(context: &Context) {
    // Without an answer there is nothing to warn of.
    if let Ok(status) = context.of_all_catalogs().send(&ReadStatus) {
        let is_about_it = |finding: &&Finding| finding.code == "settings_broken";
        warn(status.findings.iter().filter(is_about_it));
    }
}

fn state(state: SessionState) -> &'static str {
    match state {
        SessionState::LoggedOut => "logged out",
        SessionState::Active => "active",
        SessionState::Expired => "expired",
    }
}

/// What a grant opens.
fn purpose(grant: &GrantStatus) -> &'static str {
    match (grant.kind, grant.without_api_keys) {
        (GrantKind::Credentials, _) => "credentials",
        (GrantKind::Registry, false) => "registry",
        (GrantKind::Registry, true) => "registry without API keys",
    }
}

/// How the user logged in, and with which key.
fn kind(session: &SessionStatus) -> String {
    match (session.kind, &session.api_key_fingerprint) {
        (None, _) => "-".to_owned(),
        (Some(TokenKind::Interactive), _) => "interactive".to_owned(),
        (Some(TokenKind::ApiKey), None) => "API key".to_owned(),
        (Some(TokenKind::ApiKey), Some(fingerprint)) => format!("API key {fingerprint}"),
    }
}
