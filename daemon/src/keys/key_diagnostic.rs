//! What the owner of a key has to do something about.

use super::Keys;
use super::key_ends_soon::ends_soon;
use quilt_proto::time::{span, span_ahead};
use quilt_proto::wire::ApiKey;
use quilt_proto::{CatalogUrl, Quoted, RegistryHost, quoted};

use crate::session::{KeyOrigin, Session};

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyDiagnostic {
    /// The key in use stops working soon, or has.
    #[error(
        "the API key {name} ({}{}) in use at {catalog} {}",
        quoted::name(fingerprint),
        origin.as_ref().map_or_else(String::new, |origin| format!(", read from {origin}")),
        expires(*seconds_left)
    )]
    Ends {
        /// The key's name.
        name: Quoted,
        /// What the stack shows of it.
        fingerprint: String,
        /// Where the daemon read it at its start, if it did.
        origin: Option<KeyOrigin>,
        /// Where it is used.
        catalog: CatalogUrl,
        /// In how many seconds; how long ago, where it is over.
        seconds_left: i64,
        /// Whether it has.
        is_over: bool,
        /// Whether it was made for so short a time that one like it would be
        /// told of as well.
        is_short_lived: bool,
        /// Whether there is a login that counts once there is no key.
        login_beneath: bool,
    },
    /// The key in use is sent nowhere.
    #[error("the API key for {catalog} is not used: {why}")]
    UntrustedRegistry {
        /// Where it would be used.
        catalog: CatalogUrl,
        /// The registry's host, as the catalog names it.
        named: RegistryHost,
        /// In words.
        why: String,
    },
    /// A restart forgot the key in use; what is not a key counts since.
    #[error(
        "the API key for {catalog} was forgotten when quiltd stopped: keys are kept in \
         memory only"
    )]
    Forgotten {
        /// Where it was used.
        catalog: CatalogUrl,
    },
    /// A rotation of this daemon's has left a key behind.
    #[error("a rotation at {catalog} is not finished, another API key named {name} still works")]
    Unfinished {
        /// The name of both.
        name: Quoted,
        /// The one that is left.
        id: String,
        /// Where.
        catalog: CatalogUrl,
    },
    /// A rotation may have left a key behind.
    #[error(
        "a rotation at {catalog} may not be finished: another API key named {} works, and nobody \
         uses it",
        quoted::name(name)
    )]
    Left {
        /// The name of both.
        name: String,
        /// Where.
        catalog: CatalogUrl,
    },
}

fn expires(seconds_left: i64) -> String {
    if seconds_left > 0 {
        format!("expires in {}", span_ahead(seconds_left))
    } else {
        format!("expired {} ago", span(-seconds_left))
    }
}

impl KeyDiagnostic {
    /// Whether the key does not work already.
    pub fn is_over(&self) -> bool {
        matches!(
            self,
            Self::Ends { is_over: true, .. } | Self::UntrustedRegistry { .. }
        )
    }
}

/// What to mend about the keys of a session.
pub fn all(keys: &Keys, session: &Session) -> Vec<KeyDiagnostic> {
    let mut diagnostics = Vec::new();
    let catalog = session.catalog();
    let info = session.api_key().info().unwrap_or_default();
    diagnostics.extend(
        info.record
            .as_ref()
            .and_then(|key| ends_soon(keys, session, key)),
    );
    if session.is_key_forgotten() {
        diagnostics.push(KeyDiagnostic::Forgotten {
            catalog: catalog.clone(),
        });
    }
    if let Some(untrusted_registry) = session.api_key().untrusted_registry() {
        diagnostics.push(KeyDiagnostic::UntrustedRegistry {
            why: untrusted_registry.why,
            named: untrusted_registry.named,
            catalog: catalog.clone(),
        });
    }
    let unfinished = session.api_key().unfinished();
    diagnostics.extend(unfinished.iter().map(|key| KeyDiagnostic::Unfinished {
        name: Quoted::new(&key.name),
        id: key.id.clone(),
        catalog: catalog.clone(),
    }));
    let is_told = |key: &&ApiKey| unfinished.iter().any(|told| told.id == key.id);
    let left = info.same_name.iter().find(|key| !is_told(key));
    diagnostics.extend(left.map(|key| KeyDiagnostic::Left {
        name: key.name.clone(),
        catalog: catalog.clone(),
    }));
    diagnostics
}
