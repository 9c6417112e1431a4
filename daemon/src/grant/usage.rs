//! What others are told of grants.

use quilt_proto::{CatalogUrl, ProfileName};

use super::Grants;

impl Grants {
    /// Whether a program may come for these credentials any time.
    pub fn uses(&self, catalog: &CatalogUrl, profile: &ProfileName) -> bool {
        let now = self.clock.now();
        self.state.lock().grants.values().any(|grant| {
            let lives = !grant.expires.reached(now);
            lives && grant.right.catalog() == catalog && grant.right.profile() == Some(profile)
        })
    }
}
