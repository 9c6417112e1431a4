//! Whom connections count for.

use std::collections::HashMap;
use std::ops::{Index, IndexMut};

use slab::Slab;

/// Whom a connection counts for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A process.
    Process(u32),
    /// Everybody of whom the system tells nothing, together.
    Unknown,
    /// Whoever holds this grant.
    Grant(String),
}

/// The number of an origin for as long as it holds a slot: a search for whom to
/// evict looks at every connection, and hashes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OriginId(usize);

/// What is counted for each origin.
#[derive(Debug, Default)]
pub(super) struct Origins<T> {
    ids: HashMap<Origin, OriginId>,
    counted: Slab<(Origin, T)>,
}

impl<T: Default> Origins<T> {
    pub(super) fn id(&self, origin: &Origin) -> Option<OriginId> {
        self.ids.get(origin).copied()
    }

    pub(super) fn of(&self, id: OriginId) -> &Origin {
        &self.counted[id.0].0
    }

    /// The number of `origin`, which is counted from now on.
    pub(super) fn enter(&mut self, origin: &Origin) -> OriginId {
        if let Some(id) = self.id(origin) {
            return id;
        }
        let id = OriginId(self.counted.insert((origin.clone(), T::default())));
        self.ids.insert(origin.clone(), id);
        id
    }

    pub(super) fn remove(&mut self, id: OriginId) {
        let (origin, _) = self.counted.remove(id.0);
        self.ids.remove(&origin);
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (OriginId, &T)> {
        self.counted
            .iter()
            .map(|(number, (_, counted))| (OriginId(number), counted))
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty() && self.counted.is_empty()
    }
}

impl<T> Index<OriginId> for Origins<T> {
    type Output = T;

    fn index(&self, id: OriginId) -> &T {
        &self.counted[id.0].1
    }
}

impl<T> IndexMut<OriginId> for Origins<T> {
    fn index_mut(&mut self, id: OriginId) -> &mut T {
        &mut self.counted[id.0].1
    }
}
