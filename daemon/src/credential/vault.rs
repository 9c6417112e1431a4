//! The cache: one refresher a catalog and profile.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::RwLock;
use quilt_proto::wire::CredentialStatus;
use quilt_proto::{CatalogUrl, Command, ProfileName};
use tokio::sync::watch;
use tokio_util::task::TaskTracker;

use super::cache_entry::CacheEntry;
use super::profile_source::Issuer;
use super::{AwsCredentials, CredentialError};
use crate::aws::Aws;
use crate::catalog_resolver;
use crate::changes::Changes;
use crate::clock::SharedClock;
use crate::metrics::RefreshMeter;
use crate::quilt3::ConfigFile;
use crate::refresh::{Policy, RefreshContext, Refresher};
use crate::session::{Session, Sessions};
use crate::settings::{Profile, Settings, SettingsFile};
use crate::stack::StackClient;

/// By catalog and profile.
type Entries = BTreeMap<CatalogUrl, BTreeMap<ProfileName, Arc<CacheEntry>>>;

/// Whether something that lives on its own, a grant, counts as asking for a
/// profile's credentials.
pub type InUse = dyn Fn(&CatalogUrl, &ProfileName) -> bool + Send + Sync;

/// What the vault is made of.
pub struct Dependencies {
    /// Who the user is.
    pub sessions: Arc<Sessions>,
    /// Names the catalog where nobody does.
    pub config: ConfigFile,
    /// The stack.
    pub stack: Arc<StackClient>,
    /// AWS.
    pub aws: Arc<Aws>,
    /// The profiles.
    pub settings: Arc<SettingsFile>,
    /// Which credentials are kept although nobody asks.
    pub in_use: Arc<InUse>,
    /// Time.
    pub clock: SharedClock,
    /// Counts fetches.
    pub meter: RefreshMeter,
    /// Told when what is held changes.
    pub changes: Changes,
}

/// A profile as it was when a request for its credentials came.
pub struct ResolvedProfile {
    pub(super) name: ProfileName,
    pub(super) profile: Arc<Profile>,
    /// Where the credentials come from.
    pub session: Arc<Session>,
}

/// Holds and refreshes AWS credentials.
pub struct Vault {
    pub(super) dependencies: Dependencies,
    entries: RwLock<Entries>,
    me: Weak<Self>,
    refreshing: Arc<RefreshContext>,
}

impl Vault {
    /// Holds nothing yet. Must be called inside a tokio runtime.
    pub fn new(dependencies: Dependencies) -> Arc<Self> {
        let identities = dependencies.sessions.identities();
        let refreshing = Arc::new(RefreshContext {
            clock: Arc::clone(&dependencies.clock),
            // A stopping daemon waits for no fetch: nothing is lost with them.
            tasks: TaskTracker::new(),
            meter: dependencies.meter.clone(),
            changes: dependencies.changes.clone(),
        });
        let vault = Arc::new_cyclic(|me| Self {
            dependencies,
            entries: RwLock::default(),
            me: Weak::clone(me),
            refreshing,
        });
        tokio::spawn(follow_identities(Arc::downgrade(&vault), identities));
        vault
    }

    /// What a profile's name stands for now.
    pub fn profile(&self, name: &ProfileName) -> Result<Arc<Profile>, CredentialError> {
        self.profile_in(&self.dependencies.settings.current(), name)
    }

    fn profile_in(
        &self,
        settings: &Settings,
        name: &ProfileName,
    ) -> Result<Arc<Profile>, CredentialError> {
        settings.profile(name).ok_or_else(|| {
            let known = settings.profiles().into_iter();
            let file = &self.dependencies.settings;
            let problem = file.problem();
            CredentialError::UnknownProfile {
                name: name.clone(),
                known: known.map(|(name, _)| name).collect(),
                remedy: if problem.is_some() {
                    file.remedy().unwrap_or_else(|| Command::edit(file.path()))
                } else {
                    "quiltctl profiles".into()
                },
                problem,
            }
        })
    }

    /// What a request for a profile's credentials is about. They are of the
    /// catalog the profile names, else the one asked for, else the one that is
    /// meant.
    pub fn resolve(
        &self,
        name: ProfileName,
        asked: Option<&str>,
    ) -> Result<ResolvedProfile, CredentialError> {
        let (file, config) = (&self.dependencies.settings, &self.dependencies.config);
        let settings = file.current();
        let sessions = &self.dependencies.sessions;
        let profile = self.profile_in(&settings, &name)?;
        let session = if let Some(catalog) = &profile.catalog {
            sessions.session(catalog)
        } else {
            let catalog =
                catalog_resolver::resolve(asked, file, config, || sessions.only_usable())?;
            sessions.session(&catalog)
        };
        Ok(ResolvedProfile {
            name,
            profile,
            session,
        })
    }

    /// Credentials of a profile for whoever has a right to those of this
    /// session. A profile that is another catalog's by now gives none.
    pub async fn credentials(
        &self,
        session: &Arc<Session>,
        profile: &ProfileName,
        timeout: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let entry = self.entry(session, profile)?;
        entry.credentials(timeout).await
    }

    /// The same for what [`Self::resolve`] found.
    pub async fn credentials_of(
        &self,
        of: ResolvedProfile,
        timeout: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        self.entry_of(of)?.credentials(timeout).await
    }

    /// Credentials other than those AWS no longer accepts although they look
    /// valid. Fetches unless somebody already did.
    pub async fn replace(
        &self,
        session: &Arc<Session>,
        profile: &ProfileName,
        refused: impl Fn(&AwsCredentials) -> bool + Send + Sync,
        timeout: Duration,
    ) -> Result<AwsCredentials, CredentialError> {
        let entry = self.entry(session, profile)?;
        entry.follow();
        let replaced = entry.refresher.replace(refused, timeout).await;
        replaced.map_err(|error| CredentialError::from_refresh(error, session.catalog()))
    }

    /// What is held for a profile; a new entry where there is a session to
    /// fill it.
    pub(super) fn entry(
        &self,
        session: &Arc<Session>,
        name: &ProfileName,
    ) -> Result<Arc<CacheEntry>, CredentialError> {
        self.entry_of(ResolvedProfile {
            name: name.clone(),
            profile: self.profile(name)?,
            session: Arc::clone(session),
        })
    }

    fn entry_of(&self, of: ResolvedProfile) -> Result<Arc<CacheEntry>, CredentialError> {
        let others = of.profile.catalog.as_ref();
        if let Some(other) = others.filter(|other| *other != of.session.catalog())
            && !of.name.is_default()
        {
            return Err(CredentialError::OtherCatalog {
                profile: of.name.clone(),
                catalog: other.clone(),
                asked: of.session.catalog().clone(),
            });
        }
        if let Some(entry) = current(&self.entries.read(), &of) {
            return Ok(entry);
        }
        let mut entries = self.entries.write();
        // Somebody may have been first.
        if let Some(entry) = current(&entries, &of) {
            return Ok(entry);
        }
        of.session.check()?;
        Ok(self.put(&mut entries, of))
    }

    fn put(&self, entries: &mut Entries, of: ResolvedProfile) -> Arc<CacheEntry> {
        let policy = Policy::AWS_CREDENTIALS;
        let min_ttl = of.profile.min_ttl;
        let policy = min_ttl.map_or(policy, |min_left| policy.with_min_left(min_left));
        let of_catalog = entries.entry(of.session.catalog().clone()).or_default();
        let (name, vault) = (of.name.clone(), Weak::clone(&self.me));
        let refresher = Refresher::new(Issuer { of, vault }, policy, Arc::clone(&self.refreshing));
        let entry = Arc::new(CacheEntry::new(refresher));
        of_catalog.insert(name, Arc::clone(&entry));
        entry
    }

    /// Drops what was obtained for somebody else; what failed for whoever is
    /// there now may work by now.
    fn follow_identities(&self) {
        retain(&mut self.entries.write(), |entry| {
            let keep = entry.is_current();
            if keep {
                entry.refresher.nudge();
            } else {
                entry.refresher.reset();
            }
            keep
        });
        self.dependencies.changes.announce();
    }

    /// Drops what profiles gave that are gone or mean something else now.
    pub fn follow_settings(&self) {
        let settings = self.dependencies.settings.current();
        retain(&mut self.entries.write(), |entry| {
            let profile = settings.profile(&entry.of().name);
            profile.is_some_and(|profile| profile == entry.of().profile)
        });
    }

    /// What is held for a catalog, without the secrets.
    pub fn status(&self, catalog: &CatalogUrl) -> Vec<CredentialStatus> {
        self.follow_settings();
        self.entries
            .read()
            .get(catalog)
            .into_iter()
            .flat_map(BTreeMap::values)
            .filter(|entry| entry.is_current())
            .map(|entry| entry.status())
            .collect()
    }
}

/// For as long as there is a vault.
async fn follow_identities(vault: Weak<Vault>, mut identities: watch::Receiver<u64>) {
    while identities.changed().await.is_ok() {
        let Some(vault) = vault.upgrade() else {
            return;
        };
        vault.follow_identities();
    }
}

fn retain(entries: &mut Entries, mut keep: impl FnMut(&CacheEntry) -> bool) {
    entries.retain(|_, of_catalog| {
        of_catalog.retain(|_, entry| keep(entry));
        !of_catalog.is_empty()
    });
}

/// The entry of a profile, unless it was made for another meaning of its name.
fn current(entries: &Entries, of: &ResolvedProfile) -> Option<Arc<CacheEntry>> {
    let entry = entries.get(of.session.catalog())?.get(&of.name)?;
    (entry.of().profile == of.profile).then(|| Arc::clone(entry))
}
