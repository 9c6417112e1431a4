//! Who the user is, and which role is active.

use quilt_proto::wire::Me;
use quilt_proto::{Quoted, Reason, RegistryUrl, Secret};
use serde::Deserialize;
use serde_json::{Value, json};

use super::graphql::Operation;
use super::http::host;
use super::{StackClient, StackError};

/// The longest name of a user or role, in bytes.
pub(super) const LONGEST_NAME: usize = 1024;

/// The most roles a user has.
const MOST_ROLES: usize = 1000;

const ME: Operation = Operation {
    name: "me",
    document: include_str!("queries/me.graphql"),
};

const SWITCH_ROLE: Operation = Operation {
    name: "switchRole",
    document: include_str!("queries/switch_role.graphql"),
};

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

/// The user behind `bearer`. A stack that knows no such user says so with
/// `me: null`, which is [`StackError::Unauthorized`] here.
pub async fn get(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
) -> Result<Me, StackError> {
    let mut data = stack.graphql(registry, bearer, &ME, json!({})).await?;
    let me = data.get_mut("me").map(Value::take).unwrap_or_default();
    if me.is_null() {
        return Err(StackError::unknown_bearer(host(registry.as_str())));
    }
    read_user(registry, me)
}

/// Whether an error in an answer to the operation of this name is because
/// the stack does not know whose `bearer` is. Its words for that are not
/// documented, so it is asked who that is.
pub async fn rejects_bearer(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    operation: &str,
) -> bool {
    operation != ME.name
        && matches!(
            get(stack, registry, bearer).await,
            Err(StackError::Unauthorized { .. })
        )
}

/// Makes `role` the user's active role, everywhere.
pub async fn switch_role(
    stack: &StackClient,
    registry: &RegistryUrl,
    bearer: &Secret,
    role: &str,
) -> Result<Me, StackError> {
    let variables = json!({ "roleName": role });
    let mut data = stack
        .graphql(registry, bearer, &SWITCH_ROLE, variables)
        .await?;
    let answer = data
        .get_mut("switchRole")
        .map(Value::take)
        .unwrap_or_default();
    let refused = match answer.get("__typename").and_then(Value::as_str) {
        Some("Me") => return read_user(registry, answer),
        Some("InvalidInput") => answer["errors"][0]["message"].as_str(),
        Some("OperationError") => answer["message"].as_str(),
        _ => None,
    };
    let said = refused.and_then(|text| Quoted::without_tokens(text, &[bearer]));
    Err(StackError::Refused {
        host: host(registry.as_str()),
        message: Reason::theirs_or(said, "it gave no reason"),
    })
}

fn read_user(registry: &RegistryUrl, value: Value) -> Result<Me, StackError> {
    let invalid = |reason: &str| StackError::Invalid {
        host: host(registry.as_str()),
        reason: reason.to_owned(),
    };
    let user: User = serde_json::from_value(value)
        .map_err(|_| invalid("its description of the user is incomplete"))?;
    let me = Me::from(user);
    let names = [&me.name, &me.email].into_iter().chain(&me.role);
    let are_names = names
        .chain(&me.roles)
        .all(|name| name.len() <= LONGEST_NAME);
    if !are_names || me.roles.len() > MOST_ROLES {
        return Err(invalid("its description of the user is longer than any"));
    }
    Ok(me)
}
