//! What is noted of an event.

use std::borrow::Cow;
use std::hash::{Hash, Hasher};
use std::sync::LazyLock;

use quilt_proto::api::Action;
use quilt_proto::wire::AuditEntry;
use quilt_proto::{CatalogUrl, Timestamp};
use rustix::process::getuid;

/// An event, in the words of whoever saw it: nothing is copied to count it.
#[derive(Debug, Clone)]
pub struct Event<'a> {
    /// When.
    pub time: Timestamp,
    /// What was asked for.
    pub action: &'a str,
    /// `ok`, or the error's code.
    pub outcome: &'a str,
    /// Of which catalog.
    pub catalog_url: Option<&'a str>,
    /// Of which profile.
    pub profile: Option<&'a str>,
    /// The grant it was asked for with.
    pub grant_id: Option<&'a str>,
    /// What more there is to say of it.
    pub request: Option<&'a str>,
    /// The process that wanted it.
    pub pid: Option<u32>,
    /// Its user.
    pub uid: u32,
    /// The program it ran.
    pub program: Option<Cow<'a, str>>,
    /// The script, where that is an interpreter.
    pub script: Option<&'a str>,
}

impl<'a> Event<'a> {
    /// An event of now, by nobody in particular.
    pub fn of(action: Action, outcome: &'a str, catalog: Option<&'a CatalogUrl>) -> Self {
        static USER: LazyLock<u32> = LazyLock::new(|| getuid().as_raw());
        Self {
            time: Timestamp::now(),
            action: action.as_str(),
            outcome,
            catalog_url: catalog.map(CatalogUrl::as_str),
            profile: None,
            grant_id: None,
            request: None,
            pid: None,
            uid: *USER,
            program: None,
            script: None,
        }
    }
}

impl Event<'_> {
    /// The event as a line that stands for `count` of them.
    pub(super) fn entry(&self, count: u64) -> AuditEntry {
        let owned = |text: Option<&str>| text.map(str::to_owned);
        AuditEntry {
            time: self.time,
            action: self.action.to_owned(),
            outcome: self.outcome.to_owned(),
            catalog_url: owned(self.catalog_url),
            profile: owned(self.profile),
            grant_id: owned(self.grant_id),
            request: owned(self.request),
            pid: self.pid,
            uid: self.uid,
            program: owned(self.program.as_deref()),
            script: owned(self.script),
            count,
        }
    }

    /// Whether a line says the same: all but the process id, which differs with
    /// every run of a program, and the time. Of programs that are not known by
    /// name, the process id is what tells them apart.
    pub(super) fn is_like(&self, entry: &AuditEntry) -> bool {
        self.action == entry.action
            && self.uid == entry.uid
            && self.program.as_deref() == entry.program.as_deref()
            && self.script == entry.script.as_deref()
            && (self.program.is_some() || self.pid == entry.pid)
            && self.catalog_url == entry.catalog_url.as_deref()
            && self.profile == entry.profile.as_deref()
            && self.grant_id == entry.grant_id.as_deref()
            && self.request == entry.request.as_deref()
            && self.outcome == entry.outcome
    }
}

/// Of what there can be any number of; events that are alike agree in it.
impl Hash for Event<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.program, self.catalog_url, self.profile).hash(state);
        (self.grant_id, self.request, self.script).hash(state);
        self.pid.filter(|_| self.program.is_none()).hash(state);
    }
}
