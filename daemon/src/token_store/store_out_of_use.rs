//! Logins in a keyring that this daemon does not use: it can neither use nor end
//! them.

use std::collections::BTreeSet;

use quilt_proto::CatalogUrl;

use super::{Store, StoreError, keyring_record};

impl Store {
    /// Fails where a catalog's login is in a keyring that this daemon does not
    /// use.
    pub fn reaches(&self, catalog: &CatalogUrl) -> Result<(), StoreError> {
        match &self.keyring_record {
            Some(record) if self.out_of_reach()?.contains(catalog) => Err(StoreError::InKeyring {
                catalog: catalog.clone(),
                record: record.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// The catalogs whose logins are in a keyring that this daemon does not use,
    /// because it could not be reached or was not to be used.
    pub fn out_of_reach(&self) -> Result<BTreeSet<CatalogUrl>, StoreError> {
        match &self.keyring_record {
            Some(path) if self.kind() != "keyring" => keyring_record::read(path),
            _ => Ok(BTreeSet::new()),
        }
    }
}
