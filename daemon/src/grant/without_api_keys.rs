//! Keeping API keys and logins back from the registry's grants.

use super::store::Grants;
use super::{GrantError, Right};

/// Whether API keys and logins are kept back: nothing where there is no
/// grant of a registry.
pub fn is_on(grants: &Grants) -> Option<bool> {
    let state = grants.as_written();
    let kept = state.grants.values().filter(|grant| grant.is_persistent);
    kept.map(|grant| grant.right.without_api_keys())
        .reduce(|one, other| one || other)
}

/// Keeps them back from all the registry's grants, or from none: at once,
/// also for programs that run. Answers whether that is new.
pub async fn set(grants: &Grants, keep_back: bool) -> Result<bool, GrantError> {
    let mut changed = Vec::new();
    for (id, grant) in &mut grants.state.lock().grants {
        if grant.right.set_without_api_keys(keep_back) {
            changed.push(id.clone());
        }
    }
    let saved = grants.save_right(&changed, keep_back).await;
    if saved.is_err() && !keep_back {
        // It would be back with the next daemon. A restriction that is not
        // written down holds until then all the same.
        let mut state = grants.state.lock();
        for id in &changed {
            if let Some(grant) = state.grants.get_mut(id) {
                grant.right.set_without_api_keys(true);
            }
        }
    }
    saved
        .map(|()| !changed.is_empty())
        .map_err(GrantError::Unsaved)
}

impl Right {
    /// Answers whether that is new.
    pub(super) fn set_without_api_keys(&mut self, keep_back: bool) -> bool {
        match self {
            Self::Registry {
                without_api_keys, ..
            } => std::mem::replace(without_api_keys, keep_back) != keep_back,
            Self::Credentials { .. } => false,
        }
    }
}
