//! `config.yml`, read and written as the Python SDK does it, but by rename.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use quilt_proto::wire::ConfigValues;
use quilt_proto::{CatalogUrl, RegistryUrl, python_sdk, quoted};
use quilt_trust::Role;
use serde_json::{Map, Value, json};

use super::{config_backup, config_keys};
use crate::files::{self, Cached, FileError, wrap_file_error};

/// Largest file read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The mode of a new file: it holds no secrets, but only its owner needs it.
const MODE: u32 = files::PRIVATE;

/// Why the configuration could not be read or changed.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ConfigError {
    /// A file could not be read or changed.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file is not what the SDK writes.
    #[error("{} is not a configuration file: {reason}", quoted::path(path))]
    Broken {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// A key the SDK does not have.
    #[error(
        "there is no configuration key {}; there are: {known}",
        quoted::name(key)
    )]
    UnknownKey {
        /// The key.
        key: String,
        /// All there are.
        known: String,
    },
    /// A value its key does not take.
    #[error("{key}: {reason}")]
    BadValue {
        /// The key.
        key: String,
        /// Why.
        reason: String,
    },
}

wrap_file_error!(ConfigError);

/// The file. Every read looks at the disk: the SDK writes it too. What has not
/// changed is not read twice.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    dir: PathBuf,
    known: Arc<Cached<Parsed>>,
    turn: Arc<Mutex<()>>,
}

/// The turn of who reads the file, changes it and writes it.
#[must_use]
pub(super) struct Turn<'a> {
    _guard: MutexGuard<'a, ()>,
}

/// What is in the file.
#[derive(Debug, Default)]
struct Parsed {
    stored: Map<String, Value>,
    /// The catalog it names, or why that is none.
    catalog: Option<Result<CatalogUrl, ConfigError>>,
}

impl ConfigFile {
    /// The file in the SDK's directory, which need not exist yet.
    pub fn new(dir: PathBuf) -> Self {
        let known = Arc::new(Cached::new(dir.join(python_sdk::CONFIG_FILE)));
        let turn = Arc::default();
        Self { dir, known, turn }
    }

    /// Until its end nobody else in this daemon changes the file. Programs of the
    /// SDK take no turns, nor does a daemon with another state directory.
    pub(super) fn turn(&self) -> Turn<'_> {
        // For as long as a small file takes to write.
        let guard = self.turn.lock();
        Turn { _guard: guard }
    }

    /// Where it is, or would be.
    pub fn path(&self) -> PathBuf {
        self.dir.join(python_sdk::CONFIG_FILE)
    }

    fn io(&self, action: &'static str, error: &io::Error) -> ConfigError {
        ConfigError::io(action, self.path(), error)
    }

    /// The effective configuration: the SDK's defaults under what is in the file.
    pub fn read(&self) -> Result<ConfigValues, ConfigError> {
        Ok(self.effective(self.known()?.stored.clone()))
    }

    fn effective(&self, stored: Map<String, Value>) -> ConfigValues {
        let mut values = config_keys::defaults(&self.dir);
        values.extend(stored);
        values
    }

    /// The file's text; nothing where there is none.
    pub(super) fn text(&self) -> Result<Option<String>, ConfigError> {
        match files::read(&self.path(), Role::Shared, MAX_BYTES) {
            Ok(text) => Ok(text.map(|mut text| std::mem::take(&mut *text))),
            Err(error) if quilt_trust::behind(&error).is_some() => Err(self.io("read", &error)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                let reason = "it is not a text file of at most 1 MiB".to_owned();
                Err(ConfigError::Broken {
                    path: self.path(),
                    reason,
                })
            }
            Err(error) => Err(self.io("read", &error)),
        }
    }

    /// Puts a text back that was read before; nothing removes the file.
    pub(super) fn put_back(&self, text: Option<&str>) -> Result<(), ConfigError> {
        match text {
            Some(text) => files::replace(&self.path(), text.as_bytes(), MODE),
            None => files::remove(&self.path()),
        }
        .map_err(|error| self.io("restore", &error))
    }

    /// What is in the file; nothing where there is none.
    fn known(&self) -> Result<Arc<Parsed>, ConfigError> {
        self.known.get(|| {
            let stored = self.parse(self.text()?.as_deref())?;
            let catalog = text_of(&stored, python_sdk::NAVIGATOR_URL);
            let catalog = catalog.filter(|text| !text.trim().is_empty());
            let catalog = catalog.map(|text| self.parse_catalog(text));
            Ok(Parsed { stored, catalog })
        })
    }

    fn parse_catalog(&self, text: &str) -> Result<CatalogUrl, ConfigError> {
        text.parse()
            .map_err(|error: quilt_proto::UrlError| ConfigError::BadValue {
                key: format!("navigator_url in {}", quoted::path(&self.path())),
                reason: error.to_string(),
            })
    }

    fn parse(&self, text: Option<&str>) -> Result<Map<String, Value>, ConfigError> {
        let Some(text) = text else {
            return Ok(Map::new());
        };
        let broken = |reason: &str| ConfigError::Broken {
            path: self.path(),
            reason: reason.into(),
        };
        // A few lines of aliases of aliases mean millions of values.
        let options = serde_saphyr::options! {
            alias_limits: serde_saphyr::alias_limits! { max_total_replayed_events: 10_000 },
        };
        let read: Value = serde_saphyr::from_str_with_options(text, options)
            .map_err(|_| broken("it is not valid YAML"))?;
        match read {
            Value::Null => Ok(Map::new()),
            Value::Object(read) => Ok(read),
            _ => Err(broken("it is not a list of keys and values")),
        }
    }

    fn render(&self, values: &ConfigValues) -> Result<String, ConfigError> {
        serde_saphyr::to_string(values).map_err(|_| ConfigError::Broken {
            path: self.path(),
            reason: "a value cannot be written as YAML".to_owned(),
        })
    }

    /// The catalog it names.
    pub fn catalog(&self) -> Result<Option<CatalogUrl>, ConfigError> {
        self.known()?.catalog.clone().transpose()
    }

    /// The registry it names, whatever it is.
    pub(super) fn registry(&self) -> Result<Option<String>, ConfigError> {
        let known = self.known()?;
        Ok(text_of(&known.stored, python_sdk::REGISTRY_URL).map(str::to_owned))
    }

    /// By what this version of the file is told from another.
    pub(super) fn stamp(&self) -> Option<files::Stamp> {
        self.known.stamp()
    }

    /// Whether a text says the same as the file, the registry aside.
    pub(super) fn differs_in_registry_only(&self, text: &str) -> Result<bool, ConfigError> {
        let effective = |text: Option<&str>| {
            let mut values = self.effective(self.parse(text)?);
            values.insert(python_sdk::REGISTRY_URL.to_owned(), Value::Null);
            Ok::<_, ConfigError>(values)
        };
        Ok(effective(Some(text))? == effective(self.text()?.as_deref())?)
    }

    /// The file's text as it would be with this registry in it.
    pub(super) fn with_registry(&self, registry: &RegistryUrl) -> Result<String, ConfigError> {
        let mut values = self.read()?;
        values.insert(python_sdk::REGISTRY_URL.to_owned(), json!(registry));
        self.render(&values)
    }

    /// The file's text with the registry `to` in it, where it is this catalog's
    /// and names `from`; nothing where it is not. Looks at the file once: who has
    /// just written it reads it next.
    pub(super) fn led_back(
        &self,
        catalog: &CatalogUrl,
        from: &RegistryUrl,
        to: &RegistryUrl,
    ) -> Result<Option<String>, ConfigError> {
        let known = self.known()?;
        let registry = text_of(&known.stored, python_sdk::REGISTRY_URL);
        let registry = registry.and_then(|url| url.parse::<RegistryUrl>().ok());
        if registry.as_ref() != Some(from)
            || known.catalog.clone().transpose()?.as_ref() != Some(catalog)
        {
            return Ok(None);
        }
        let mut values = self.effective(known.stored.clone());
        values.insert(python_sdk::REGISTRY_URL.to_owned(), json!(to));
        self.render(&values).map(Some)
    }

    /// The layout of registries, where the file itself names one. The default
    /// does not count: it is what the SDK writes into a new file.
    pub fn registry_version(&self) -> Result<Option<u64>, ConfigError> {
        let known = self.known()?;
        Ok(
            match known.stored.get(python_sdk::DEFAULT_REGISTRY_VERSION) {
                Some(Value::Number(number)) => number.as_u64(),
                Some(Value::String(text)) => text.trim().parse().ok(),
                _ => None,
            },
        )
    }

    /// The file's text as it would be for a catalog and with this registry in
    /// it; and whether that takes another catalog's values over.
    pub(super) fn redirected(
        &self,
        catalog: &CatalogUrl,
        published: &Map<String, Value>,
        registry: &RegistryUrl,
    ) -> Result<(String, bool), ConfigError> {
        let is_replaced = self.catalog()?.as_ref() != Some(catalog);
        let mut values = if is_replaced {
            self.adopted(catalog, published)
        } else {
            self.read()?
        };
        values.insert(python_sdk::REGISTRY_URL.to_owned(), json!(registry));
        Ok((self.render(&values)?, is_replaced))
    }

    /// Takes a catalog's values over where no catalog is named yet, keeping what
    /// the user has set. Answers whether it did.
    pub fn adopt(
        &self,
        catalog: &CatalogUrl,
        published: &Map<String, Value>,
    ) -> Result<bool, ConfigError> {
        let _turn = self.turn();
        if self.catalog()?.is_some() {
            return Ok(false);
        }
        let set = self.known()?.stored.clone();
        let mut values = overlaid(self.read()?, catalog, published);
        let defaults = config_keys::defaults(&self.dir);
        // Which registry a catalog has is not for anybody else to say.
        let of_catalog = [python_sdk::NAVIGATOR_URL, python_sdk::REGISTRY_URL];
        let is_own = |key: &str, value: &Value| {
            !of_catalog.contains(&key) && defaults.get(key) != Some(value)
        };
        values.extend(set.into_iter().filter(|(key, value)| is_own(key, value)));
        self.write(&self.render(&values)?, true)?;
        Ok(true)
    }

    /// Replaces the file from a catalog's `config.json`, of which only the
    /// SDK's keys are taken; the old file is kept as a timestamped backup.
    pub fn replace(
        &self,
        catalog: &CatalogUrl,
        published: &Map<String, Value>,
    ) -> Result<ConfigValues, ConfigError> {
        let _turn = self.turn();
        let values = self.adopted(catalog, published);
        self.write(&self.render(&values)?, true)?;
        Ok(values)
    }

    /// The SDK's defaults with a catalog's values. Who wants to be told of to nobody
    /// is not, in whichever catalog: nothing else of the file is kept.
    fn adopted(&self, catalog: &CatalogUrl, published: &Map<String, Value>) -> ConfigValues {
        const KEPT: &str = python_sdk::TELEMETRY_DISABLED;
        let mut values = overlaid(config_keys::defaults(&self.dir), catalog, published);
        // A file that cannot be read is put aside as it is.
        let before = self.known().ok();
        if let Some(value) = before.and_then(|before| before.stored.get(KEPT).cloned()) {
            let value = config_keys::check(KEPT, &value).unwrap_or(json!(true));
            values.insert(KEPT.to_owned(), value);
        }
        values
    }

    /// Back to the SDK's defaults, with a backup.
    pub fn reset(&self) -> Result<ConfigValues, ConfigError> {
        let _turn = self.turn();
        let values = config_keys::defaults(&self.dir);
        self.write(&self.render(&values)?, true)?;
        Ok(values)
    }

    /// Sets some values and keeps the rest, unknown keys included.
    pub fn merge(&self, changes: &ConfigValues) -> Result<ConfigValues, ConfigError> {
        self.merge_in_turn(&self.turn(), changes)
    }

    /// The same for who has the turn.
    pub(super) fn merge_in_turn(
        &self,
        _turn: &Turn<'_>,
        changes: &ConfigValues,
    ) -> Result<ConfigValues, ConfigError> {
        let mut values = self.read()?;
        for (key, value) in changes {
            values.insert(key.clone(), config_keys::check(key, value)?);
        }
        self.write(&self.render(&values)?, false)?;
        Ok(values)
    }

    /// Writes it whole, where asked for with a backup of what was there.
    pub(super) fn write(&self, text: &str, keep_backup: bool) -> Result<(), ConfigError> {
        quilt_trust::make_dir(&self.dir)?;
        quilt_trust::check(&self.path())?;
        if keep_backup {
            match config_backup::keep(&self.path(), text) {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => return Err(self.io("keep a copy of", &error)),
            }
        }
        files::replace(&self.path(), text.as_bytes(), MODE)
            .map_err(|error| self.io("write", &error))
    }

    /// The same for who has just written it and reads it next: `quilt3` does
    /// before anything is synced.
    pub(super) fn write_at_once(&self, text: &str) -> Result<(), ConfigError> {
        quilt_trust::check(&self.path())?;
        files::replace_at_once(&self.path(), text.as_bytes(), MODE)
            .map_err(|error| self.io("write", &error))
    }
}

fn text_of<'a>(stored: &'a Map<String, Value>, key: &str) -> Option<&'a str> {
    stored.get(key)?.as_str()
}

/// The values with those a catalog publishes, as far as they are the SDK's.
/// Whatever it says it is called, it is the catalog that was asked for.
fn overlaid(
    mut values: ConfigValues,
    catalog: &CatalogUrl,
    published: &Map<String, Value>,
) -> ConfigValues {
    for (key, value) in published {
        // What is no value of its key is left out, as a key is that is none.
        if let Ok(value) = config_keys::check(key, value) {
            values.insert(key.clone(), value);
        }
    }
    values.insert(python_sdk::NAVIGATOR_URL.to_owned(), json!(catalog));
    values
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests;
