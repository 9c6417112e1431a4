//! The cache: one refresher a catalog and profile.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use quilt_proto::wire::CredentialStatus;
use quilt_proto::{CatalogUrl, ProfileName};
use tokio_util::task::TaskTracker;

use super::role_source::RoleSource;
use super::source::ProfileSource;
use super::stack_source::StackSource;
use super::{AwsCredentials, CredentialError};
use crate::aws::Aws;
use crate::clock::SharedClock;
use crate::metrics::RefreshMeter;
use crate::refresh::{Policy, RefreshError, Refresher};
use crate::session::{Identity, Session};
use crate::settings::{Profile, SettingsFile};
use crate::stack::StackClient;

/// Somebody may log in and out while we ask; after this many times we give up.
const TRIES: usize = 3;

type Key = (CatalogUrl, ProfileName);
type Entries = BTreeMap<Key, Arc<Entry>>;

/// What the vault is made of.
pub struct Parts {
    /// The stack.
    pub stack: Arc<StackClient>,
    /// AWS.
    pub aws: Arc<Aws>,
    /// The profiles.
    pub settings: Arc<SettingsFile>,
    /// Time.
    pub clock: SharedClock,
    /// Fetches a stopping daemon waits for.
    pub tasks: TaskTracker,
    /// Counts fetches.
    pub meter: RefreshMeter,
}

/// Holds and refreshes AWS credentials.
pub struct Vault {
    parts: Parts,
    entries: Mutex<Entries>,
}

/// The credentials of one profile.
pub(super) struct Entry {
    name: ProfileName,
    profile: Arc<Profile>,
    refresher: Refresher<ProfileSource>,
    /// For whom the refresher works; when the session is somebody else it
    /// starts afresh.
    identity: Mutex<Identity>,
}

impl Vault {
    /// Holds nothing yet.
    pub fn new(parts: Parts) -> Self {
        Self {
            parts,
            entries: Mutex::default(),
        }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a profile's name stands for now.
    pub fn profile(&self, name: &ProfileName) -> Result<Arc<Profile>, CredentialError> {
        let settings = &self.parts.settings;
        settings.current().profile(name).ok_or_else(|| {
            let problem = settings.problem();
            let name = name.clone();
            CredentialError::UnknownProfile { name, problem }
        })
    }

    /// Credentials of a profile for whoever the session is now, by the
    /// freshness promise of [`Policy::AWS_CREDENTIALS`].
    pub async fn credentials(
        &self,
        session: &Arc<Session>,
        profile: &ProfileName,
        patience: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let entry = self.entry(session, profile)?;
        entry.credentials(session, patience).await
    }

    /// Credentials other than those AWS no longer accepts although they look
    /// valid. Fetches unless somebody already did.
    pub async fn replace(
        &self,
        session: &Arc<Session>,
        profile: &ProfileName,
        refused: impl Fn(&AwsCredentials) -> bool + Send,
        patience: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let entry = self.entry(session, profile)?;
        entry.follow(session.identity());
        let replaced = entry.refresher.replace(refused, patience).await;
        replaced.map_err(|error| CredentialError::from_refresh(error, session.catalog()))
    }

    /// What is held for a profile; a new entry where there is a session to
    /// fill it.
    fn entry(
        &self,
        session: &Arc<Session>,
        name: &ProfileName,
    ) -> Result<Arc<Entry>, CredentialError> {
        let profile = self.profile(name)?;
        let mut entries = self.entries();
        if let Some(entry) = current(&entries, session, name, &profile) {
            return Ok(entry);
        }
        session.check()?;
        let source = if profile.roles.is_empty() {
            ProfileSource::Stack(self.stack_source(session))
        } else {
            ProfileSource::Roles(RoleSource {
                name: name.clone(),
                profile: Arc::clone(&profile),
                session: Arc::clone(session),
                stack: self.stack_entry(&mut entries, session)?,
                aws: Arc::clone(&self.parts.aws),
                clock: Arc::clone(&self.parts.clock),
            })
        };
        Ok(self.put(&mut entries, session, name, profile, source))
    }

    /// The stack's own credentials, which every chain of roles starts from.
    fn stack_entry(
        &self,
        entries: &mut Entries,
        session: &Arc<Session>,
    ) -> Result<Arc<Entry>, CredentialError> {
        let name = ProfileName::default_profile();
        let profile = self.profile(&name)?;
        if let Some(entry) = current(entries, session, &name, &profile) {
            return Ok(entry);
        }
        let source = ProfileSource::Stack(self.stack_source(session));
        Ok(self.put(entries, session, &name, profile, source))
    }

    fn stack_source(&self, session: &Arc<Session>) -> StackSource {
        StackSource {
            session: Arc::clone(session),
            stack: Arc::clone(&self.parts.stack),
            clock: Arc::clone(&self.parts.clock),
        }
    }

    fn put(
        &self,
        entries: &mut Entries,
        session: &Arc<Session>,
        name: &ProfileName,
        profile: Arc<Profile>,
        source: ProfileSource,
    ) -> Arc<Entry> {
        let policy = profile
            .min_ttl
            .map_or(Policy::AWS_CREDENTIALS, |min_left| Policy { min_left });
        let (clock, tasks) = (Arc::clone(&self.parts.clock), self.parts.tasks.clone());
        let meter = self.parts.meter.clone();
        let entry = Arc::new(Entry {
            name: name.clone(),
            profile,
            refresher: Refresher::new(source, policy, clock, tasks, meter),
            identity: Mutex::new(session.identity()),
        });
        let key = (session.catalog().clone(), name.clone());
        entries.insert(key, Arc::clone(&entry));
        entry
    }

    /// Drops every credential of a catalog, at once.
    pub fn flush(&self, catalog: &CatalogUrl) {
        self.entries().retain(|(held, _), entry| {
            let keep = held != catalog;
            if !keep {
                entry.refresher.reset();
            }
            keep
        });
    }

    /// Drops what profiles gave that are gone or mean something else now.
    pub fn follow_settings(&self) {
        let settings = self.parts.settings.current();
        self.entries().retain(|(_, name), entry| {
            let profile = settings.profile(name);
            profile.is_some_and(|profile| profile == entry.profile)
        });
    }

    /// What is held for a catalog, without the secrets.
    pub fn status(&self, catalog: &CatalogUrl) -> Vec<CredentialStatus> {
        self.follow_settings();
        self.entries()
            .iter()
            .filter(|((of, _), _)| of == catalog)
            .map(|(_, entry)| entry.status())
            .collect()
    }
}

/// The entry of a profile, unless it was made for another meaning of its name.
fn current(
    entries: &Entries,
    session: &Session,
    name: &ProfileName,
    profile: &Arc<Profile>,
) -> Option<Arc<Entry>> {
    let entry = entries.get(&(session.catalog().clone(), name.clone()))?;
    (entry.profile == *profile).then(|| Arc::clone(entry))
}

impl Entry {
    fn follow(&self, identity: Identity) {
        let mut current = self.identity.lock().unwrap_or_else(PoisonError::into_inner);
        if *current != identity {
            *current = identity;
            self.refresher.reset();
        }
    }

    pub(super) async fn credentials(
        &self,
        session: &Session,
        patience: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let deadline = Instant::now() + patience;
        for _ in 0..TRIES {
            self.follow(session.identity());
            let left = deadline.saturating_duration_since(Instant::now());
            match self.refresher.value(left).await {
                Ok(credentials) if credentials.identity != session.identity() => {}
                outcome => return outcome.map_err(|error| self.explain(error, session)),
            }
        }
        Err(CredentialError::Slow(session.catalog().clone()))
    }

    /// Credentials other than those AWS no longer accepts although they look
    /// valid. Fetches unless somebody already did.
    pub(super) async fn other(
        &self,
        session: &Session,
        refused: &AwsCredentials,
        patience: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let is_refused = |held: &AwsCredentials| held.access_key_id == refused.access_key_id;
        let other = self.refresher.replace(is_refused, patience).await;
        other.map_err(|error| self.explain(error, session))
    }

    fn explain(&self, error: RefreshError<CredentialError>, session: &Session) -> CredentialError {
        match error {
            RefreshError::Slow if !self.profile.roles.is_empty() => {
                CredentialError::SlowAws(self.name.clone())
            }
            error => CredentialError::from_refresh(error, session.catalog()),
        }
    }

    fn status(&self) -> CredentialStatus {
        let snapshot = self.refresher.snapshot();
        CredentialStatus {
            profile: self.name.clone(),
            expires_at: snapshot.value.map(|credentials| credentials.expires_at),
            next_refresh_at: snapshot.refresh_at,
            last_error: snapshot.last_error.map(|error| error.to_string()),
        }
    }
}
