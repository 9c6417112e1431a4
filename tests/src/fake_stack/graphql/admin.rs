//! What only admins may ask and do.

use async_graphql::{Context, ID, Object, SimpleObject};

use super::api_keys::{ApiKey, ApiKeyRevokeResult, ApiKeyStatus};
use super::sso::{SetSsoConfigResult, SsoConfig};
use super::tabulator::{BucketSetTabulatorTableResult, rename_table, set_table};
use super::users::{UserAdminMutations, UserAdminQueries};
use super::{core, viewer};
use crate::fake_stack::identity::keys::Filter;

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

pub(super) fn require_admin(context: &Context<'_>) -> async_graphql::Result<()> {
    if viewer(context)?.admin {
        return Ok(());
    }
    Err(async_graphql::Error::new("Admin access required"))
}

pub(crate) struct AdminQueries;

#[Object]
impl AdminQueries {
    async fn user(&self) -> UserAdminQueries {
        UserAdminQueries
    }

    async fn sso_config(&self, context: &Context<'_>) -> async_graphql::Result<Option<SsoConfig>> {
        SsoConfig::now(core(context)?)
    }

    async fn is_default_role_setting_disabled(
        &self,
        context: &Context<'_>,
    ) -> async_graphql::Result<bool> {
        Ok(core(context)?.administration.lock().sso.is_some())
    }

    async fn tabulator_open_query(&self, context: &Context<'_>) -> async_graphql::Result<bool> {
        Ok(core(context)?.administration.lock().tabulator_open_query)
    }

    async fn api_keys(&self) -> AdminApiKeys {
        AdminApiKeys
    }
}

pub(crate) struct AdminApiKeys;

#[Object(name = "APIKeyAdminQueries")]
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
    async fn user(&self) -> UserAdminMutations {
        UserAdminMutations
    }

    /// Removes it where there is no text.
    async fn set_sso_config(
        &self,
        context: &Context<'_>,
        config: Option<String>,
    ) -> async_graphql::Result<Option<SetSsoConfigResult>> {
        SsoConfig::set(core(context)?, viewer(context)?, config)
    }

    async fn bucket_set_tabulator_table(
        &self,
        context: &Context<'_>,
        bucket_name: String,
        table_name: String,
        config: Option<String>,
    ) -> async_graphql::Result<BucketSetTabulatorTableResult> {
        Ok(set_table(core(context)?, &bucket_name, table_name, config))
    }

    async fn bucket_rename_tabulator_table(
        &self,
        context: &Context<'_>,
        bucket_name: String,
        table_name: String,
        new_table_name: String,
    ) -> async_graphql::Result<BucketSetTabulatorTableResult> {
        let core = core(context)?;
        Ok(rename_table(
            core,
            &bucket_name,
            &table_name,
            new_table_name,
        ))
    }

    async fn set_tabulator_open_query(
        &self,
        context: &Context<'_>,
        enabled: bool,
    ) -> async_graphql::Result<TabulatorOpenQueryResult> {
        core(context)?.administration.lock().tabulator_open_query = enabled;
        Ok(TabulatorOpenQueryResult {
            tabulator_open_query: enabled,
        })
    }

    async fn api_keys(&self) -> AdminApiKeyMutations {
        AdminApiKeyMutations
    }
}

#[derive(SimpleObject)]
pub(crate) struct TabulatorOpenQueryResult {
    tabulator_open_query: bool,
}

pub(crate) struct AdminApiKeyMutations;

#[Object(name = "APIKeyAdminMutations")]
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
