//! The logins that wait for a browser, and how many may.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use quilt_proto::CatalogUrl;

use super::Attempt;
use crate::listen::web_logins;
use crate::session::SessionError;

/// Logins of one catalog that wait for their browsers at once. Each has a port.
const MAX_PER_CATALOG: usize = 4;

/// Every login under way or just ended, by id. Cheap to clone.
#[derive(Clone, Default)]
pub(in crate::api) struct WebLogins(Arc<Mutex<HashMap<String, Arc<Attempt>>>>);

impl WebLogins {
    /// Of too many logins, to one catalog or in all, the oldest is given up of
    /// those that still wait for a browser.
    pub(super) fn add(&self, id: &str, attempt: &Arc<Attempt>) {
        let mut map = self.0.lock();
        map.insert(id.to_owned(), Arc::clone(attempt));
        let mut waiting: Vec<_> = map.values().filter(|other| other.is_waiting()).collect();
        waiting.sort_unstable_by_key(|other| other.begun);
        let catalogs = waiting.iter().map(|other| other.login.session().catalog());
        let given_up = in_excess(&catalogs.collect::<Vec<_>>(), web_logins());
        for oldest in given_up {
            waiting[oldest].end(Err(SessionError::WebLoginReplaced));
        }
    }

    pub(super) fn find(&self, id: &str) -> Option<Arc<Attempt>> {
        self.0.lock().get(id).map(Arc::clone)
    }

    pub(super) fn forget(&self, id: &str) {
        self.0.lock().remove(id);
    }
}

/// Which of the logins that wait are too many, for any address can be named as a
/// catalog, by the catalog of each, the oldest first.
fn in_excess(catalogs: &[&CatalogUrl], most: usize) -> Vec<usize> {
    let all = catalogs.len().saturating_sub(most);
    let later = |at: usize| catalogs[at..].iter().filter(move |it| **it == catalogs[at]);
    let excess = (0..catalogs.len()).filter(|at| *at < all || later(*at).count() > MAX_PER_CATALOG);
    excess.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_makes_way_where_there_are_too_many_of_one_catalog_or_of_all() {
        let catalog =
            |number: usize| -> CatalogUrl { format!("https://c{number}.example").parse().unwrap() };
        let others: Vec<_> = (0..8 + 2).map(catalog).collect();
        let others: Vec<_> = others.iter().collect();
        assert_eq!(in_excess(&others, 8), [0, 1]);
        assert!(in_excess(&others[2..], 8).is_empty());

        let (one, two) = (catalog(1), catalog(2));
        let same = [&one, &two, &one, &one, &one, &one];
        assert_eq!(in_excess(&same, 8), [0]);
        assert!(in_excess(&same[1..], 8).is_empty());
    }
}
