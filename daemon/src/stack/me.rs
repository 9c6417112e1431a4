//! Who the user is, and which role is active.

use quilt_proto::wire::Me;
use quilt_proto::{Quoted, Reason};
use serde::Deserialize;
use serde_json::{Value, json};

use super::graphql::{Operation, operation, take};
use super::{RegistryClient, StackError};

/// The longest name of a user or role, in bytes.
pub(super) const LONGEST_NAME: usize = 1024;

/// The most roles a user has.
const MOST_ROLES: usize = 1000;

pub(super) const ME: Operation = operation!("me", "me.graphql");
const SWITCH_ROLE: Operation = operation!("switchRole", "switch_role.graphql");

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct User {
    name: String,
    email: String,
    is_admin: bool,
    role: Option<Role>,
    #[serde(default)]
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

impl From<User> for Me {
    fn from(user: User) -> Self {
        Self {
            name: user.name,
            email: user.email,
            is_admin: user.is_admin,
            role: user.role.map(|role| role.name),
            roles: user.roles.into_iter().map(|role| role.name).collect(),
        }
    }
}

impl RegistryClient<'_> {
    /// The user behind the bearer token. A stack that knows no such user says so
    /// with `me: null`, which is [`StackError::Unauthorized`] here.
    pub async fn me(self) -> Result<Me, StackError> {
        let data = self.graphql(&ME, json!({})).await?;
        self.read_user(self.viewer(data)?)
    }

    /// Whether the stack does not know whose the bearer token is.
    pub async fn rejects_bearer(self) -> bool {
        matches!(self.me().await, Err(StackError::Unauthorized { .. }))
    }

    /// Makes `role` the user's active role, everywhere.
    pub async fn switch_role(self, role: &str) -> Result<Me, StackError> {
        let variables = json!({ "roleName": role });
        let mut data = self.graphql(&SWITCH_ROLE, variables).await?;
        let answer = take(&mut data, "switchRole");
        let refused = match answer.get("__typename").and_then(Value::as_str) {
            Some("Me") => return self.read_user(answer),
            Some("InvalidInput") => answer["errors"][0]["message"].as_str(),
            Some("OperationError") => answer["message"].as_str(),
            _ => None,
        };
        let said = refused.and_then(|text| Quoted::without_tokens(text, &[self.bearer]));
        Err(StackError::Refused {
            host: self.host(),
            message: Reason::theirs_or(said, "it gave no reason"),
        })
    }

    /// What the stack says of the user; it knows none with a token it refuses.
    pub(super) fn viewer(self, mut data: Value) -> Result<Value, StackError> {
        match take(&mut data, "me") {
            Value::Null => Err(StackError::unknown_bearer(self.host())),
            me => Ok(me),
        }
    }

    fn read_user(self, value: Value) -> Result<Me, StackError> {
        let user: User = serde_json::from_value(value)
            .map_err(|_| self.invalid("its description of the user is incomplete"))?;
        let me = Me::from(user);
        let names = [&me.name, &me.email].into_iter().chain(&me.role);
        let are_names = names
            .chain(&me.roles)
            .all(|name| name.len() <= LONGEST_NAME);
        if !are_names || me.roles.len() > MOST_ROLES {
            return Err(self.invalid("its description of the user is longer than any"));
        }
        Ok(me)
    }
}
