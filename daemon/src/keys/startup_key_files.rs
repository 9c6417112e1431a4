//! Keys of several catalogs at the start: a file each, named in the settings, or
//! a credential of systemd's each (systemd.exec(5)), named after the catalog:
//! `quilt-api-key.CATALOG`, or `quilt-api-key_CATALOG` as `LoadCredential=` calls
//! what is in a directory. Every start reads them again.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{ApiKeySecret, CatalogUrl, quoted};
use quilt_trust::{Access, Role};

use super::startup_key::{self, BoxedError, CREDENTIAL, StartupKeyError};

/// What keys were found, and which ones could not be taken: one that is wrong
/// is no reason for the others not to be used.
#[derive(Debug, Default)]
pub struct StartupKeys {
    /// The keys, by catalog.
    pub found: Vec<(CatalogUrl, ApiKeySecret)>,
    /// What could not be taken.
    pub failed: Vec<(StartupSource, StartupKeyError)>,
}

/// Where a key was to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartupSource {
    /// A file that the settings name.
    File(CatalogUrl, PathBuf),
    /// A credential of systemd's for a catalog.
    Credential(CatalogUrl),
    /// A credential of systemd's for what is no catalog.
    Unnamed,
}

impl StartupSource {
    /// The catalog it is for, where that is known.
    pub fn catalog(&self) -> Option<&CatalogUrl> {
        match self {
            Self::File(catalog, _) | Self::Credential(catalog) => Some(catalog),
            Self::Unnamed => None,
        }
    }
}

impl StartupKeys {
    /// Reads them. `files` are those of the settings, and `typed` tells which
    /// catalog a name means.
    pub fn read(
        files: impl IntoIterator<Item = (CatalogUrl, PathBuf)>,
        typed: impl Fn(&str) -> Result<CatalogUrl, BoxedError>,
    ) -> Self {
        let mut keys = Self::default();
        for (catalog, path) in files {
            let read = file(&path);
            keys.add(StartupSource::File(catalog.clone(), path), catalog, read);
        }
        if let Some(dir) = startup_key::credentials() {
            keys.add_credentials(&dir, typed);
        }
        keys
    }

    fn add_credentials(
        &mut self,
        dir: &Path,
        typed: impl Fn(&str) -> Result<CatalogUrl, BoxedError>,
    ) {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        for name in names {
            let of = name.strip_prefix(CREDENTIAL);
            let Some(of) = of.and_then(|rest| rest.strip_prefix(['.', '_'])) else {
                continue;
            };
            let place = format!("the credential {}", quoted::name(&name));
            match typed(of) {
                Ok(catalog) => {
                    let read = credential(&dir.join(&name), &place);
                    self.add(StartupSource::Credential(catalog.clone()), catalog, read);
                }
                Err(source) => {
                    let error = StartupKeyError::NoCatalog { place, source };
                    self.failed.push((StartupSource::Unnamed, error));
                }
            }
        }
    }

    fn add(
        &mut self,
        source: StartupSource,
        catalog: CatalogUrl,
        read: Result<ApiKeySecret, StartupKeyError>,
    ) {
        match read {
            Ok(secret) => self.found.push((catalog, secret)),
            Err(error) => self.failed.push((source, error)),
        }
    }
}

fn credential(path: &Path, place: &str) -> Result<ApiKeySecret, StartupKeyError> {
    let file = startup_key::open_credential(path)?;
    let file = file.ok_or_else(|| missing(place))?;
    startup_key::read(file, place)
}

fn missing(place: &str) -> StartupKeyError {
    StartupKeyError::Unreadable {
        place: place.to_owned(),
        source: std::io::ErrorKind::NotFound.into(),
    }
}

/// A key in a file that others can neither write nor read.
fn file(path: &Path) -> Result<ApiKeySecret, StartupKeyError> {
    let place = quoted::path(path).to_string();
    let Some(file) = quilt_trust::open(path, Role::Shared, Access::Read)? else {
        return Err(missing(&place));
    };
    let about = file.metadata();
    let about = about.map_err(|source| StartupKeyError::Unreadable {
        place: place.clone(),
        source,
    })?;
    // Of root's, a group may be who it is for, as in containers.
    let others = if about.uid() == 0 { 0o007 } else { 0o077 };
    let mode = about.mode() & 0o7777;
    if mode & others != 0 {
        return Err(StartupKeyError::Loose { place, mode });
    }
    startup_key::read(file, &place)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn written(path: &Path, text: &str, mode: u32) {
        fs::write(path, text).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn credentials_are_told_apart_by_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let key = |letter: &str| format!("qk_{}", letter.repeat(16));
        for (name, text) in [
            ("quilt-api-key", key("a")),
            ("quilt-api-key.lab.quilt.example", key("b")),
            ("quilt-api-key_prod", key("c")),
            ("quilt-api-key.broken.quilt.example", "canary".to_owned()),
            ("quilt-api-key.a b", key("d")),
            ("another-key.lab.quilt.example", key("e")),
        ] {
            written(&dir.path().join(name), &text, 0o400);
        }
        let mut keys = StartupKeys::default();
        keys.add_credentials(dir.path(), |name| match name {
            "prod" => Ok("https://prod.quilt.example".parse()?),
            name => Ok(CatalogUrl::from_typed(name)?),
        });
        let found: Vec<_> = keys
            .found
            .iter()
            .map(|(catalog, key)| (catalog.as_str(), &key.secret().expose()[3..4]))
            .collect();
        assert_eq!(
            found,
            [
                ("https://lab.quilt.example", "b"),
                ("https://prod.quilt.example", "c")
            ]
        );
        let failed: Vec<_> = keys
            .failed
            .iter()
            .map(|(of, it)| (of, it.to_string()))
            .collect();
        assert_eq!(failed.len(), 2, "{failed:?}");
        assert!(failed.iter().all(|(_, said)| !said.contains("canary")));
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        written(&path, "qk_abcdefghijklmnop\n", 0o600);
        let key = file(&path).unwrap();
        assert_eq!(key.secret().expose(), "qk_abcdefghijklmnop");
        written(&path, "qk_abcdefghijklmnop\n", 0o644);
        let error = file(&path).unwrap_err();
        assert!(
            matches!(error, StartupKeyError::Loose { mode: 0o644, .. }),
            "{error}"
        );
        fs::remove_file(&path).unwrap();
        assert!(matches!(
            file(&path),
            Err(StartupKeyError::Unreadable { .. })
        ));
    }
}
