//! `quiltd.toml`: what the user sets for the daemon.
//!
//! Parsed strictly: an unknown key is an error that names its line and the
//! nearest valid name, because a misspelt `external_id` must not be a role
//! that is silently never assumed. Taken up when it changes, without a restart;
//! a broken file changes nothing but the status.

mod active_settings;
mod arn;
mod catalog;
mod copy_for_restart;
mod did_you_mean;
mod document;
mod error;
mod network;
mod notify;
mod profile;
pub mod role_session_name;
mod security;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use quilt_proto::{CatalogName, CatalogUrl, ProfileName, RegistryUrl};

pub use self::active_settings::{BrokenSettings, SettingsFile};
pub use self::arn::RoleArn;
pub use self::error::SettingsError;
pub use self::notify::Notify;
pub use self::profile::{LONGEST_CHAINED, Profile};

use self::document::Document;

/// Everything `quiltd.toml` can hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings {
    profiles: BTreeMap<ProfileName, Arc<Profile>>,
    catalogs: BTreeMap<String, CatalogUrl>,
    /// Files of API keys, by catalog.
    pub key_files: BTreeMap<CatalogUrl, PathBuf>,
    /// Signing in to the AWS console.
    pub console: Console,
    /// How the user is told what needs a person.
    pub notify: Notify,
    /// How the network is reached, where that is not as the environment says.
    pub network: quilt_network::Settings,
}

/// `[console]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Console {
    /// The federation endpoint, instead of AWS's own.
    pub endpoint: Option<RegistryUrl>,
    /// The page to open, instead of the console's first.
    pub destination: Option<String>,
}

impl Settings {
    /// Parses a file's text.
    pub fn parse(text: &str) -> Result<Self, SettingsError> {
        let document = Document::parse(text)?;
        let root = document.root();
        root.allow(&[
            "profiles", "catalogs", "console", "network", "notify", "security",
        ])?;
        let mut settings = Self::default();
        if let Some(catalogs) = root.get("catalogs") {
            for entry in catalogs.table()?.entries() {
                let name: CatalogName = entry.name()?;
                let url = catalog::url(&entry)?;
                if let Some(file) = catalog::api_key_file(&entry)? {
                    settings.key_files.insert(url.clone(), file);
                }
                settings.catalogs.insert(name.to_string(), url);
            }
        }
        if let Some(profiles) = root.get("profiles") {
            for entry in profiles.table()?.entries() {
                let name: ProfileName = entry.name()?;
                let profile = Profile::parse(&name, &entry.table()?, &settings.catalogs)?;
                settings.profiles.insert(name, Arc::new(profile));
            }
        }
        if let Some(console) = root.get("console") {
            let table = console.table()?;
            table.allow(&["endpoint", "destination"])?;
            settings.console = Console {
                endpoint: table.parsed("endpoint")?,
                destination: table.string("destination")?.map(str::to_owned),
            };
        }
        if let Some(network) = root.get(quilt_network::Settings::TABLE) {
            settings.network = network::parse(&network.table()?)?;
        }
        if let Some(notify) = root.get("notify") {
            settings.notify = notify::parse(&notify.table()?)?;
        }
        if let Some(security) = root.get("security") {
            security::check(text, &security.table()?)?;
        }
        Ok(settings)
    }

    /// A profile. `default` always exists.
    pub fn profile(&self, name: &ProfileName) -> Option<Arc<Profile>> {
        let set = self.profiles.get(name).cloned();
        set.or_else(|| name.is_default().then(Arc::default))
    }

    /// Whether somebody would ask for a profile with this catalog: one that names
    /// no catalog is used with the `default` one.
    pub fn is_used_with(
        &self,
        name: &ProfileName,
        catalog: &CatalogUrl,
        default: Option<&CatalogUrl>,
    ) -> bool {
        let profile = self.profile(name);
        let named = profile
            .as_ref()
            .and_then(|profile| profile.catalog.as_ref());
        name.is_default() || named.or(default) == Some(catalog)
    }

    /// Every profile by name, `default` first.
    pub fn profiles(&self) -> Vec<(ProfileName, Arc<Profile>)> {
        let default = ProfileName::default_profile();
        let first = self.profile(&default).unwrap_or_default();
        let others = self.profiles.iter().filter(|(name, _)| !name.is_default());
        std::iter::once((default, first))
            .chain(others.map(|(name, profile)| (name.clone(), Arc::clone(profile))))
            .collect()
    }

    /// The catalog of this name.
    pub fn catalog(&self, name: &str) -> Option<&CatalogUrl> {
        self.catalogs.get(name)
    }

    /// The name of a catalog, the first where it has several.
    pub fn alias(&self, catalog: &CatalogUrl) -> Option<&str> {
        let named = self.catalogs.iter().find(|(_, url)| *url == catalog);
        named.map(|(name, _)| name.as_str())
    }

    /// Every catalog that has a name, by name.
    pub fn catalogs(&self) -> impl Iterator<Item = (&str, &CatalogUrl)> {
        self.catalogs.iter().map(|(name, url)| (name.as_str(), url))
    }

    /// What is legal but will not be as written, one line each.
    pub fn warnings(&self) -> Vec<String> {
        self.profiles
            .iter()
            .filter_map(|(name, profile)| profile.warning(name))
            .collect()
    }
}
