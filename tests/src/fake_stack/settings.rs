//! What can be changed while the stack runs.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Lifetimes and manners of the deployment. All of it can be changed at any time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Life of an access token, seconds. Zero or less: already expired on arrival.
    pub access_token_seconds: i64,
    /// Life of the AWS credentials of `get_credentials`, seconds. Zero or less: already
    /// expired on arrival.
    pub credential_seconds: i64,
    /// Life of AssumeRole's credentials, seconds, whatever the caller asked for (AWS itself
    /// gives no less than 900).
    pub assume_role_seconds: Option<i64>,
    /// What becomes of a refresh token once it was used.
    pub rotation: Rotation,
    /// How `/api/token` refuses a refresh token.
    pub token_refusal: TokenRefusal,
    /// How `/graphql` answers a bearer token it does not accept.
    pub graphql_refusal: GraphqlRefusal,
    /// Delay before every answer, milliseconds.
    pub latency_ms: u64,
    /// Keys of `config.json` to replace; `null` removes the key.
    pub config_overrides: Map<String, Value>,
    /// The OAuth 2.1 server.
    pub connect: ConnectSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            access_token_seconds: 3600,
            credential_seconds: 3600,
            assume_role_seconds: None,
            rotation: Rotation::default(),
            token_refusal: TokenRefusal::default(),
            graphql_refusal: GraphqlRefusal::default(),
            latency_ms: 0,
            config_overrides: Map::new(),
            connect: ConnectSettings::default(),
        }
    }
}

impl Settings {
    /// These settings with a JSON merge patch (RFC 7396) applied.
    pub fn merged(&self, patch: &Value) -> Result<Self, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        merge(&mut value, patch);
        serde_json::from_value(value)
    }
}

/// What becomes of a refresh token once it was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rotation {
    /// The old token dies at once, and its reuse kills the whole session (RFC 9700, 4.14.2).
    #[default]
    Strict,
    /// The old token lives until a token it was exchanged for is used.
    Grace,
}

/// How `/api/token` refuses a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TokenRefusal {
    /// Status 401.
    #[default]
    Unauthorized,
    /// Status 400.
    BadRequest,
    /// Status 200 and `{"error": …}`, which real stacks do as well.
    OkWithError,
}

/// How `/graphql` answers a bearer token it does not accept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GraphqlRefusal {
    /// Status 401.
    #[default]
    Unauthorized,
    /// Status 200 and `me: null`, as for a caller without any token.
    Anonymous,
}

/// Manners of the OAuth 2.1 server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent switches, each of its own"
)]
pub struct ConnectSettings {
    /// Whether this deployment has an OAuth server at all; if not, its paths are 404.
    pub enabled: bool,
    /// Whether loopback redirects may be registered.
    pub loopback_allowed: bool,
    /// Whether a registered loopback redirect matches any port (RFC 8252, 7.3), or only the
    /// one it was registered with.
    pub loopback_any_port: bool,
    /// Authorize as this user without showing a page.
    pub auto_approve: Option<String>,
    /// Leave `expires_in` out of token answers.
    pub omit_expires_in: bool,
    /// Leave `refresh_token` out of refresh answers; the old one stays good.
    pub omit_refresh_token: bool,
}

impl Default for ConnectSettings {
    fn default() -> Self {
        Self {
            enabled: true,
            loopback_allowed: true,
            loopback_any_port: true,
            auto_approve: None,
            omit_expires_in: false,
            omit_refresh_token: false,
        }
    }
}

/// Applies a JSON merge patch (RFC 7396).
pub(crate) fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    if let Value::Object(target) = target {
        for (key, value) in patch {
            // An override of `null` is a value of its own here: it removes a documented key.
            if value.is_null() && !target.contains_key(key) {
                target.insert(key.clone(), Value::Null);
            } else {
                merge(target.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_changes_only_what_it_names() {
        let settings = Settings::default();
        let patched = settings
            .merged(&json!({"access_token_seconds": 5, "connect": {"enabled": false}}))
            .unwrap();
        assert_eq!(patched.access_token_seconds, 5);
        assert!(!patched.connect.enabled);
        assert_eq!(patched.credential_seconds, settings.credential_seconds);
        assert!(patched.connect.loopback_any_port);
    }

    #[test]
    fn an_unknown_setting_is_refused() {
        assert!(Settings::default().merged(&json!({"lifetime": 5})).is_err());
    }

    #[test]
    fn null_clears_a_setting_and_hides_a_config_key() {
        let settings = Settings {
            assume_role_seconds: Some(3),
            ..Settings::default()
        };
        let patch = json!({"assume_role_seconds": null, "config_overrides": {"region": null}});
        let patched = settings.merged(&patch).unwrap();
        assert_eq!(patched.assume_role_seconds, None);
        assert_eq!(patched.config_overrides["region"], Value::Null);
    }
}
