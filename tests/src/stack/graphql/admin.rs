//! What only admins may ask and do.

use async_graphql::{Context, ID, Object};

use super::api_keys::{ApiKey, ApiKeyRevokeResult, ApiKeyStatus};
use super::{core, viewer};
use crate::stack::identity::keys::Filter;

#[derive(Default)]
pub(crate) struct AdminQuery;

#[Object]
impl AdminQuery {
    async fn admin(&self, context: &Context<'_>) -> async_graphql::Result<AdminQueries> {
        require_admin(context)?;
        Ok(AdminQueries)
    }
}

#[derive(Default)]
pub(crate) struct AdminMutation;

#[Object]
impl AdminMutation {
    async fn admin(&self, context: &Context<'_>) -> async_graphql::Result<AdminMutations> {
        require_admin(context)?;
        Ok(AdminMutations)
    }
}

fn require_admin(context: &Context<'_>) -> async_graphql::Result<()> {
    if viewer(context)?.admin {
        return Ok(());
    }
    Err(async_graphql::Error::new("Admin access required"))
}

pub(crate) struct AdminQueries;

#[Object]
impl AdminQueries {
    async fn api_keys(&self) -> AdminApiKeys {
        AdminApiKeys
    }
}

pub(crate) struct AdminApiKeys;

#[Object(name = "AdminAPIKeyQueries")]
impl AdminApiKeys {
    async fn list(
        &self,
        context: &Context<'_>,
        email: Option<String>,
        name: Option<String>,
        fingerprint: Option<String>,
        status: Option<ApiKeyStatus>,
    ) -> async_graphql::Result<Vec<ApiKey>> {
        let core = core(context)?;
        let user = match email {
            None => None,
            Some(email) => {
                let users = core.users.lock();
                let owner = users.users().find(|user| user.email == email);
                let Some(owner) = owner else {
                    return Ok(Vec::new());
                };
                Some(owner.name.clone())
            }
        };
        let expired = status.map(|status| status == ApiKeyStatus::Expired);
        let filter = Filter {
            user,
            name,
            fingerprint,
            expired,
        };
        Ok(ApiKey::list(core, &filter))
    }

    async fn get(&self, context: &Context<'_>, id: ID) -> async_graphql::Result<Option<ApiKey>> {
        let core = core(context)?;
        let keys = core.keys.lock();
        Ok(keys.by_id(&id).map(|key| ApiKey::new(core, key)))
    }
}

pub(crate) struct AdminMutations;

#[Object]
impl AdminMutations {
    async fn api_keys(&self) -> AdminApiKeyMutations {
        AdminApiKeyMutations
    }
}

pub(crate) struct AdminApiKeyMutations;

#[Object(name = "AdminAPIKeyMutations")]
impl AdminApiKeyMutations {
    /// Revokes anybody's key.
    async fn revoke(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<ApiKeyRevokeResult> {
        let revoked = core(context)?.keys.lock().revoke(&id);
        Ok(ApiKeyRevokeResult::new("id", revoked))
    }
}
