//! What a person has to do something about, told as it comes to be.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::wire::{Finding, SessionState, TokenKind};

use super::error::ApiError;
use super::finding;
use crate::app::App;
use crate::doctor::Diagnostic;
use crate::keys::KeyNotice;
use crate::notify::Notice;
use crate::session::Session;

/// How long changes are gathered before a look, which asks nobody.
const GATHER: Duration = Duration::from_secs(1);

/// How often to look although nothing has changed: keys come to their end.
const RARELY: Duration = Duration::from_mins(1);

/// Tells for as long as the daemon runs.
pub fn tell_notices(app: &Arc<App>) {
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

fn notices(app: &App) -> Vec<Notice> {
    let sessions = app.sessions.all();
    sessions
        .iter()
        .flat_map(|session| of_session(app, session))
        .collect()
}

fn of_session(app: &App, session: &Arc<Session>) -> Vec<Notice> {
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
        let found = finding::problem(&ApiError::from(error));
        notices.push(notice(format!("ended {kind} {catalog}"), found));
    }
    for of_key in app.keys.notices(session) {
        let id = match &of_key {
            KeyNotice::Ends {
                fingerprint,
                is_over,
                ..
            } => format!("key ends {is_over} {fingerprint} {catalog}"),
            KeyNotice::Forgotten { .. } => format!("key forgotten {catalog}"),
            KeyNotice::HeldBack { named, .. } => format!("key held back {named} {catalog}"),
            // Two keys where one is enough can wait.
            KeyNotice::Left { .. } => continue,
        };
        let found = finding::finding(Diagnostic::Key(of_key), &app.settings_path());
        notices.push(notice(id, found));
    }
    notices
}

fn notice(id: String, finding: Finding) -> Notice {
    Notice {
        id,
        code: finding.code,
        summary: finding.summary,
        hint: finding.hint.to_string(),
    }
}
