//! Whether a key is to be replaced, because it ends soon.

use quilt_proto::Quoted;
use quilt_proto::wire::{ApiKey, KEY_ENDS_SOON};

use super::{KeyDiagnostic, Keys};
use crate::session::Session;

/// What is said of the key in use once it ends within two weeks, or has ended.
pub(super) fn ends_soon(keys: &Keys, session: &Session, key: &ApiKey) -> Option<KeyDiagnostic> {
    let seconds_left = key.expires_at.seconds_since(keys.clock.now().wall);
    (seconds_left < KEY_ENDS_SOON).then(|| KeyDiagnostic::Ends {
        name: Quoted::new(&key.name),
        fingerprint: key.fingerprint.clone(),
        origin: session.api_key().mark().and_then(|mark| mark.origin),
        catalog: session.catalog().clone(),
        seconds_left,
        is_over: seconds_left <= 0,
        is_short_lived: key.expires_at.seconds_since(key.created_at) < KEY_ENDS_SOON,
        login_beneath: session.is_login_beneath(),
    })
}
