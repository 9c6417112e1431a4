//! What is known of catalogs, whoever is logged in: where secrets go, and who
//! was there last. Nothing of it is secret. It outlives logout and restart
//! whatever the token store is, in a file of its own: a registry that a secret
//! once went to is not asked to be believed anew after each logout.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use quilt_proto::state_files::CATALOGS;
use quilt_proto::{CatalogUrl, RegistryUrl, quoted};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use super::catalog_facts::{CatalogFact, CatalogFacts};
use super::file::{MAX_BYTES, read_file};
use super::known_catalog::KnownCatalog;
use super::lock::Locks;
use super::{StoreError, StoreNote};
use crate::blocked_threads::may_block;
use crate::files;

pub(super) type Catalogs = BTreeMap<CatalogUrl, KnownCatalog>;

/// How many catalogs are remembered that were only asked where they are.
/// Whoever names ever new ones shall not fill the file.
pub(super) const MOST_NAMED: usize = 64;

/// Makes room where too many were only named, for those of now.
fn forget_named(catalogs: &mut Catalogs, now: &CatalogFacts) {
    let named = catalogs.values().filter(|known| known.is_only_named());
    if named.count() > MOST_NAMED {
        catalogs.retain(|_, known| !known.is_only_named());
        now.apply_to(catalogs);
    }
}

#[derive(Clone, Serialize, Deserialize)]
struct Document {
    version: u32,
    /// There were others, in a file that could not be read.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    incomplete: bool,
    catalogs: Catalogs,
}

/// The layout this version writes.
const VERSION: u32 = 1;

/// How long until it is tried again to write what could not be.
const TRY_AGAIN: Duration = Duration::from_secs(10);

/// What is known of every catalog. Cheap to clone. What becomes known counts at
/// once in this process, and is written behind: nobody waits for the disk, or
/// for whoever holds the lock.
#[derive(Clone)]
pub(super) struct KnownCatalogs(Arc<Shared>);

struct Shared {
    dir: Option<PathBuf>,
    /// The directory has been there. Made anew, it would seem that nobody was
    /// ever logged in.
    had_dir: AtomicBool,
    locks: Locks,
    state: Mutex<State>,
    /// Told when nothing is left to be written.
    written: Notify,
    /// Told when somebody wants it written: what failed is tried again at once.
    wanted: Arc<Notify>,
}

#[derive(Default)]
struct State {
    /// What no file has; all of it without a directory.
    unwritten: CatalogFacts,
    /// Somebody is at it.
    is_being_written: bool,
    notes: Vec<StoreNote>,
}

impl KnownCatalogs {
    /// Forgotten when the process ends.
    pub(super) fn in_memory() -> Self {
        Self::new(None, Locks::in_process())
    }

    /// In a state directory, which need not exist yet.
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self::new(Some(dir.to_owned()), Locks::in_dir(dir))
    }

    fn new(dir: Option<PathBuf>, locks: Locks) -> Self {
        let has_dir = dir.as_ref().is_some_and(|dir| dir.exists());
        Self(Arc::new(Shared {
            dir,
            had_dir: AtomicBool::new(has_dir),
            locks,
            state: Mutex::default(),
            written: Notify::new(),
            wanted: Arc::default(),
        }))
    }

    /// What the user should know.
    pub(super) fn notes(&self) -> Vec<StoreNote> {
        let unread = self.0.read().err().map(StoreNote::Unread);
        let noted = self.0.state.lock().notes.clone();
        noted.into_iter().chain(unread).collect()
    }

    /// What is known of a catalog. Looks at the file each time: other daemons
    /// write it too.
    pub(super) fn of(&self, catalog: &CatalogUrl) -> Result<KnownCatalog, StoreError> {
        let mut document = self.0.read()?;
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
        Ok(self.0.read()?.catalogs)
    }

    /// Whether there were others, in a file that could not be read.
    pub(super) fn has_lost(&self) -> bool {
        self.0.read().is_ok_and(|document| document.incomplete)
    }

    /// Has secrets of a catalog go there from now on, unless something has settled
    /// since `so_far` was known that they go elsewhere. Answers whether they do.
    /// Must be called inside a tokio runtime.
    pub(super) fn settle(
        &self,
        catalog: &CatalogUrl,
        so_far: Option<&RegistryUrl>,
        registry: &RegistryUrl,
    ) -> Result<bool, StoreError> {
        let mut document = self.0.read_kept()?;
        let mut state = self.0.state.lock();
        state.unwritten.apply_to(&mut document.catalogs);
        let known = document.catalogs.get(catalog);
        let known = known.and_then(|known| known.registry_url.as_ref());
        if known.is_some_and(|known| Some(known) != so_far && !known.is_same_server(registry)) {
            return Ok(false);
        }
        if known != Some(registry) {
            let fact = CatalogFact::Registry(registry.clone());
            state.unwritten.add(catalog, vec![fact]);
            self.begin_to_write(state);
        }
        Ok(true)
    }

    fn begin_to_write(&self, mut state: MutexGuard<'_, State>) {
        if self.0.dir.is_some() && !std::mem::replace(&mut state.is_being_written, true) {
            drop(state);
            tokio::spawn(write_behind(Arc::downgrade(&self.0)));
        }
    }

    /// Something has become known. Must be called inside a tokio runtime.
    pub(super) fn learn(&self, catalog: &CatalogUrl, facts: Vec<CatalogFact>) {
        if !self.0.is_news(catalog, &facts) {
            return;
        }
        let mut state = self.0.state.lock();
        state.unwritten.add(catalog, facts);
        self.begin_to_write(state);
    }

    /// Returns when all of it is written.
    pub(super) async fn written(&self) {
        self.0.wanted.notify_one();
        loop {
            let written = self.0.written.notified();
            if self.0.dir.is_none() || !self.0.state.lock().is_being_written {
                return;
            }
            written.await;
        }
    }
}

/// Writes until nothing is left, or nobody is there any more.
async fn write_behind(shared: Weak<Shared>) {
    while let Some(shared) = shared.upgrade() {
        let unwritten = shared.state.lock().unwritten.clone();
        let outcome = shared.write(&unwritten).await;
        let is_over = {
            let mut state = shared.state.lock();
            // What there was to say of an earlier attempt is over.
            let is_kept = |note: &StoreNote| !matches!(note, StoreNote::Unkept { .. });
            state.notes.retain(is_kept);
            if outcome.is_ok() {
                state.unwritten.remove(&unwritten);
            }
            state.is_being_written = !state.unwritten.is_empty();
            !state.is_being_written
        };
        if is_over {
            shared.written.notify_waiters();
            return;
        }
        if let (Err(error), Some(catalog)) = (outcome, unwritten.first()) {
            shared.note(StoreNote::Unkept {
                catalog: catalog.clone(),
                error,
            });
            let wanted = Arc::clone(&shared.wanted);
            drop(shared);
            tokio::select! {
                () = tokio::time::sleep(TRY_AGAIN) => {}
                () = wanted.notified() => {}
            }
        }
    }
}

impl Shared {
    fn note(&self, note: StoreNote) {
        tracing::warn!("{note}");
        let mut state = self.state.lock();
        if !state.notes.contains(&note) {
            state.notes.push(note);
        }
    }

    fn is_news(&self, catalog: &CatalogUrl, facts: &[CatalogFact]) -> bool {
        self.read().map_or(true, |document| {
            let known = document.catalogs.get(catalog).cloned().unwrap_or_default();
            let mut now = known.clone();
            for fact in facts {
                fact.clone().apply_to(&mut now);
            }
            now != known
        })
    }

    async fn write(&self, unwritten: &CatalogFacts) -> Result<(), StoreError> {
        let Some(dir) = &self.dir else { return Ok(()) };
        if !self.had_dir.load(Ordering::Relaxed) {
            quilt_trust::make_dir(dir)?;
            self.had_dir.store(true, Ordering::Relaxed);
        }
        quilt_trust::check_dir(dir)?;
        let _guard = self.locks.known_catalogs().await?;
        let before = self.read_file(dir)?;
        let mut document = before.clone();
        unwritten.apply_to(&mut document.catalogs);
        if document.catalogs.len() > before.catalogs.len() {
            forget_named(&mut document.catalogs, unwritten);
        }
        if document.catalogs == before.catalogs {
            return Ok(());
        }
        write(&dir.join(CATALOGS), &document)
    }

    fn read(&self) -> Result<Document, StoreError> {
        let mut document = self.read_kept()?;
        self.state.lock().unwritten.apply_to(&mut document.catalogs);
        Ok(document)
    }

    /// What the file has.
    fn read_kept(&self) -> Result<Document, StoreError> {
        match &self.dir {
            Some(dir) if dir.exists() => self.read_file(dir),
            _ => Ok(Document::new(false)),
        }
    }

    fn read_file(&self, dir: &Path) -> Result<Document, StoreError> {
        quilt_trust::check_dir(dir)?;
        let path = dir.join(CATALOGS);
        let text = read_file(&path)?;
        let Some(text) = text else {
            // Where it was put aside because others could write to it, what was
            // known is not what was never known.
            let was_taken_away = quilt_trust::put_aside(&path).symlink_metadata().is_ok();
            return Ok(Document::new(was_taken_away));
        };
        match serde_json::from_slice::<Document>(&text) {
            Ok(document) if document.version > VERSION => Err(StoreError::Newer(path)),
            Ok(document) => Ok(document),
            Err(_) => Ok(self.begin_anew(&path)),
        }
    }

    /// Sets a broken file aside, and has the next one say so: what was known is
    /// not what was never known.
    fn begin_anew(&self, path: &Path) -> Document {
        let document = Document::new(true);
        match files::set_aside_for(path, &document.text()) {
            Ok(kept_as) => self.note(StoreNote::SetAside {
                file: path.to_owned(),
                kept_as,
            }),
            // It stays broken, and is found to be at the next look.
            Err(error) => {
                let path = quoted::path(path);
                tracing::warn!("{path} is broken and cannot be set aside: {error}");
            }
        }
        document
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
mod tests;
