//! API keys over GraphQL: one's own, and for admins everybody's.

use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus, CreatedApiKey, NewApiKey};
use quilt_proto::{ApiKeyId, Quoted, Reason, RegistryUrl, Secret, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::graphql::Operation;
use super::http::host;
use super::me::LONGEST_NAME;
use super::{StackClient, StackError};

macro_rules! operation {
    ($name:literal, $file:literal) => {
        Operation {
            name: $name,
            document: include_str!(concat!("queries/", $file)),
        }
    };
}

const LIST: Operation = operation!("apiKeysList", "api_keys.graphql");
const GET: Operation = operation!("apiKeyGet", "api_key.graphql");
const CREATE: Operation = operation!("apiKeyCreate", "create_api_key.graphql");
const REVOKE: Operation = operation!("apiKeyRevoke", "revoke_api_key.graphql");
const ADMIN_LIST: Operation = operation!("adminApiKeysList", "admin_api_keys.graphql");
const ADMIN_GET: Operation = operation!("adminApiKeyGet", "admin_api_key.graphql");
const ADMIN_REVOKE: Operation = operation!("adminApiKeyRevoke", "admin_revoke_api_key.graphql");

/// Whose keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The bearer's own.
    Own,
    /// Everybody's, if the bearer is an admin.
    All,
}

/// What tells the stack which key to revoke.
#[derive(Clone, Copy, Debug)]
pub enum Revoked<'a> {
    /// Its identifier.
    Id(&'a ApiKeyId),
    /// Its secret.
    Secret(&'a Secret),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Listed {
    id: ApiKeyId,
    name: String,
    fingerprint: String,
    created_at: Timestamp,
    expires_at: Timestamp,
    last_used_at: Option<Timestamp>,
    status: ApiKeyStatus,
    user_email: String,
}

impl From<Listed> for ApiKey {
    fn from(key: Listed) -> Self {
        Self {
            id: key.id.to_string(),
            name: bounded(key.name),
            fingerprint: bounded(key.fingerprint),
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
            status: key.status,
            user_email: bounded(key.user_email),
        }
    }
}

/// A text of the stack, cut where no honest one is as long.
fn bounded(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(LONGEST_NAME));
    text
}

/// The keys a filter lets through, in the stack's order.
pub async fn list(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    scope: Scope,
    filter: &ApiKeyFilter,
) -> Result<Vec<ApiKey>, StackError> {
    let mut variables = json!({
        "name": filter.name,
        "fingerprint": filter.fingerprint,
        "status": filter.status,
    });
    let keys = match scope {
        Scope::Own => {
            let data = stack.graphql(registry, bearer, &LIST, variables).await?;
            take(&mut of_viewer(registry, data)?, "apiKeys")
        }
        Scope::All => {
            variables["email"] = json!(filter.email);
            let data = stack.graphql(registry, bearer, &ADMIN_LIST, variables);
            take(&mut of_admin(registry, data.await?)?, "list")
        }
    };
    let keys: Vec<Listed> = read(registry, keys)?;
    Ok(keys.into_iter().map(ApiKey::from).collect())
}

/// One key; `None` where the stack knows none of that id.
pub async fn get(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    scope: Scope,
    id: &ApiKeyId,
) -> Result<Option<ApiKey>, StackError> {
    let variables = json!({ "id": id });
    let key = match scope {
        Scope::Own => {
            let data = stack.graphql(registry, bearer, &GET, variables).await?;
            take(&mut of_viewer(registry, data)?, "apiKey")
        }
        Scope::All => {
            let data = stack.graphql(registry, bearer, &ADMIN_GET, variables);
            take(&mut of_admin(registry, data.await?)?, "get")
        }
    };
    let key: Option<Listed> = read(registry, key)?;
    Ok(key.map(ApiKey::from))
}

/// Makes a key for whoever `bearer` belongs to.
pub async fn create(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    new: &NewApiKey,
) -> Result<CreatedApiKey, StackError> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Created {
        api_key: Listed,
        secret: Secret,
    }
    let variables = json!({
        "input": { "name": new.name, "expiresInDays": new.expires_in_days },
    });
    let mut data = stack.graphql(registry, bearer, &CREATE, variables).await?;
    let answer = take(&mut data, "apiKeyCreate");
    if answer["__typename"] != "APIKeyCreated" {
        return Err(rejected(registry, &answer, &[bearer]));
    }
    let created: Created = read(registry, answer)?;
    Ok(CreatedApiKey {
        api_key: created.api_key.into(),
        secret: created.secret,
    })
}

/// Revokes a key: it is gone from every list and refused from now on.
pub async fn revoke(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    scope: Scope,
    key: Revoked<'_>,
) -> Result<(), StackError> {
    let (variables, secret) = match key {
        Revoked::Id(id) => (json!({ "id": id }), bearer),
        Revoked::Secret(secret) => (json!({ "secret": secret }), secret),
    };
    let answer = match scope {
        Scope::Own => {
            let data = stack.graphql(registry, bearer, &REVOKE, variables);
            take(&mut data.await?, "apiKeyRevoke")
        }
        Scope::All => {
            let data = stack.graphql(registry, bearer, &ADMIN_REVOKE, variables);
            take(&mut of_admin(registry, data.await?)?, "revoke")
        }
    };
    if answer["__typename"] == "Ok" {
        return Ok(());
    }
    Err(rejected(registry, &answer, &[bearer, secret]))
}

/// A field, or null where there is none, whatever the value is.
fn take(value: &mut Value, field: &str) -> Value {
    value.get_mut(field).map(Value::take).unwrap_or_default()
}

/// What the stack says of the user; it knows none with a token it refuses.
fn of_viewer(registry: &RegistryUrl, mut data: Value) -> Result<Value, StackError> {
    match take(&mut data, "me") {
        Value::Null => Err(StackError::unknown_bearer(host(registry.as_str()))),
        me => Ok(me),
    }
}

/// The admin's part of an answer; null for everybody else.
fn of_admin(registry: &RegistryUrl, mut data: Value) -> Result<Value, StackError> {
    match take(&mut take(&mut data, "admin"), "apiKeys") {
        Value::Null => Err(StackError::Refused {
            host: host(registry.as_str()),
            message: Reason::Own("only admins are answered"),
        }),
        part => Ok(part),
    }
}

/// An answer that is not the one hoped for.
fn rejected(registry: &RegistryUrl, answer: &Value, secrets: &[&Secret]) -> StackError {
    let host = host(registry.as_str());
    if answer["__typename"] != "InvalidInput" {
        return StackError::Invalid {
            host,
            reason: "neither done nor refused".to_owned(),
        };
    }
    let error = &answer["errors"][0];
    let text = |field: &str| {
        let text = error[field].as_str().unwrap_or_default();
        Quoted::without_tokens(text, secrets)
    };
    StackError::Input {
        host,
        name: text("name"),
        message: Reason::theirs_or(text("message"), "the input"),
    }
}

fn read<T: DeserializeOwned>(registry: &RegistryUrl, value: Value) -> Result<T, StackError> {
    serde_json::from_value(value).map_err(|_| StackError::Invalid {
        host: host(registry.as_str()),
        reason: "its description of an API key is incomplete".to_owned(),
    })
}
