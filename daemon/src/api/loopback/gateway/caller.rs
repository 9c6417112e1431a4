//! Who asks the gateway: somebody with a grant, as whoever is logged in here;
//! or with an API key of their own, as themselves.

use http::StatusCode;
use http::request::Parts;
use quilt_proto::api::Action;
use quilt_proto::wire::{AuditEntry, Me};
use quilt_proto::{ApiKeySecret, CatalogUrl, ErrorCode, Problem, RegistryUrl};

use super::super::{LoopbackState, audit, shown_token};
use super::{is_for, meant};
use crate::api::error::ApiError;
use crate::app::App;
use crate::audit::Event;
use crate::gateway::forward;
use crate::grant::AuthorizedGrant;
use crate::listen::{ConnectionSlot, Program};
use crate::session::SessionError;
use crate::stack::{Forward, Forwarded, StackError};

/// Who asks.
pub(super) enum Caller {
    /// Somebody with a grant of a registry.
    Grant(AuthorizedGrant),
    /// Somebody with an API key, which is all the right they have.
    Key(KeyHolder),
}

/// An API key that is the caller's, not the daemon's.
pub(super) struct KeyHolder {
    key: ApiKeySecret,
    catalog: CatalogUrl,
    /// A registry has known it before.
    is_settled: bool,
    slot: Option<ConnectionSlot>,
}

/// The grant in a request, if it is of the registry that the request is for.
pub(super) fn granted(loopback: &LoopbackState, request: &Parts) -> Option<AuthorizedGrant> {
    let opened = loopback.opened(request, Some("Bearer"))?;
    is_for(&opened, &request.extensions).then_some(opened)
}

/// Whose request it is.
pub(super) fn find_caller(loopback: &LoopbackState, request: &Parts) -> Option<Caller> {
    match granted(loopback, request) {
        Some(opened) => Some(Caller::Grant(opened)),
        None => KeyHolder::of(loopback, request).map(Caller::Key),
    }
}

impl Caller {
    /// Whether API keys are kept back, by the grant or as the user said.
    pub(super) fn without_api_keys(&self, app: &App) -> bool {
        let by_grant = matches!(self, Self::Grant(opened) if opened.right.without_api_keys());
        by_grant || app.gateway.keeps_back_api_keys()
    }

    /// Makes sure that somebody is there whom the registry knows: a grant was
    /// looked at, a key can be any text that begins like one.
    pub(super) async fn prove(&self, app: &App) -> Result<(), Problem> {
        match self {
            Self::Grant(_) => Ok(()),
            Self::Key(holder) => holder.prove(app).await,
        }
    }

    /// Whom it counts for where the system does not tell its process.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Grant(opened) => opened.id.clone(),
            Self::Key(holder) => holder.key.fingerprint(),
        }
    }

    /// Notes a request that was carried and how that was answered, or why not.
    pub(super) fn note(
        &self,
        loopback: &LoopbackState,
        outcome: Result<StatusCode, &Problem>,
        by: Option<&Program>,
        request: &str,
    ) {
        match self {
            Self::Grant(opened) => {
                let outcome = outcome.map(drop);
                loopback.note(Action::REGISTRY, outcome, opened, by, Some(request));
            }
            Self::Key(holder) => {
                let outcome = match outcome {
                    Ok(StatusCode::UNAUTHORIZED) => ErrorCode::InvalidApiKey.as_str(),
                    Ok(status) if status.is_success() || holder.is_known(&loopback.app) => {
                        AuditEntry::OK
                    }
                    Ok(_) => ErrorCode::StackRefused.as_str(),
                    Err(problem) => problem.code.as_str(),
                };
                holder.note(loopback, outcome, by, request);
            }
        }
    }

    pub(super) async fn send(
        &self,
        app: &App,
        request: Forward,
        changes_role: bool,
    ) -> Result<Forwarded, SessionError> {
        app.sync_with_store().await;
        let session = app.sessions.session(self.catalog());
        let carried = match self {
            Self::Grant(opened) => forward(&app.stack, &session, request, &opened.ended).await,
            Self::Key(holder) => holder.forward(app, request).await,
        };
        // Whoever switches the role this way has stale credentials, too.
        if changes_role && self.may_have_done(app, &carried) {
            app.sessions.role_may_have_been_switched(&session).await;
            app.note_user(&session, None);
        }
        carried
    }

    fn catalog(&self) -> &CatalogUrl {
        match self {
            Self::Grant(opened) => opened.right.catalog(),
            Self::Key(holder) => &holder.catalog,
        }
    }

    /// Whether the stack may have done what was asked, by somebody whom it knows: any
    /// text that begins like one is a key.
    fn may_have_done(&self, app: &App, carried: &Result<Forwarded, SessionError>) -> bool {
        match (self, carried) {
            (Self::Key(holder), Ok(answer)) => answer.status().is_success() && holder.is_known(app),
            (Self::Grant(_), Ok(answer)) => !answer.status().is_client_error(),
            (Self::Grant(_), Err(SessionError::Stack(error))) => error.may_have_been_heard(),
            (Self::Key(_) | Self::Grant(_), Err(_)) => false,
        }
    }
}

impl KeyHolder {
    fn of(loopback: &LoopbackState, request: &Parts) -> Option<Self> {
        let token = shown_token(request, Some("Bearer"))?;
        if !ApiKeySecret::is_like(token) {
            return None;
        }
        let key: ApiKeySecret = token.parse().ok()?;
        let named = request.extensions.get();
        let app = &loopback.app;
        let addressed = meant(loopback, named);
        // The address of no catalog in particular may be another one's by now.
        let known = match named {
            None => app.catalog_of_known_key(&key, addressed.clone()).ok()?,
            Some(_) => None,
        };
        // It may have been another's that is not known any more.
        if named.is_none() && known.is_none() && app.sessions.store().has_lost_catalogs() {
            return None;
        }
        Some(Self {
            catalog: known.or(addressed)?,
            is_settled: !app.sessions.catalogs_of_key(&key).is_empty(),
            key,
            slot: request.extensions.get().cloned(),
        })
    }

    /// Sends it as it is, to where secrets of the catalog go. What the registry
    /// says to it is between it and the caller: no session is touched.
    async fn forward(&self, app: &App, request: Forward) -> Result<Forwarded, SessionError> {
        let registry = self.registry(app).await?;
        let answer = app.stack.forward(&registry, self.key.secret(), &request);
        let answer = answer.await?;
        if answer.status().is_success() {
            self.settle(app, &registry).await;
        }
        // One that it does not know is refused in many ways, and may be answered.
        if answer.status() != StatusCode::UNAUTHORIZED && self.is_known(app) {
            self.authenticated();
        }
        Ok(answer)
    }

    /// Whether a registry has known it.
    fn is_known(&self, app: &App) -> bool {
        self.is_settled || !app.sessions.catalogs_of_key(&self.key).is_empty()
    }

    /// Keeps a key with its catalog. A registry answers 200 also to one that it
    /// does not know, so it is asked whose it is, once.
    async fn settle(&self, app: &App, registry: &RegistryUrl) {
        if !self.is_known(app) && self.me(app, registry).await.is_ok() {
            self.known(app).await;
        }
    }

    /// Whose the key is.
    async fn me(&self, app: &App, registry: &RegistryUrl) -> Result<Me, StackError> {
        app.stack.registry(registry, self.key.secret()).me().await
    }

    /// The registry knows the key, also for the next daemon.
    async fn known(&self, app: &App) {
        let session = app.sessions.session(&self.catalog);
        session.remember_key(self.key.secret());
        session.registry_trust().keep_notes().await;
    }

    /// Where secrets of the catalog go. Nobody has succeeded anywhere before the
    /// first key that the registry knows; from then on it is that one.
    async fn registry(&self, app: &App) -> Result<RegistryUrl, SessionError> {
        let session = app.sessions.session(&self.catalog);
        if let Some(registry) = session.registry_trust().known().await? {
            return Ok(registry);
        }
        let trusted = session.registry_trust().verify(None).await?;
        match self.me(app, trusted.registry()).await {
            Ok(_) => {
                session.registry_trust().still_trusted(&trusted).await?;
                session.registry_trust().trust(&trusted);
                self.known(app).await;
            }
            // Its own word for that is the answer.
            Err(StackError::Unauthorized { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(trusted.registry().clone())
    }

    /// Asks the registry whose key it is.
    async fn prove(&self, app: &App) -> Result<(), Problem> {
        let asked = async {
            let registry = self.registry(app).await?;
            Ok::<_, SessionError>(self.me(app, &registry).await.map(drop)?)
        };
        match asked.await {
            Ok(()) => {
                self.authenticated();
                self.known(app).await;
                Ok(())
            }
            Err(SessionError::Stack(StackError::Unauthorized { .. })) => {
                let detail = "the registry does not know the API key";
                Err(Problem::new(401, ErrorCode::InvalidApiKey, detail))
            }
            Err(error) => Err(ApiError::from(error).problem()),
        }
    }

    fn authenticated(&self) {
        if let Some(slot) = &self.slot {
            slot.authenticated(&self.key.fingerprint());
        }
    }

    fn note(&self, loopback: &LoopbackState, outcome: &str, by: Option<&Program>, request: &str) {
        let request = format!("{request} with API key {}", self.key.fingerprint());
        let event = Event {
            request: Some(&request),
            ..Event::of(Action::REGISTRY, outcome, Some(&self.catalog))
        };
        loopback.app.audit.record(&audit::by_program(event, by));
    }
}
