//! What is known of catalogs, whoever is logged in: where secrets go, and who
//! was there last. Nothing of it is secret. It outlives logout and restart
//! whatever the token store is, in a file of its own: a registry that a secret
//! once went to is not asked to be believed anew after each logout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use quilt_proto::state_files::CATALOGS;
use quilt_proto::wire::SessionUser;
use quilt_proto::{CatalogUrl, RegistryUrl};
use serde::{Deserialize, Serialize};

use super::file::{MAX_BYTES, read_file};
use super::lock::Locks;
use super::{StoreError, StoreNote};
use crate::files;
use crate::watchdog::may_block;

/// What is known of one catalog.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCatalog {
    /// Where a login or key last succeeded, or what the user agreed to since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry_url: Option<RegistryUrl>,
    /// The AWS region it last said it is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whose the stored login is, as far as the stack said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_user: Option<String>,
    /// Who was last there, by login or key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_user: Option<String>,
    /// Whose a session is, as the stack last said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<KeptUser>,
    /// The machine on which an API key was in use last, if it was not dropped
    /// since. Never the key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key_on: Option<String>,
    /// Where secrets of other catalogs on the same server went: of this one, it
    /// may be, by another spelling.
    #[serde(skip)]
    pub registries_of_same_server: Vec<RegistryUrl>,
    /// What was known before was lost with a broken file: where secrets went
    /// may not be where the catalog says now.
    #[serde(skip)]
    pub is_lost: bool,
}

/// A user, and the session that is theirs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptUser {
    /// Tells the session from those of others; no secret.
    pub session: String,
    /// Who.
    pub user: SessionUser,
}

impl KnownCatalog {
    /// Whether no login or key of this catalog was ever here.
    fn is_only_named(&self) -> bool {
        let bare = Self {
            region: self.region.clone(),
            ..Self::default()
        };
        *self == bare
    }
}

type Catalogs = BTreeMap<CatalogUrl, KnownCatalog>;

/// How many catalogs are remembered that were only asked where they are.
/// Whoever names ever new ones shall not fill the file.
const MOST_NAMED: usize = 64;

/// Makes room for one more that was only named.
fn forget_named(catalogs: &mut Catalogs) {
    let named = catalogs.values().filter(|known| known.is_only_named());
    if named.count() >= MOST_NAMED {
        catalogs.retain(|_, known| !known.is_only_named());
    }
}

#[derive(Serialize, Deserialize)]
struct Document {
    version: u32,
    /// There were others, in a file that could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
    catalogs: Catalogs,
}

/// The layout this version writes.
const VERSION: u32 = 1;

/// What is known of every catalog. Cheap to clone.
#[derive(Clone)]
pub(super) struct KnownCatalogs {
    dir: Option<PathBuf>,
    locks: Locks,
    /// What no file has: all of it without a directory, else what could not be
    /// written.
    unwritten: Arc<Mutex<Catalogs>>,
    notes: Arc<Mutex<Vec<StoreNote>>>,
}

impl KnownCatalogs {
    /// Forgotten when the process ends.
    pub(super) fn in_memory() -> Self {
        Self {
            dir: None,
            locks: Locks::in_process(),
            unwritten: Arc::default(),
            notes: Arc::default(),
        }
    }

    /// In a state directory, which need not exist yet.
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            dir: Some(dir.to_owned()),
            locks: Locks::in_dir(dir),
            ..Self::in_memory()
        }
    }

    /// What the user should know.
    pub(super) fn notes(&self) -> Vec<StoreNote> {
        let notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        notes.clone()
    }

    /// What is known of a catalog. Looks at the file each time: other daemons
    /// write it too.
    pub(super) fn of(&self, catalog: &CatalogUrl) -> Result<KnownCatalog, StoreError> {
        let mut document = self.read()?;
        let known = document.catalogs.remove(catalog).unwrap_or_default();
        let others = document.catalogs.into_iter();
        let registries_of_same_server = others.filter(|(other, _)| other.is_same_server(catalog));
        Ok(KnownCatalog {
            registries_of_same_server: registries_of_same_server
                .filter_map(|(_, other)| other.registry_url)
                .collect(),
            is_lost: document.incomplete && known.registry_url.is_none(),
            ..known
        })
    }

    /// What is known of every catalog.
    pub(super) fn all(&self) -> Result<BTreeMap<CatalogUrl, KnownCatalog>, StoreError> {
        Ok(self.read()?.catalogs)
    }

    /// Changes what is known of a catalog. Where that cannot be written, it is
    /// kept for the life of the process, and noted.
    pub(super) async fn update(
        &self,
        catalog: &CatalogUrl,
        change: impl FnOnce(&mut KnownCatalog) + Send,
    ) -> Result<(), StoreError> {
        let Some(dir) = &self.dir else {
            change(self.unwritten().entry(catalog.clone()).or_default());
            return Ok(());
        };
        let prepared = quilt_trust::make_dir(dir).map_err(StoreError::from);
        let _guard = match prepared {
            Ok(()) => Some(self.locks.known_catalogs().await?),
            Err(_) => None,
        };
        let mut document = self.read()?;
        if !document.catalogs.contains_key(catalog) {
            forget_named(&mut document.catalogs);
        }
        let known = document.catalogs.entry(catalog.clone()).or_default();
        let before = known.clone();
        change(known);
        let now = known.clone();
        if now == before && self.unwritten().is_empty() {
            return Ok(());
        }
        let written = match prepared {
            Ok(()) => write(&dir.join(CATALOGS), &document),
            Err(error) => Err(error),
        };
        match written {
            Ok(()) => self.unwritten().clear(),
            Err(error) => {
                self.note(StoreNote::Unkept {
                    catalog: catalog.clone(),
                    error,
                });
                self.unwritten().insert(catalog.clone(), now);
            }
        }
        Ok(())
    }

    fn unwritten(&self) -> MutexGuard<'_, Catalogs> {
        let unwritten = self.unwritten.lock();
        unwritten.unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, note: StoreNote) {
        tracing::warn!("{note}");
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.contains(&note) {
            notes.push(note);
        }
    }

    fn read(&self) -> Result<Document, StoreError> {
        let mut document = match &self.dir {
            Some(dir) if dir.exists() => self.read_file(dir)?,
            _ => Document::new(false),
        };
        document.catalogs.extend(self.unwritten().clone());
        Ok(document)
    }

    fn read_file(&self, dir: &Path) -> Result<Document, StoreError> {
        quilt_trust::check_dir(dir)?;
        let path = dir.join(CATALOGS);
        let text = read_file(&path)?;
        let Some(text) = text else {
            return Ok(Document::new(false));
        };
        match serde_json::from_slice::<Document>(&text) {
            Ok(document) if document.version > VERSION => Err(StoreError::Newer(path)),
            Ok(document) => Ok(document),
            Err(_) => self.begin_anew(&path),
        }
    }

    /// Sets a broken file aside, and has the next one say so: what was known is
    /// not what was never known.
    fn begin_anew(&self, path: &Path) -> Result<Document, StoreError> {
        let aside =
            files::set_aside(path).map_err(|error| StoreError::io("set aside", path, &error))?;
        self.note(StoreNote::SetAside {
            file: path.to_owned(),
            kept_as: aside,
        });
        let document = Document::new(true);
        files::replace_private(path, &document.text())
            .map_err(|error| StoreError::io("write", path, &error))?;
        Ok(document)
    }
}

impl Document {
    fn new(incomplete: bool) -> Self {
        Self {
            version: VERSION,
            incomplete,
            catalogs: Catalogs::new(),
        }
    }

    fn text(&self) -> Vec<u8> {
        // Strings always serialise.
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn write(path: &Path, document: &Document) -> Result<(), StoreError> {
    let text = document.text();
    if text.len() as u64 > MAX_BYTES {
        return Err(StoreError::TooLarge(path.to_owned()));
    }
    may_block(|| files::replace_private(path, &text))
        .map_err(|error| StoreError::io("write", path, &error))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::files::FileError;

    fn catalog() -> CatalogUrl {
        "https://demo.quilt.example".parse().unwrap()
    }

    fn registry() -> RegistryUrl {
        "https://registry.example".parse().unwrap()
    }

    #[tokio::test]
    async fn catalogs_that_were_only_named_do_not_fill_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let known = KnownCatalogs::in_dir(dir.path());
        let trust = |known: &mut KnownCatalog| known.registry_url = Some(registry());
        known.update(&catalog(), trust).await.unwrap();
        for n in 0..5 * MOST_NAMED {
            let named = format!("https://demo.quilt.example/{n}").parse().unwrap();
            let region = |known: &mut KnownCatalog| known.region = Some("eu-west-1".to_owned());
            known.update(&named, region).await.unwrap();
            assert!(known.of(&named).unwrap().region.is_some(), "the latest");
        }
        assert!(known.all().unwrap().len() <= MOST_NAMED + 1);
        assert_eq!(known.of(&catalog()).unwrap().registry_url, Some(registry()));
    }

    async fn remember(known: &KnownCatalogs) {
        known
            .update(&catalog(), |known| known.registry_url = Some(registry()))
            .await
            .unwrap();
    }

    #[tokio::test]
    async fn what_is_known_is_there_for_the_next_daemon() {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("state");
        let known = KnownCatalogs::in_dir(&state);
        assert_eq!(known.of(&catalog()).unwrap(), KnownCatalog::default());
        assert!(!state.exists(), "reading creates nothing");
        remember(&known).await;
        let next = KnownCatalogs::in_dir(&state);
        assert_eq!(next.of(&catalog()).unwrap().registry_url, Some(registry()));
        let mode = std::fs::metadata(state.join(CATALOGS))
            .unwrap()
            .permissions();
        assert_eq!(mode.mode() & 0o777, 0o600);
    }

    #[tokio::test]
    async fn what_is_known_of_a_server_is_known_by_its_other_spellings() {
        let known = KnownCatalogs::in_memory();
        remember(&known).await;
        let of = |catalog: &str| known.of(&catalog.parse().unwrap()).unwrap();
        assert_eq!(
            of("https://demo.quilt.example/x").registries_of_same_server,
            [registry()]
        );
        assert_eq!(of("https://demo.quilt.example/x").registry_url, None);
        assert_eq!(
            of("https://lab.quilt.example").registries_of_same_server,
            []
        );
    }

    #[tokio::test]
    async fn a_file_others_may_replace_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        remember(&KnownCatalogs::in_dir(dir.path())).await;
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o777)).unwrap();
        let known = KnownCatalogs::in_dir(dir.path());
        assert!(matches!(
            known.of(&catalog()),
            Err(StoreError::File(FileError::Distrusted(_)))
        ));
    }

    #[tokio::test]
    async fn what_cannot_be_written_is_kept_for_a_while_and_noted() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a file");
        std::fs::write(&file, "").unwrap();
        let known = KnownCatalogs::in_dir(&file.join("state"));
        remember(&known).await;
        assert_eq!(known.of(&catalog()).unwrap().registry_url, Some(registry()));
        assert_eq!(known.notes().len(), 1);
    }

    #[tokio::test]
    async fn what_is_broken_is_set_aside_and_noted() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o700)).unwrap();
        std::fs::write(dir.path().join(CATALOGS), "{").unwrap();
        let known = KnownCatalogs::in_dir(dir.path());
        let other: CatalogUrl = "https://lab.quilt.example".parse().unwrap();
        assert!(known.of(&catalog()).unwrap().is_lost);
        assert_eq!(known.notes().len(), 1);
        remember(&known).await;
        // For the next daemon as well, and only until it is known again.
        for known in [known, KnownCatalogs::in_dir(dir.path())] {
            let found = known.of(&catalog()).unwrap();
            assert_eq!(
                (found.registry_url, found.is_lost),
                (Some(registry()), false)
            );
            assert!(known.of(&other).unwrap().is_lost);
        }
    }
}
