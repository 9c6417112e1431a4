//! API keys over GraphQL: one's own, and for admins everybody's.

use quilt_proto::wire::{ApiKey, ApiKeyFilter, ApiKeyStatus, CreatedApiKey, NewApiKey};
use quilt_proto::{ApiKeyId, ApiKeySecret, Quoted, Reason, Secret, Timestamp};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::graphql::{Operation, operation, take};
use super::me::LONGEST_NAME;
use super::{RegistryClient, StackError};

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

/// What tells which key to revoke.
#[derive(Debug)]
pub enum KeySelector {
    /// Its id.
    Id(ApiKeyId),
    /// Its secret.
    Secret(ApiKeySecret),
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

impl RegistryClient<'_> {
    /// The keys a filter lets through, in the stack's order.
    pub async fn api_keys(
        self,
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
                let data = self.graphql(&LIST, variables).await?;
                take(&mut self.viewer(data)?, "apiKeys")
            }
            Scope::All => {
                variables["email"] = json!(filter.email);
                let data = self.graphql(&ADMIN_LIST, variables).await?;
                take(&mut self.admin(data)?, "list")
            }
        };
        let keys: Vec<Listed> = self.read(keys)?;
        Ok(keys.into_iter().map(ApiKey::from).collect())
    }

    /// One key; `None` where the stack knows none of that id.
    pub async fn api_key(self, scope: Scope, id: &ApiKeyId) -> Result<Option<ApiKey>, StackError> {
        let variables = json!({ "id": id });
        let key = match scope {
            Scope::Own => {
                let data = self.graphql(&GET, variables).await?;
                take(&mut self.viewer(data)?, "apiKey")
            }
            Scope::All => {
                let data = self.graphql(&ADMIN_GET, variables).await?;
                take(&mut self.admin(data)?, "get")
            }
        };
        let key: Option<Listed> = self.read(key)?;
        Ok(key.map(ApiKey::from))
    }

    /// Makes a key for the user.
    pub async fn create_api_key(self, new: &NewApiKey) -> Result<CreatedApiKey, StackError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Created {
            api_key: Listed,
            secret: Secret,
        }
        let variables = json!({
            "input": { "name": new.name, "expiresInDays": new.expires_in_days },
        });
        let mut data = self.graphql(&CREATE, variables).await?;
        let answer = take(&mut data, "apiKeyCreate");
        if answer["__typename"] != "APIKeyCreated" {
            return Err(self.rejected(&answer, &[self.bearer]));
        }
        let created: Created = self.read(answer)?;
        Ok(CreatedApiKey {
            api_key: created.api_key.into(),
            secret: created.secret,
        })
    }

    /// Revokes a key: it is gone from every list and refused from now on.
    pub async fn revoke_api_key(self, scope: Scope, key: &KeySelector) -> Result<(), StackError> {
        let (variables, secret) = match key {
            KeySelector::Id(id) => (json!({ "id": id }), self.bearer),
            KeySelector::Secret(secret) => {
                let secret = secret.secret();
                (json!({ "secret": secret }), secret)
            }
        };
        let answer = match scope {
            Scope::Own => {
                let mut data = self.graphql(&REVOKE, variables).await?;
                take(&mut data, "apiKeyRevoke")
            }
            Scope::All => {
                let data = self.graphql(&ADMIN_REVOKE, variables).await?;
                take(&mut self.admin(data)?, "revoke")
            }
        };
        if answer["__typename"] == "Ok" {
            return Ok(());
        }
        Err(self.rejected(&answer, &[self.bearer, secret]))
    }

    /// The admin's part of an answer; null for everybody else.
    fn admin(self, mut data: Value) -> Result<Value, StackError> {
        match take(&mut take(&mut data, "admin"), "apiKeys") {
            Value::Null => Err(StackError::Refused {
                host: self.host(),
                message: Reason::Own("only admins are answered"),
            }),
            part => Ok(part),
        }
    }

    /// An answer that is not the one hoped for.
    fn rejected(self, answer: &Value, secrets: &[&Secret]) -> StackError {
        if answer["__typename"] != "InvalidInput" {
            return self.invalid("neither done nor refused");
        }
        let error = &answer["errors"][0];
        let text = |field: &str| {
            let text = error[field].as_str().unwrap_or_default();
            Quoted::without_tokens(text, secrets)
        };
        StackError::Input {
            host: self.host(),
            name: text("name"),
            message: Reason::theirs_or(text("message"), "the input"),
        }
    }

    fn read<T: DeserializeOwned>(self, value: Value) -> Result<T, StackError> {
        serde_json::from_value(value)
            .map_err(|_| self.invalid("its description of an API key is incomplete"))
    }
}
