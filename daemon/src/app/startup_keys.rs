//! API keys at the daemon's start and end: those it is started with, those of
//! the daemon before, and those that the next one gets.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::RegistryUrl;
use quilt_proto::api::Action;
use quilt_proto::wire::{AuditEntry, KeyOffer};

use super::App;
use crate::audit::Event;
use crate::catalog_resolver::{self, CatalogError};
use crate::doctor::KeyNotTaken;
use crate::handover::{self, HandoverError, HandoverKey, Offer};
use crate::keys::unchecked_key;
use crate::keys::{StartupKey, StartupKeys};
use crate::own_program::Program;

/// How often keys are withdrawn once more, and after how long.
const LOOKS: usize = 40;
const LOOK: Duration = Duration::from_millis(50);

impl App {
    /// Uses a key the daemon was started with, for `catalog`, else for the one
    /// that it is of. Needs the runtime.
    pub fn take_key(&self, catalog: Option<&str>, key: &StartupKey) -> Result<(), CatalogError> {
        let session = self.session_of_key(catalog, &key.secret, None)?;
        unchecked_key::set(&self.keys, &session, &key.secret, None);
        tracing::info!(catalog = %session.catalog(), "API key taken that quiltd was started with");
        if let Some(origin) = &key.origin {
            session.api_key().set_origin(origin.clone());
        }
        Ok(())
    }

    /// Uses the keys that settings and service manager have for catalogs. Needs
    /// the runtime.
    pub fn take_startup_keys(&self) {
        let settings = self.settings.current();
        let typed = |name: &str| Ok(catalog_resolver::typed(name, &settings)?);
        let keys = StartupKeys::read(settings.key_files.clone(), typed);
        for (catalog, key, origin) in keys.found {
            let session = self.sessions.session(&catalog);
            unchecked_key::set(&self.keys, &session, &key, None);
            tracing::info!(%catalog, from = %origin, "API key taken");
            session.api_key().set_origin(origin);
        }
        for (source, error) in &keys.failed {
            let why = source.complain(error);
            tracing::warn!("{why}");
            if let Some(catalog) = source.catalog() {
                let remedy = source.remedy(error, &self.settings_path());
                self.sessions.session(catalog).set_unread_key(why, remedy);
            }
        }
        let failed = keys.failed.into_iter();
        let failed = failed.map(|(source, error)| (source, Arc::new(error)));
        let _ = self.not_taken.set(failed.collect());
    }

    /// Keys that could not be taken at the start, unless others took their
    /// place.
    pub(super) fn keys_not_taken(&self) -> Vec<KeyNotTaken> {
        let all = self.not_taken.get().into_iter().flatten();
        let has_key = |catalog| self.sessions.session(catalog).api_key().is_set();
        let missed = all.filter(|(source, _)| !source.catalog().is_some_and(has_key));
        missed.cloned().collect()
    }

    /// Uses the keys of the daemon before, over those this one was started
    /// with: they were set later. Which program that daemon runs cannot be seen:
    /// what it gives is noted, and moves no catalog to another registry. Needs
    /// the runtime.
    pub async fn take_over(&self, keys: Vec<HandoverKey>, giver: u32) {
        for key in keys {
            let session = self.sessions.session(&key.catalog);
            let Ok(secret) = key.secret.copy().expose().parse() else {
                continue;
            };
            let known = session.registry_trust().known().await.ok().flatten();
            let is_as_before = |registry: &&RegistryUrl| {
                let known = known.as_ref();
                known.is_none_or(|known| known.is_same_server(registry))
            };
            let registry = key.registry.as_ref().filter(is_as_before);
            unchecked_key::set(&self.keys, &session, &secret, registry);
            self.audit.record(&Event {
                request: Some("from the daemon before"),
                pid: Some(giver),
                ..Event::of(Action::API_KEY_SET, AuditEntry::OK, Some(&key.catalog))
            });
            tracing::info!(catalog = %key.catalog, "API key taken over from the daemon before");
        }
    }

    /// Has nobody get keys that are on their way from one daemon to another: who has
    /// them sees that, and ends.
    pub fn withdraw_keys(&self) {
        // Mostly there are none.
        let _ = std::fs::remove_file(handover::socket(&self.state_dir));
    }

    /// The same for as long as who fetches them this moment may take to offer them in
    /// the next.
    pub fn withdraw_offered_keys(self: &Arc<Self>) {
        self.withdraw_keys();
        if self.keys.turns.is_offered() {
            let app = Arc::clone(self);
            tokio::spawn(async move {
                for _ in 0..LOOKS {
                    tokio::time::sleep(LOOK).await;
                    app.withdraw_keys();
                }
            });
        }
    }

    /// Waits for changes of keys that are under way, and has others wait while keys are
    /// offered.
    pub async fn settle_keys(&self) {
        self.keys.turns.offer_for(handover::OFFER).await;
    }

    /// Offers the keys that would be lost with this daemon to the one that
    /// follows.
    pub fn offer_keys(&self) -> Result<KeyOffer, HandoverError> {
        let keys: Vec<_> = self
            .sessions
            .all()
            .iter()
            .filter_map(|session| {
                let (secret, registry) = session.api_key().to_hand_over()?;
                let catalog = session.catalog().clone();
                Some(HandoverKey::new(catalog, registry, &secret))
            })
            .collect();
        let comes_again = self.is_started_again();
        if keys.is_empty() {
            self.keys.turns.end_offer();
            return Ok(KeyOffer {
                comes_again,
                ..KeyOffer::default()
            });
        }
        let program = self.program.as_ref().map(Program::path);
        let path = handover::socket(&self.state_dir);
        // Else there is no word for it in the answer.
        let Some(socket) = path.to_str().map(str::to_owned) else {
            let what = "the path of the state directory is no text".to_owned();
            return Err(HandoverError::Unfit(what));
        };
        let catalogs = keys.iter().map(|key| key.catalog.clone()).collect();
        let offer = Offer::make(&path, keys, program)?;
        // Nobody waits for it: a daemon that ends takes it along.
        std::thread::spawn(move || match offer.serve(handover::OFFER) {
            Ok(()) => tracing::info!("API keys handed over to the daemon that follows"),
            Err(error) => tracing::warn!("API keys were not handed over: {error}"),
        });
        Ok(KeyOffer {
            catalogs,
            comes_again,
            socket: Some(socket),
            program: program.and_then(|path| path.to_str()).map(str::to_owned),
        })
    }

    /// Whether a service manager runs the daemon that is not asked through a
    /// socket to start it (systemd.exec(5), "Environment Variables Set").
    fn is_started_again(&self) -> bool {
        let executed = std::env::var("SYSTEMD_EXEC_PID").ok();
        executed.and_then(|pid| pid.parse().ok()) == Some(std::process::id())
            && !self.is_socket_activated
    }
}
