//! What a person has to do something about, told as it comes to be.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::CatalogUrl;
use quilt_proto::wire::{Finding, SessionState, TokenKind};

use super::error::ApiError;
use super::findings;
use crate::app::App;
use crate::doctor::Diagnostic;
use crate::keys::KeyDiagnostic;
use crate::keys::key_diagnostic;
use crate::notify::Notification;
use crate::session::{Session, SessionError};

/// How long changes are gathered before a look, which asks nobody.
const GATHER: Duration = Duration::from_secs(1);

/// How often to look although nothing has changed: keys come to their end, which
/// is told days before.
const RARELY: Duration = Duration::from_mins(10);

/// Tells for as long as the daemon runs.
pub fn notify_user(app: &Arc<App>) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let shutdown = app.shutdown.clone();
        let look = async {
            loop {
                let _ = tokio::time::timeout(RARELY, app.next_change()).await;
                tokio::time::sleep(GATHER).await;
                let settings = app.settings.current();
                app.notifier.tell(notices(&app), &settings.notify);
            }
        };
        shutdown.run_until_cancelled(look).await;
    });
}

fn notices(app: &App) -> Vec<Notification> {
    let sessions = app.sessions.all();
    sessions
        .iter()
        .flat_map(|session| of_session(app, session))
        .collect()
}

fn of_session(app: &App, session: &Arc<Session>) -> Vec<Notification> {
    let catalog = session.catalog();
    let status = session.status();
    let mut notices = Vec::new();
    let kind = match status.kind {
        Some(TokenKind::ApiKey) => "key",
        _ => "login",
    };
    // Whoever logs out knows.
    if status.state == SessionState::Expired
        && let Err(error) = session.check()
    {
        let found = findings::problem(&ApiError::from(error));
        notices.push(notice(catalog, format!("ended {kind} {catalog}"), found));
    }
    if let Some(unread) = session.unread_key() {
        let error = SessionError::KeyUnread(unread);
        let found = findings::problem(&ApiError::from(error));
        notices.push(notice(catalog, format!("key unread {catalog}"), found));
    }
    for of_key in key_diagnostic::all(&app.keys, session) {
        let Some(id) = id_of(&of_key) else {
            continue;
        };
        let found = findings::finding(Diagnostic::Key(of_key), &app.settings_path());
        notices.push(notice(catalog, id, found));
    }
    notices
}

/// What a notice is about; nothing for what can wait.
fn id_of(of_key: &KeyDiagnostic) -> Option<String> {
    match of_key {
        KeyDiagnostic::Ends {
            fingerprint,
            is_over,
            catalog,
            ..
        } => Some(format!("key ends {is_over} {fingerprint} {catalog}")),
        KeyDiagnostic::Forgotten { catalog } => Some(format!("key forgotten {catalog}")),
        // Whatever host is named: it may be another one each time.
        KeyDiagnostic::UntrustedRegistry { catalog, .. } => {
            Some(format!("key held back {catalog}"))
        }
        // Two keys where one is enough.
        KeyDiagnostic::Unfinished { .. } | KeyDiagnostic::Left { .. } => None,
    }
}

fn notice(catalog: &CatalogUrl, id: String, finding: Finding) -> Notification {
    Notification {
        id,
        catalog: catalog.to_string(),
        code: finding.code,
        summary: finding.summary,
        hint: finding.hint.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_catalog_that_names_ever_new_hosts_is_told_of_once() {
        let untrusted_registry = |catalog: &str, named: &str| {
            id_of(&KeyDiagnostic::UntrustedRegistry {
                catalog: catalog.parse().unwrap(),
                named: named.parse().unwrap(),
                why: named.to_owned(),
            })
        };
        let (one, other) = ("https://one.example", "https://other.example");
        assert_eq!(
            untrusted_registry(one, "a.example"),
            untrusted_registry(one, "b.example")
        );
        assert_ne!(
            untrusted_registry(one, "a.example"),
            untrusted_registry(other, "a.example")
        );
    }
}
