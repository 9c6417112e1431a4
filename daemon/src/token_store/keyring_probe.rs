//! Whether the OS keyring could be used by now: looked at so that nobody is
//! asked for a password.

use std::time::Duration;

/// How long the look may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a keyring is there and unlocked.
pub(super) async fn is_unlocked() -> bool {
    matches!(tokio::time::timeout(TIMEOUT, look()).await, Ok(Ok(true)))
}

#[cfg(not(target_os = "macos"))]
async fn look() -> zbus::Result<bool> {
    /// The Secret Service's name (Secret Service API, section 1).
    const NAME: &str = "org.freedesktop.secrets";
    /// Where what is stored by default goes.
    const COLLECTION: &str = "/org/freedesktop/secrets/aliases/default";

    if super::session_bus::check().is_err() {
        return Ok(false);
    }
    let bus = zbus::Connection::session().await?;
    let names = zbus::fdo::DBusProxy::new(&bus).await?;
    // Asked for first: a call would start one.
    if !names.name_has_owner(NAME.try_into()?).await? {
        return Ok(false);
    }
    let interface = "org.freedesktop.Secret.Collection";
    let collection = zbus::Proxy::new(&bus, NAME, COLLECTION, interface).await?;
    let locked: bool = collection.get_property("Locked").await?;
    Ok(!locked)
}

/// The Keychain asks its user by itself, when it is used.
#[cfg(target_os = "macos")]
fn look() -> std::future::Ready<Result<bool, std::convert::Infallible>> {
    std::future::ready(Ok(false))
}
