//! Desktop Notifications (freedesktop.org, version 1.2).

use std::collections::HashMap;
use std::time::Duration;

use zbus::blocking::connection::Builder;
use zbus::zvariant::Value;

use super::Notification;
use crate::token_store::session_bus;

/// How long the desktop may take.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Stays until it is dismissed.
const FOR_EVER: i32 = 0;

/// Shows a notice on the bus of the session, where there is one of this user's.
pub(super) fn show(notice: &Notification) -> zbus::Result<()> {
    if session_bus::check().is_err() {
        return Ok(());
    }
    let connection = Builder::session()?.method_timeout(TIMEOUT).build()?;
    let hints: HashMap<&str, Value<'_>> = HashMap::from([("urgency", Value::U8(1))]);
    let actions: &[&str] = &[];
    let title = "Quilt needs you";
    let body = format!("{}\n{}", notice.summary, notice.hint);
    // Bodies may be read as markup.
    let body = quick_xml::escape::partial_escape(&body);
    connection.call_method(
        Some("org.freedesktop.Notifications"),
        "/org/freedesktop/Notifications",
        Some("org.freedesktop.Notifications"),
        "Notify",
        &(
            "quiltd",
            0_u32,
            "dialog-password",
            title,
            body,
            actions,
            hints,
            FOR_EVER,
        ),
    )?;
    Ok(())
}
