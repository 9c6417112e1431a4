//! Keys of several catalogs at the start: a file each, named in the settings, or
//! a credential of systemd's each (systemd.exec(5)), named after the catalog:
//! `quilt-api-key.CATALOG`, or `quilt-api-key_CATALOG` as `LoadCredential=` calls
//! what is in a directory. Every start reads them again.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{ApiKeySecret, CatalogUrl, Command, quoted};
use quilt_trust::{Access, Role, was_put_aside};

use super::startup_key::{self, BoxedError, CREDENTIAL, StartupKeyError};
use crate::session::{KeyOrigin, read_anew};

/// What keys were found, and which ones could not be taken: one that is wrong
/// is no reason for the others not to be used.
#[derive(Debug, Default)]
pub struct StartupKeys {
    /// The keys, by catalog, and where each was.
    pub found: Vec<(CatalogUrl, ApiKeySecret, KeyOrigin)>,
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

    /// What is wrong, in a sentence that names what key it is.
    pub fn complain(&self, error: &StartupKeyError) -> String {
        match self.catalog() {
            Some(catalog) => format!("the API key for {catalog} is not used: {error}"),
            None => format!("an API key is not used: {error}"),
        }
    }

    /// What a key needs that was not taken at the start. The next start takes it.
    pub fn remedy(&self, error: &StartupKeyError, settings: &Path) -> Command {
        match (self, error) {
            // Mended since, and by hand.
            (Self::File(_, path), _) if file(path).is_ok() => "quiltctl daemon restart".into(),
            (_, StartupKeyError::Distrusted(distrust)) => read_anew(distrust.remedy()),
            (Self::File(_, path), StartupKeyError::Loose { .. }) => {
                close(Command::of("chmod go="), path)
            }
            (Self::File(_, path), StartupKeyError::Unreadable { source, .. })
                if source.kind() == ErrorKind::NotFound =>
            {
                // A directory that is not there is one that was misspelt.
                if path.parent().is_some_and(Path::exists) {
                    let edit = Command::edit(path).words("&& chmod go=");
                    close(edit, path)
                } else {
                    Command::edit(settings)
                }
            }
            (Self::File(_, path), StartupKeyError::Unreadable { source, .. }) => {
                quilt_trust::look(path, source.kind())
            }
            (Self::File(_, path), _) => read_anew(Command::edit(path)),
            (Self::Credential(catalog), _) => super::new_key(catalog),
            // The settings give names to catalogs.
            (Self::Unnamed, _) => Command::edit(settings),
        }
    }
}

/// The rest of a command that keeps a file from others, and has it read.
fn close(command: Command, path: &Path) -> Command {
    read_anew(command.path(path))
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
            let origin = KeyOrigin::File(path.clone());
            keys.add(
                StartupSource::File(catalog.clone(), path),
                origin,
                catalog,
                read,
            );
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
        let mut names: Vec<_> = names.filter(|name| !was_put_aside(name)).collect();
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
                    let source = StartupSource::Credential(catalog.clone());
                    self.add(source, KeyOrigin::Credential(name), catalog, read);
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
        origin: KeyOrigin,
        catalog: CatalogUrl,
        read: Result<ApiKeySecret, StartupKeyError>,
    ) {
        match read {
            Ok(secret) => self.found.push((catalog, secret, origin)),
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
    StartupKeyError::unreadable(place, rustix::io::Errno::NOENT.into())
}

/// A key in a file that others can neither write nor read.
fn file(path: &Path) -> Result<ApiKeySecret, StartupKeyError> {
    let place = quoted::path(path).to_string();
    let Some(file) = quilt_trust::open(path, Role::Shared, Access::Read)? else {
        return Err(missing(&place));
    };
    let unreadable = |source| StartupKeyError::unreadable(&place, source);
    let about = file.metadata().map_err(unreadable)?;
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
            // What was put aside, others may have written.
            ("quilt-api-key.lab.quilt.example.foreign", key("f")),
            ("quilt-api-key.lab.quilt.example.foreign.2", key("g")),
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
            .map(|(catalog, key, _)| (catalog.as_str(), &key.secret().expose()[3..4]))
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
    fn what_a_file_lacks_is_mended_where_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Path::new("/etc/quiltd.toml");
        let catalog: CatalogUrl = "https://one.quilt.example".parse().unwrap();
        let remedy = |path: &Path| {
            let error = file(path).unwrap_err();
            let source = StartupSource::File(catalog.clone(), path.to_owned());
            let said = source.complain(&error);
            // The file, or the directory that is at fault.
            assert!(said.contains(dir.path().to_str().unwrap()), "{said}");
            assert!(said.contains(catalog.as_str()), "{said}");
            source.remedy(&error, settings).to_string()
        };
        let path = dir.path().join("key");
        let at = path.display();
        assert_eq!(
            remedy(&path),
            format!("${{EDITOR:-vi}} {at} && chmod go= {at} && quiltctl daemon restart")
        );
        written(&path, "canary", 0o600);
        assert_eq!(
            remedy(&path),
            format!("${{EDITOR:-vi}} {at} && quiltctl daemon restart")
        );
        written(&path, "qk_abcdefghijklmnop\n", 0o644);
        assert_eq!(
            remedy(&path),
            format!("chmod go= {at} && quiltctl daemon restart")
        );
        let loose = file(&path).unwrap_err();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let source = StartupSource::File(catalog.clone(), path.clone());
        let after = source.remedy(&loose, settings);
        assert_eq!(after.to_string(), "quiltctl daemon restart");
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(
            remedy(&path),
            format!(
                "chmod go-w {} && quiltctl daemon restart",
                dir.path().display()
            )
        );
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(
            remedy(&dir.path().join("gone/key")),
            "${EDITOR:-vi} /etc/quiltd.toml"
        );
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
