//! API keys: their shape, and what one can do with one's own.

use std::sync::Arc;

use async_graphql::{
    Context, Enum, ID, InputObject, InputValueError, InputValueResult, Object, Scalar, ScalarType,
    SimpleObject, Union, Value,
};
use jiff::Timestamp;

use super::outcome::{InvalidInput, Ok as Done};
use super::{core, viewer};
use crate::fake_stack::clock;
use crate::fake_stack::identity::keys::{self, Filter};
use crate::fake_stack::state::Core;

const SECONDS_A_DAY: i64 = 86_400;

/// ISO 8601.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Datetime(pub(crate) Timestamp);

#[Scalar(name = "Datetime")]
impl ScalarType for Datetime {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => Ok(Self(text.parse().map_err(InputValueError::custom)?)),
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Enum)]
#[graphql(name = "APIKeyStatus")]
pub(crate) enum ApiKeyStatus {
    Active,
    Expired,
}

#[derive(Debug, SimpleObject)]
#[graphql(name = "APIKey")]
pub(crate) struct ApiKey {
    id: ID,
    name: String,
    fingerprint: String,
    created_at: Datetime,
    expires_at: Datetime,
    last_used_at: Option<Datetime>,
    status: ApiKeyStatus,
    user_email: String,
}

impl ApiKey {
    pub(crate) fn new(core: &Core, key: &keys::ApiKey) -> Self {
        let expired = key.expired(core.clock.now());
        let owner = core
            .users
            .lock()
            .user(&key.user)
            .map(|user| user.email.clone());
        Self {
            id: ID(key.id.clone()),
            name: key.name.clone(),
            fingerprint: key.fingerprint.clone(),
            created_at: Datetime(key.created_at),
            expires_at: Datetime(key.expires_at),
            last_used_at: key.last_used_at.map(Datetime),
            status: if expired {
                ApiKeyStatus::Expired
            } else {
                ApiKeyStatus::Active
            },
            user_email: owner.unwrap_or_default(),
        }
    }

    pub(crate) fn list(core: &Arc<Core>, filter: &Filter) -> Vec<Self> {
        let keys = core.keys.lock().list(filter, core.clock.now());
        keys.iter().map(|key| Self::new(core, key)).collect()
    }
}

#[derive(Debug, InputObject)]
#[graphql(name = "APIKeyCreateInput")]
pub(crate) struct ApiKeyCreateInput {
    name: String,
    #[graphql(default = 90)]
    expires_in_days: i64,
}

#[derive(Debug, SimpleObject)]
#[graphql(name = "APIKeyCreated")]
pub(crate) struct ApiKeyCreated {
    api_key: ApiKey,
    /// Shown this once.
    secret: String,
}

#[derive(Union)]
#[graphql(name = "APIKeyCreateResult")]
pub(crate) enum ApiKeyCreateResult {
    Created(ApiKeyCreated),
    InvalidInput(InvalidInput),
}

#[derive(Union)]
#[graphql(name = "APIKeyRevokeResult")]
pub(crate) enum ApiKeyRevokeResult {
    Ok(Done),
    InvalidInput(InvalidInput),
}

impl ApiKeyRevokeResult {
    /// Revoked, or there was none.
    pub(crate) fn new(path: &str, revoked: bool) -> Self {
        if revoked {
            return Self::Ok(Done::default());
        }
        Self::InvalidInput(InvalidInput::new(path, "NotFound", "API key not found"))
    }
}

#[derive(Default)]
pub(crate) struct ApiKeyMutation;

#[Object]
impl ApiKeyMutation {
    async fn api_key_create(
        &self,
        context: &Context<'_>,
        input: ApiKeyCreateInput,
    ) -> async_graphql::Result<ApiKeyCreateResult> {
        let (core, user) = (core(context)?, viewer(context)?);
        if let Some(refused) = refuse(&input) {
            return Ok(ApiKeyCreateResult::InvalidInput(refused));
        }
        let now = core.clock.now();
        let expires_at = clock::plus(now, input.expires_in_days * SECONDS_A_DAY);
        let created = core
            .keys
            .lock()
            .create(&user.name, &input.name, now, expires_at, None);
        let (key, secret) = created;
        let api_key = ApiKey::new(core, &key);
        Ok(ApiKeyCreateResult::Created(ApiKeyCreated {
            api_key,
            secret,
        }))
    }

    /// Revokes one's own key, by id or by secret.
    async fn api_key_revoke(
        &self,
        context: &Context<'_>,
        id: Option<ID>,
        secret: Option<String>,
    ) -> async_graphql::Result<ApiKeyRevokeResult> {
        let (core, user) = (core(context)?, viewer(context)?);
        let mut keys = core.keys.lock();
        let (path, key) = match (&id, &secret) {
            (Some(id), _) => ("id", keys.by_id(id)),
            (None, Some(secret)) => ("secret", keys.by_secret(secret)),
            (None, None) => {
                let message = "Either id or secret is required";
                let refused = InvalidInput::new("id", "MissingInput", message);
                return Ok(ApiKeyRevokeResult::InvalidInput(refused));
            }
        };
        let own = key
            .filter(|key| key.user == user.name)
            .map(|key| key.id.clone());
        Ok(ApiKeyRevokeResult::new(
            path,
            own.is_some_and(|id| keys.revoke(&id)),
        ))
    }
}

fn refuse(input: &ApiKeyCreateInput) -> Option<InvalidInput> {
    if input.name.trim().is_empty() {
        let message = "Name must not be empty";
        return Some(InvalidInput::new("input.name", "InvalidName", message));
    }
    if !(1..=365).contains(&input.expires_in_days) {
        let message = "Expiration must be between 1 and 365 days";
        return Some(InvalidInput::new(
            "input.expiresInDays",
            "InvalidExpiration",
            message,
        ));
    }
    None
}
