//! Who the stack says the user is.

use serde::{Deserialize, Serialize};

/// The user behind the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Me {
    /// User name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Whether the user administers the stack.
    pub is_admin: bool,
    /// The active role; absent when the user has none.
    pub role: Option<String>,
    /// Every role the user may switch to.
    pub roles: Vec<String>,
}
