//! Which catalog a request is about.

use quilt_proto::{CatalogUrl, UrlError};

use crate::quilt3::{ConfigError, ConfigFile};
use crate::settings::{BrokenSettings, Settings, SettingsFile};

/// Why no catalog could be told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// What was asked for is neither a catalog's URL nor its name in the settings.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// What was asked for looks like a name, and is none of these.
    #[error("no catalog has this name; {}", names(known, broken.as_deref()))]
    Name {
        /// The names there are.
        known: Vec<String>,
        /// Why the settings file is not in force, if it is not: it may have the
        /// name.
        broken: Option<Box<BrokenSettings>>,
    },
    /// Nothing was asked for and nothing is configured.
    #[error("no catalog is configured")]
    NotConfigured,
    /// An API key came without its catalog, and where keys worked was lost.
    #[error("which catalog the API key is of is not known any more: catalogs.json was broken")]
    KeyUnplaced,
    /// An API key came without its catalog, and the user gave it for several.
    #[error("the API key is known at {}: say which one is meant", catalogs(.0))]
    KeyOfSeveral(Vec<CatalogUrl>),
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

fn catalogs(all: &[CatalogUrl]) -> String {
    let all: Vec<&str> = all.iter().map(CatalogUrl::as_str).collect();
    all.join(" and ")
}

/// The catalog asked for, else the configured one, else the `only` one that is
/// logged in.
pub fn resolve(
    asked: Option<&str>,
    settings: &SettingsFile,
    config: &ConfigFile,
    only: impl FnOnce() -> Option<CatalogUrl>,
) -> Result<CatalogUrl, CatalogError> {
    match asked {
        Some(text) if !text.trim().is_empty() => named(text, settings),
        _ => match config.catalog()? {
            Some(configured) => Ok(configured),
            None => only().ok_or(CatalogError::NotConfigured),
        },
    }
}

/// The catalog that a text means: its name in the settings, its URL, its host,
/// or the address of a page on it.
pub fn typed(text: &str, settings: &Settings) -> Result<CatalogUrl, UrlError> {
    match settings.catalog(text.trim()) {
        Some(catalog) => Ok(catalog.clone()),
        None => CatalogUrl::from_typed(text),
    }
}

/// The same; where it means none and there are names, those are said. What was
/// typed is not repeated: it may be a secret.
pub fn named(text: &str, file: &SettingsFile) -> Result<CatalogUrl, CatalogError> {
    let settings = file.current();
    typed(text, &settings).map_err(|error| {
        let names = settings.catalogs().map(|(name, _)| name.to_owned());
        let known: Vec<String> = names.collect();
        let may_be_name = !text.contains(['/', '.', ':']);
        if error == UrlError::NotAUrl && (may_be_name || !known.is_empty()) {
            let broken = file.broken().map(Box::new);
            CatalogError::Name { known, broken }
        } else {
            error.into()
        }
    })
}

/// What there is to choose from.
fn names(known: &[String], broken: Option<&BrokenSettings>) -> String {
    const OR: &str = "give an address, like https://demo.quilt.example";
    if let Some(broken) = broken {
        // The file that somebody reads may have the name that they typed.
        let so_far = match known {
            [] => "none is known".to_owned(),
            known => format!("known are {}", known.join(", ")),
        };
        return format!("{so_far} ({})", broken.why);
    }
    if known.is_empty() {
        format!("quiltd.toml names none: {OR}")
    } else {
        format!("quiltd.toml names {}; or {OR}", known.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_name_in_a_broken_file_is_not_said_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("quiltd.toml");
        let file = || SettingsFile::new(path.clone());
        let said = |file: &SettingsFile| named("other", file).unwrap_err().to_string();
        assert!(said(&file()).contains("quiltd.toml names none"));
        let good = "[catalogs.other]\nurl = 'https://other.quilt.example'\n";
        fs::write(&path, format!("[wrong\n{good}")).unwrap();
        let broken = said(&file());
        assert!(!broken.contains("names none"), "{broken}");
        assert!(broken.contains("quiltd.toml: line 1"), "{broken}");
        fs::write(&path, good).unwrap();
        assert!(named("other", &file()).is_ok());
    }
}
