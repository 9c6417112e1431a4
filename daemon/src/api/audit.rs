//! What the audit log says of a request: who was handed a secret, or changed
//! who we are, and of which session. The words come from the endpoint, the
//! catalog from the session that the request was resolved to.

use std::borrow::Cow;
use std::mem;
use std::sync::Arc;

use axum::response::Response;
use parking_lot::Mutex;
use quilt_proto::api::Action;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{CatalogUrl, ErrorCode, ProfileName};

use super::error::ApiError;
use crate::app::App;
use crate::audit::Event;
use crate::listen::{Peer, Program};

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
    others: Vec<(CatalogUrl, Cow<'static, str>)>,
}

impl Subject {
    /// The catalog of the session it was resolved to.
    pub(super) fn resolved(&self, catalog: &CatalogUrl) {
        self.0.lock().catalog = Some(catalog.clone());
    }

    /// The profile it is about.
    pub(super) fn profile(&self, profile: &ProfileName) {
        self.0.lock().profile = Some(profile.clone());
    }

    /// The grant it made or took back.
    pub(super) fn grant(&self, id: &str) {
        self.0.lock().grant_id = Some(id.to_owned());
    }

    /// What more there is to say of it, in a line.
    pub(super) fn request(&self, line: String) {
        self.0.lock().request = Some(line);
    }

    /// One of several catalogs it is about, and how it went there.
    pub(super) fn one_of<T>(&self, catalog: &CatalogUrl, result: Result<T, &ApiError>) {
        let outcome = outcome(result);
        self.0.lock().others.push((catalog.clone(), outcome));
    }
}

/// A request under way that will be in the log, whatever becomes of it.
pub(super) struct Record {
    action: Action,
    app: Arc<App>,
    peer: Option<Peer>,
    subject: Subject,
    outcome: Cow<'static, str>,
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
            outcome: Cow::Borrowed(UNANSWERED),
        }
    }

    /// Writes it, now that it is answered.
    pub(super) fn answered(mut self, response: &Response) {
        let status = response.status();
        self.outcome = match response.extensions().get::<ErrorCode>() {
            Some(code) => Cow::Owned(code.as_str().to_owned()),
            None if status.is_client_error() || status.is_server_error() => "error".into(),
            None => AuditEntry::OK.into(),
        };
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let about = mem::take(&mut *self.subject.0.lock());
        let event = Event {
            profile: about.profile.as_ref().map(ProfileName::as_str),
            grant_id: about.grant_id.as_deref(),
            request: about.request.as_deref(),
            ..Event::of(self.action, &self.outcome, None)
        };
        let event = by(event, self.peer.as_ref());
        if about.others.is_empty() {
            self.app.audit.record(&Event {
                catalog_url: about.catalog.as_ref().map(CatalogUrl::as_str),
                ..event
            });
            return;
        }
        for (catalog, outcome) in &about.others {
            self.app.audit.record(&Event {
                catalog_url: Some(catalog.as_str()),
                outcome,
                ..event.clone()
            });
        }
    }
}

/// How something went, as the log says it.
pub(super) fn outcome<T>(result: Result<T, &ApiError>) -> Cow<'static, str> {
    result.err().map_or(Cow::Borrowed(AuditEntry::OK), |error| {
        Cow::Owned(error.problem().code.as_str().to_owned())
    })
}

/// Notes an event that is no request of its own.
pub(super) fn record(
    app: &App,
    action: Action,
    result: Result<(), &ApiError>,
    catalog: &CatalogUrl,
    peer: Option<&Peer>,
) {
    let outcome = outcome(result);
    let event = Event::of(action, &outcome, Some(catalog));
    app.audit.record(&by(event, peer));
}

/// The event as the doing of a peer: of the program that wanted it.
fn by<'a>(event: Event<'a>, peer: Option<&'a Peer>) -> Event<'a> {
    let Some(peer) = peer else { return event };
    let event = Event {
        pid: peer.pid,
        uid: peer.uid,
        ..event
    };
    by_program(event, peer.requested_by())
}

/// The event as the doing of a program; where none is known, as it was.
pub(super) fn by_program<'a>(event: Event<'a>, program: Option<&'a Program>) -> Event<'a> {
    let Some(program) = program else { return event };
    let executable = program.executable.as_ref();
    Event {
        pid: Some(program.pid),
        // Most are UTF-8, and checked faster than searched for what is not.
        program: executable.map(|path| match path.to_str() {
            Some(path) => Cow::Borrowed(path),
            None => path.to_string_lossy(),
        }),
        script: program.script.as_deref(),
        ..event
    }
}
