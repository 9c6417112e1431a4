//! Tokens that the stack granted and that could not be stored: kept here, and
//! stored by the next attempt.

use quilt_proto::Secret;

use super::SessionError;
use super::token_rotation::{TokenSource, transient};
use crate::refresh::Failure;
use crate::token_store::{Record, Reservation, StoreError};

/// Tokens that exist only here.
#[derive(Clone)]
pub(super) struct Unsaved {
    pub(super) record: Record,
    /// A new login replaces whatever is stored; a rotation only its own login.
    pub(super) is_login: bool,
    /// The access token before, where it is not known yet whether they are of
    /// the same user.
    pub(super) doubted_since: Option<Secret>,
}

impl TokenSource {
    /// Stores tokens before anyone uses them. When the store fails they are
    /// kept here, and stored by the next attempt. Answers whether the login
    /// they belong to is still wanted.
    pub(super) async fn save(
        &self,
        unsaved: Unsaved,
        reservation: Reservation,
    ) -> Result<bool, StoreError> {
        self.write(unsaved, reservation, false).await
    }

    async fn write(
        &self,
        unsaved: Unsaved,
        reservation: Reservation,
        is_leftover: bool,
    ) -> Result<bool, StoreError> {
        let (catalog, mut next) = (self.catalog.clone(), unsaved.record.clone());
        let id = unsaved.record.login_id.clone();
        let is_it = |kept: &Unsaved| kept.record.login_id == id;
        let stored = self
            .dependencies
            .store
            .update(reservation, |document| {
                let mut slot = self.unsaved.lock();
                if is_leftover && !slot.as_ref().is_some_and(is_it) {
                    // Somebody logged in while the store was waited for.
                    return None;
                }
                if unsaved.is_login {
                    slot.take_if(|kept| !is_it(kept));
                }
                drop(slot);
                let current = document.sessions.get(&catalog);
                let ours = current.is_some_and(|current| current.login_id == next.login_id);
                if let Some(current) = current.filter(|_| ours) {
                    // The role may have been switched during a rotation.
                    next.role_switches = next.role_switches.max(current.role_switches);
                }
                (ours || unsaved.is_login).then(|| {
                    document.sessions.insert(catalog, next);
                })
            })
            .await;
        let mut slot = self.unsaved.lock();
        let kept = slot.as_ref();
        let is_current = if is_leftover {
            kept.is_some_and(is_it)
        } else {
            // A late rotation of an old login must not displace a new one.
            unsaved.is_login || !kept.is_some_and(|kept| kept.is_login && !is_it(kept))
        };
        if is_current {
            *slot = stored.is_err().then_some(unsaved);
        }
        drop(slot);
        stored.map(|stored| stored.is_some())
    }

    /// Fails where tokens that came for a login are another user's, which ends it,
    /// or where that cannot be told now: then they are kept here, and nobody uses
    /// them before it can.
    pub(super) async fn is_same_user(
        &self,
        unsaved: &Unsaved,
        before: &Secret,
    ) -> Result<(), Failure<SessionError>> {
        let record = Record {
            access_token: before.clone(),
            ..unsaved.record.clone()
        };
        let renewed = &unsaved.record.access_token;
        match self.other_user(&record, renewed).await {
            Ok(None) => Ok(()),
            Ok(Some(error)) => {
                tracing::warn!("{error}");
                self.forget();
                Err(self.end(&record, error).await)
            }
            Err(error) => {
                let stored = self.dependencies.store.record(&self.catalog).await;
                let id = stored.ok().flatten().map(|stored| stored.login_id);
                let mut slot = self.unsaved.lock();
                // Somebody may have logged out, or in, while it was asked.
                let is_wanted = id.as_ref() == Some(&unsaved.record.login_id)
                    && slot.as_ref().is_none_or(|kept| !kept.is_login);
                if is_wanted {
                    *slot = Some(Unsaved {
                        doubted_since: Some(before.clone()),
                        ..unsaved.clone()
                    });
                }
                Err(transient(error))
            }
        }
    }

    /// Whether a login is only here, because it could not be stored.
    pub(super) fn has_unsaved_login(&self) -> bool {
        let unsaved = self.unsaved.lock();
        unsaved.as_ref().is_some_and(|unsaved| unsaved.is_login)
    }

    /// Forgets a login that could not be stored where somebody has logged in
    /// since, through another daemon; and tokens that are doubted, with the login
    /// they came for.
    pub(super) fn drop_if_replaced(&self, stored: Option<&Record>) {
        let mut slot = self.unsaved.lock();
        let is_late = |kept: &mut Unsaved| {
            let id = stored.map(|stored| &stored.login_id);
            if kept.doubted_since.is_some() {
                return id != Some(&kept.record.login_id);
            }
            kept.is_login
                && stored.is_some_and(|stored| {
                    stored.login_id != kept.record.login_id
                        && stored.obtained_at > kept.record.obtained_at
                })
        };
        if slot.take_if(is_late).is_some() {
            tracing::info!(catalog = %self.catalog, "tokens that came late are dropped");
        }
    }

    /// Forgets tokens that could not be stored.
    pub(super) fn forget(&self) {
        self.unsaved.lock().take();
    }

    /// Brings tokens that could not be stored before onto the disk.
    pub(super) async fn save_leftover(&self) -> Result<(), Failure<SessionError>> {
        let leftover = self.unsaved.lock().clone();
        match leftover {
            None => Ok(()),
            Some(unsaved) => {
                if let Some(before) = &unsaved.doubted_since {
                    self.is_same_user(&unsaved, before).await?;
                }
                let reservation = self.dependencies.store.reserve().await.map_err(transient)?;
                let saved = self.write(unsaved, reservation, true).await;
                saved.map(drop).map_err(transient)
            }
        }
    }
}
