//! A store in memory that fails on demand, for tests.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::StoreError;
use super::store::{Batches, Entry, Modified, Store};

/// What a failing request leaves behind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It had no effect.
    Refused,
    /// It took effect, but the answer was lost.
    LostAnswer,
}

#[derive(Debug, Default)]
struct State {
    objects: BTreeMap<String, (Bytes, Modified)>,
    requests: usize,
    fault: Option<(usize, Fault)>,
}

/// Cheap to clone; clones share what is stored.
#[derive(Debug, Clone, Default)]
pub(super) struct Memory(Arc<Mutex<State>>);

impl Memory {
    pub(super) fn put(&self, key: &str, content: &str, modified: Modified) {
        let value = (Bytes::copy_from_slice(content.as_bytes()), modified);
        self.0.lock().objects.insert(key.to_owned(), value);
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.0.lock().objects.keys().cloned().collect()
    }

    pub(super) fn text(&self, key: &str) -> Option<String> {
        let state = self.0.lock();
        let (content, _) = state.objects.get(key)?;
        Some(String::from_utf8_lossy(content).into_owned())
    }

    /// From the given request on (0 is the next) everything fails, as it does
    /// for a program that is killed; `None` heals.
    pub(super) fn fail_from(&self, fault: Option<(usize, Fault)>) {
        let mut state = self.0.lock();
        (state.requests, state.fault) = (0, fault);
    }

    pub(super) fn requests(&self) -> usize {
        self.0.lock().requests
    }

    fn request<T>(&self, effect: impl FnOnce(&mut State) -> T) -> Result<T, StoreError> {
        let mut state = self.0.lock();
        let at = state.requests;
        state.requests += 1;
        let down = Err(StoreError::Unreachable {
            place: "memory".to_owned(),
            origin: None,
            failure: quilt_network::Failure::ConnectionRefused,
        });
        match state.fault {
            Some((from, Fault::LostAnswer)) if at == from => {
                effect(&mut state);
                down
            }
            Some((from, _)) if at >= from => down,
            _ => Ok(effect(&mut state)),
        }
    }

    fn batch<T: Send + 'static>(
        &self,
        read: impl FnOnce(&State) -> Vec<T> + Send + 'static,
    ) -> Batches<T> {
        let memory = self.clone();
        stream::once(async move { memory.request(|state| read(state)) }).boxed()
    }
}

/// What of a key comes after a folder.
fn within<'k>(key: &'k str, folder: &str) -> Option<&'k str> {
    key.strip_prefix(folder)?.strip_prefix('/')
}

#[async_trait]
impl Store for Memory {
    fn list(&self, folder: &str, start: &str) -> Batches<Entry> {
        let (folder, start) = (folder.to_owned(), start.to_owned());
        self.batch(move |state| {
            let mut entries: Vec<Entry> = Vec::new();
            for rest in state.objects.keys().filter_map(|key| within(key, &folder)) {
                let (name, inner) = rest
                    .split_once('/')
                    .map_or((rest, false), |(n, _)| (n, true));
                let entry = Entry {
                    name: name.to_owned(),
                    folder: inner,
                };
                if name.starts_with(&start) && entries.last() != Some(&entry) {
                    entries.push(entry);
                }
            }
            entries
        })
    }

    fn dated(&self, folder: &str, file: &'static str) -> Batches<(String, Modified)> {
        let folder = folder.to_owned();
        self.batch(move |state| {
            let dated = |(key, (_, modified)): (&String, &(Bytes, Modified))| {
                let (name, rest) = within(key, &folder)?.split_once('/')?;
                (rest == file).then(|| (name.to_owned(), *modified))
            };
            state.objects.iter().filter_map(dated).collect()
        })
    }

    fn below(&self, folder: &str) -> Batches<String> {
        let folder = folder.to_owned();
        self.batch(move |state| {
            let keys = state.objects.keys();
            keys.filter(|key| within(key, &folder).is_some())
                .cloned()
                .collect()
        })
    }

    async fn has(&self, folder: &str) -> Result<bool, StoreError> {
        self.request(|state| {
            state
                .objects
                .keys()
                .any(|key| within(key, folder).is_some())
        })
    }

    async fn read(&self, key: &str) -> Result<Bytes, StoreError> {
        self.request(|state| state.objects.get(key).map(|(content, _)| content.clone()))?
            .ok_or_else(|| StoreError::Missing(key.to_owned()))
    }

    async fn write(&self, key: &str, content: Bytes) -> Result<(), StoreError> {
        self.request(|state| {
            state.objects.insert(key.to_owned(), (content, 0));
        })
    }

    async fn remove(&self, key: &str) -> Result<(), StoreError> {
        self.request(|state| {
            state.objects.remove(key);
        })
    }
}
