//! Logins of this home in a store that this daemon does not use: another daemon
//! may, and whoever opens the keyring takes up those of the file.

use std::collections::BTreeSet;
use std::path::Path;

use quilt_proto::CatalogUrl;

use super::backend::{Backend, Reservation};
use super::file::FileBackend;
use super::{Record, Store, StoreError, keyring_record};

impl Store {
    /// Ends a catalog's login in the store that this daemon does not use. Fails
    /// where that is a keyring.
    pub async fn log_out_elsewhere(
        &self,
        catalog: &CatalogUrl,
    ) -> Result<Option<Record>, StoreError> {
        self.reaches(catalog)?;
        let dir = self.keyring_record.as_deref().and_then(Path::parent);
        let Some(dir) = dir.filter(|_| self.kind() == "keyring") else {
            return Ok(None);
        };
        let file = FileBackend::new(dir);
        if !file.path().exists() {
            return Ok(None);
        }
        let _guard = self.locks.document().await?;
        let mut document = file.read().await?;
        let removed = document.sessions.remove(catalog);
        if removed.is_some() {
            file.write(&document, Reservation::default()).await?;
        }
        Ok(removed)
    }

    /// Fails where a catalog's login is in a keyring that this daemon does not
    /// use.
    fn reaches(&self, catalog: &CatalogUrl) -> Result<(), StoreError> {
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
