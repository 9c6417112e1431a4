//! The daemon itself: what it holds, its configuration, its log.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Action;
use crate::wire::{
    AuditEntry, ConfigUpdate, ConfigValues, Diagnosis, Health, KeyOffer, PasswordComparison,
    ProxyPasswords, Status,
};

/// How much of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct AuditQuery {
    /// From when on: an RFC 3339 time, or how long ago (`90s`, `30m`, `1h`,
    /// `7d`); everything there is when absent.
    pub since: Option<String>,
}

/// How to end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ShutdownQuery {
    /// With an exit code at which a service manager starts it again.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub again: bool,
}

endpoints! {
    /// Whether the daemon is alive.
    ReadHealth: Get "/v1/health" -> Health {}

    /// What is wrong, and the commands that mend it.
    ReadDiagnosis: Get "/v1/doctor" -> Diagnosis {}

    /// Which proxies the daemon knows by another password.
    ComparePasswords(body: ProxyPasswords): Post "/v1/network/comparison" -> PasswordComparison {
        const DESCRIPTION: Option<&'static str> = Some(
            "For `doctor`: the status shows no passwords, and a password that changed after the \
             daemon was started does not count for it.",
        );
        const SECRET: bool = true;
    }

    /// What the daemon holds.
    ReadStatus: Get "/v1/status" -> Status {
        const DESCRIPTION: Option<&'static str> = Some(
            "Every catalog somebody logged in to, and the configured one; with `catalog`, that one \
             alone. Never a secret.",
        );
    }

    /// The status, again whenever it changes.
    ///
    /// The answer is a stream of server-sent events.
    ReadEvents: Get "/v1/events" -> String {
        const DESCRIPTION: Option<&'static str> = Some(
            "Server-sent events named `status`; the data of each is what `GET /v1/status` answers. \
             Beyond a number of streams it answers 429 or 503 with `Retry-After`.",
        );
        const MEDIA_TYPE: &'static str = "text/event-stream";
    }

    /// Counts and durations for operators.
    ///
    /// The answer is text.
    ReadMetrics: Get "/metrics" -> String {
        // OpenMetrics 1.0, "Overall structure".
        const MEDIA_TYPE: &'static str =
            "application/openmetrics-text; version=1.0.0; charset=utf-8";
    }

    /// This document.
    ///
    /// The OpenAPI document of all this.
    ReadOpenApi: Get "/v1/openapi.json" -> Map<String, Value> {}

    /// The configuration shared with the Python SDK.
    ///
    /// As it is in effect.
    ReadConfig: Get "/v1/config" -> ConfigValues {}

    /// Autoconfigure from a catalog, or set values.
    ///
    /// Changes the configuration; answers with the new one.
    UpdateConfig(body: ConfigUpdate): Put "/v1/config" -> ConfigValues {
        const AUDIT: Option<Action> = Some(Action::new("config_update"));
    }

    /// Which local process got what, when.
    ReadAudit(query: AuditQuery): Get "/v1/audit" -> Vec<AuditEntry> {}

    /// Offer the API keys to the daemon that follows.
    ///
    /// To quiltd alone, over a socket of its own, for some seconds.
    OfferKeys: Post "/v1/handover" -> KeyOffer {
        const DESCRIPTION: Option<&'static str> = Some(
            "For `quiltctl daemon restart`. The answer holds no key: the socket that it names gives \
             them to another process of the same program alone, once.",
        );
        const AUDIT: Option<Action> = Some(Action::new("keys_offer"));
    }

    /// Stop the daemon.
    Shutdown(query: ShutdownQuery): Post "/v1/shutdown" -> () {
        const AUDIT: Option<Action> = Some(Action::new("shutdown"));
    }
}
