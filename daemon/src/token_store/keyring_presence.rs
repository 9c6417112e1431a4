//! Whether the OS keyring could be used by now: looked at so that nobody is
//! asked for a password.

use std::time::Duration;

/// How long the look may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Whether a keyring is there and unlocked.
pub(super) async fn is_unlocked() -> bool {
    matches!(tokio::time::timeout(TIMEOUT, look()).await, Ok(Ok(true)))
}

/// Whether no keyring is there, nor would come when it is asked; no where that
/// cannot be told, nothing where the bus itself does not answer in time.
pub(super) async fn is_absent(timeout: Duration) -> Option<bool> {
    let offered = tokio::time::timeout(timeout, is_offered()).await.ok()?;
    Some(matches!(offered, Ok(false)))
}

/// The Secret Service's name (Secret Service API, section 1).
#[cfg(not(target_os = "macos"))]
const NAME: &str = "org.freedesktop.secrets";

/// Whether somebody has the name, or the bus would start somebody.
#[cfg(not(target_os = "macos"))]
async fn is_offered() -> zbus::Result<bool> {
    let bus = zbus::Connection::session().await?;
    let names = zbus::fdo::DBusProxy::new(&bus).await?;
    let startable = names.list_activatable_names().await?;
    Ok(startable.iter().any(|name| name.as_str() == NAME)
        || names.name_has_owner(NAME.try_into()?).await?)
}

/// A Mac has its Keychain.
#[cfg(target_os = "macos")]
fn is_offered() -> std::future::Ready<Result<bool, std::convert::Infallible>> {
    std::future::ready(Ok(true))
}

#[cfg(not(target_os = "macos"))]
async fn look() -> zbus::Result<bool> {
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
