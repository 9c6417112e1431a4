//! API keys over a restart.

use serde::{Deserialize, Serialize};

use crate::CatalogUrl;

/// The first argument of a quiltd that carries API keys to the next.
pub const CARRY_KEYS: &str = "__carry-keys";

/// What it says, on a line, once it has them.
pub const CARRIED: &str = "carried";

/// What it says, on a line, once the next daemon has them.
pub const HANDED_OVER: &str = "handed over";

/// What a daemon offers to the one that follows it. Holds no key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct KeyOffer {
    /// The catalogs whose keys it has and would be lost; none where the next
    /// daemon gets all of them as this one did.
    pub catalogs: Vec<CatalogUrl>,
    /// Where it offers them; null where there are none.
    pub socket: Option<String>,
    /// Whether a service manager started it, and starts the next one once it
    /// ends as [`ShutdownQuery::again`](crate::api::ShutdownQuery) has it.
    #[serde(default)]
    pub comes_again: bool,
    /// The program that it expects to come, where that can be said.
    pub program: Option<String>,
}
