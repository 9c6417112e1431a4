//! `me` and the switching of roles.

use async_graphql::{Context, ID, Object, SimpleObject, Union};

use super::api_keys::{ApiKey, ApiKeyStatus};
use super::outcome::{InvalidInput, OperationError};
use super::{Viewer, core, viewer};
use crate::fake_stack::identity::keys::Filter;
use crate::fake_stack::identity::users::User;

#[derive(Default)]
pub(crate) struct MeQuery;

#[Object]
impl MeQuery {
    /// Who is asking; null without a valid token.
    async fn me(&self, context: &Context<'_>) -> Option<Me> {
        context
            .data_opt::<Viewer>()
            .map(|viewer| Me(viewer.0.clone()))
    }
}

#[derive(Default)]
pub(crate) struct MeMutation;

#[Object]
impl MeMutation {
    /// Makes another of one's roles the active one.
    async fn switch_role(
        &self,
        context: &Context<'_>,
        role_name: String,
    ) -> async_graphql::Result<SwitchRoleResult> {
        let user = viewer(context)?;
        let mut users = core(context)?.users.lock();
        if let Err(error) = users.switch_role(&user.name, &role_name) {
            let refused = InvalidInput::new("roleName", "InvalidRole", error.to_string());
            return Ok(SwitchRoleResult::InvalidInput(refused));
        }
        let user = users
            .user(&user.name)
            .cloned()
            .unwrap_or_else(|| user.clone());
        Ok(SwitchRoleResult::Me(Box::new(Me(user))))
    }
}

#[derive(Union)]
pub(crate) enum SwitchRoleResult {
    Me(Box<Me>),
    InvalidInput(InvalidInput),
    OperationError(OperationError),
}

/// The user who asks.
pub(crate) struct Me(User);

#[derive(SimpleObject)]
pub(crate) struct MyRole {
    name: String,
}

#[Object]
impl Me {
    async fn name(&self) -> &str {
        &self.0.name
    }

    async fn email(&self) -> &str {
        &self.0.email
    }

    async fn is_admin(&self) -> bool {
        self.0.admin
    }

    /// The active role.
    async fn role(&self) -> MyRole {
        MyRole {
            name: self.0.role.clone(),
        }
    }

    /// Every role that can be switched to.
    async fn roles(&self) -> Vec<MyRole> {
        self.0
            .roles
            .iter()
            .map(|name| MyRole { name: name.clone() })
            .collect()
    }

    /// One's own keys.
    async fn api_keys(
        &self,
        context: &Context<'_>,
        name: Option<String>,
        fingerprint: Option<String>,
        status: Option<ApiKeyStatus>,
    ) -> async_graphql::Result<Vec<ApiKey>> {
        let filter = Filter {
            user: Some(self.0.name.clone()),
            name,
            fingerprint,
            expired: status.map(|status| status == ApiKeyStatus::Expired),
        };
        Ok(ApiKey::list(core(context)?, &filter))
    }

    /// One of one's own keys.
    async fn api_key(
        &self,
        context: &Context<'_>,
        id: ID,
    ) -> async_graphql::Result<Option<ApiKey>> {
        let core = core(context)?;
        let keys = core.keys.lock();
        let own = keys.by_id(&id).filter(|key| key.user == self.0.name);
        Ok(own.map(|key| ApiKey::new(core, key)))
    }
}
