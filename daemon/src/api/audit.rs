//! What the audit log says of a request: who was handed a secret, or changed
//! who we are, and of which session. The words come from the endpoint, the
//! catalog from the session that the request was resolved to.

use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::response::Response;
use quilt_proto::api::Action;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{CatalogUrl, ErrorCode, ProfileName, Timestamp};
use rustix::process::getuid;

use super::error::ApiError;
use crate::app::App;
use crate::listen::Peer;

/// The outcome of what went well.
const OK: &str = "ok";

/// The outcome of a request whose caller hung up before it was answered.
const UNANSWERED: &str = "unanswered";

/// What a request turned out to be about. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Subject(Arc<Mutex<About>>);

#[derive(Default)]
struct About {
    catalog: Option<CatalogUrl>,
    profile: Option<ProfileName>,
    grant_id: Option<String>,
    request: Option<String>,
    /// Further catalogs, each with its own outcome: an entry each.
    others: Vec<(CatalogUrl, String)>,
}

impl Subject {
    fn about(&self) -> MutexGuard<'_, About> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The catalog of the session it was resolved to.
    pub(super) fn resolved(&self, catalog: &CatalogUrl) {
        self.about().catalog = Some(catalog.clone());
    }

    /// The profile it is about.
    pub(super) fn profile(&self, profile: &ProfileName) {
        self.about().profile = Some(profile.clone());
    }

    /// The grant it made or took back.
    pub(super) fn grant(&self, id: &str) {
        self.about().grant_id = Some(id.to_owned());
    }

    /// What more there is to say of it, in a line.
    pub(super) fn request(&self, line: String) {
        self.about().request = Some(line);
    }

    /// One of several catalogs it is about, and how it went there.
    pub(super) fn one_of<T>(&self, catalog: &CatalogUrl, result: Result<T, &ApiError>) {
        let outcome = outcome(result);
        self.about().others.push((catalog.clone(), outcome));
    }
}

/// A request under way that will be in the log, whatever becomes of it.
pub(super) struct Record {
    action: Action,
    app: Arc<App>,
    peer: Option<Peer>,
    subject: Subject,
    outcome: String,
}

impl Record {
    pub(super) fn begin(
        action: Action,
        app: &Arc<App>,
        peer: Option<&Peer>,
        subject: &Subject,
    ) -> Self {
        Self {
            action,
            app: Arc::clone(app),
            peer: peer.cloned(),
            subject: subject.clone(),
            outcome: UNANSWERED.to_owned(),
        }
    }

    /// Writes it, now that it is answered.
    pub(super) fn answered(mut self, response: &Response) {
        let status = response.status();
        self.outcome = match response.extensions().get::<ErrorCode>() {
            Some(code) => code.as_str().to_owned(),
            None if status.is_client_error() || status.is_server_error() => "error".to_owned(),
            None => OK.to_owned(),
        };
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let about = mem::take(&mut *self.subject.about());
        let entry = AuditEntry {
            profile: about.profile.map(|profile| profile.to_string()),
            grant_id: about.grant_id,
            request: about.request,
            ..entry(self.action, &self.outcome, about.catalog.as_ref())
        };
        let entry = by(entry, self.peer.as_ref());
        if about.others.is_empty() {
            self.app.audit.record(entry);
            return;
        }
        for (catalog, outcome) in about.others {
            self.app.audit.record(AuditEntry {
                catalog_url: Some(catalog.to_string()),
                outcome,
                ..entry.clone()
            });
        }
    }
}

/// How something went, as the log says it.
pub(super) fn outcome<T>(result: Result<T, &ApiError>) -> String {
    result.err().map_or_else(
        || OK.to_owned(),
        |error| error.problem().code.as_str().to_owned(),
    )
}

/// Notes an event that is no request of its own.
pub(super) fn record(
    app: &App,
    action: Action,
    result: Result<(), &ApiError>,
    catalog: &CatalogUrl,
    peer: Option<&Peer>,
) {
    let entry = entry(action, &outcome(result), Some(catalog));
    app.audit.record(by(entry, peer));
}

/// An event of now, by nobody in particular.
pub(super) fn entry(action: Action, outcome: &str, catalog: Option<&CatalogUrl>) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        action: action.as_str().to_owned(),
        outcome: outcome.to_owned(),
        catalog_url: catalog.map(ToString::to_string),
        profile: None,
        grant_id: None,
        request: None,
        pid: None,
        uid: getuid().as_raw(),
        program: None,
        count: 1,
    }
}

/// The event as the doing of a peer: of the program that wanted it.
pub(super) fn by(entry: AuditEntry, peer: Option<&Peer>) -> AuditEntry {
    let Some(peer) = peer else { return entry };
    let program = peer.wanted_by();
    let executable = program.and_then(|program| program.executable.as_ref());
    AuditEntry {
        pid: program.map(|program| program.pid).or(peer.pid),
        uid: peer.uid,
        program: executable.map(|path| path.display().to_string()),
        ..entry
    }
}
