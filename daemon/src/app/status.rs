//! What the daemon holds, and whose it is.

use std::sync::Arc;

use quilt_proto::CatalogUrl;
use quilt_proto::wire::{CatalogStatus, CredentialStatus, Protection, SessionUser, Status};

use super::App;
use crate::hardening::ProtectionAttempt;
use crate::session::{self, Session};
use crate::{VERSION, last_seen_users};

impl App {
    /// What the daemon holds: every catalog somebody logged in to or out of,
    /// the configured one, and those that the settings name; only `catalog` where one is asked for.
    pub fn status(&self, catalog: Option<&CatalogUrl>) -> Status {
        if let (Ok(Some(configured)), None) = (self.config.catalog(), catalog) {
            drop(self.sessions.session(&configured));
        }
        let settings = self.settings.current();
        if catalog.is_none() {
            for (_, named) in settings.catalogs() {
                drop(self.sessions.session(named));
            }
        }
        let default = self.catalog(None).ok();
        let held = |of: &CatalogUrl| {
            let all = self.vault.status(of).into_iter();
            // What failed there counts while somebody would ask there again.
            let counts = |it: &CredentialStatus| {
                it.expires_at.is_some() || settings.is_used_with(&it.profile, of, default.as_ref())
            };
            all.filter(counts).collect()
        };
        let of = |session: &Session| CatalogStatus {
            catalog_url: session.catalog().clone(),
            registry_url: session.shown_registry(),
            session: session.status(),
            credentials: held(session.catalog()),
            alias: settings.alias(session.catalog()).map(str::to_owned),
            user: self.user_of(session),
            hint: None,
        };
        let configured = self.config.catalog().ok().flatten();
        let asked = |session: &Arc<Session>| match catalog {
            Some(only) => only == session.catalog(),
            // A name that was only mistyped is nobody's catalog.
            None => {
                session.was_in_use()
                    || configured.as_ref() == Some(session.catalog())
                    || settings.alias(session.catalog()).is_some()
            }
        };
        Status {
            version: VERSION.to_owned(),
            pid: std::process::id(),
            started_at: self.started_at,
            socket: self.socket.display().to_string(),
            token_store: self.sessions.store().kind().to_owned(),
            warnings: Vec::new(),
            findings: Vec::new(),
            protections: ProtectionAttempt::now(&self.protections)
                .into_iter()
                .map(|attempt| Protection {
                    name: attempt.protection.name().to_owned(),
                    active: attempt.refusal.is_none(),
                    reason: attempt.refusal,
                })
                .collect(),
            grants: self.grants.list(),
            network: self.settings.current().network_status(),
            audited: self.audit.recorded(),
            default_catalog: default.clone(),
            catalogs: self
                .sessions
                .all()
                .iter()
                .filter(|session| asked(session))
                .map(|session| of(session))
                .collect(),
        }
    }

    /// Whose session it is, as the stack last said; before it says so again,
    /// what it said to the daemon before, or when the key in use was checked.
    pub fn user_of(&self, session: &Session) -> Option<SessionUser> {
        let is_usable = session.check().is_ok();
        let said = self.users.of(session.catalog(), is_usable);
        let kept = || session::known_user::kept(session).filter(|_| is_usable);
        let of_key = || {
            let me = session.api_key().info()?.me?;
            Some(last_seen_users::user(&me, self.started_at)).filter(|_| is_usable)
        };
        said.or_else(kept).or_else(of_key)
    }
}
