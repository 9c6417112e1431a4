//! `[notify]`: how the user is told what needs a person.

use super::SettingsError;
use super::document::Table;

/// `[notify]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notify {
    /// On the desktop, where the session has one.
    pub desktop: bool,
    /// By this program and its arguments.
    pub command: Vec<String>,
}

impl Default for Notify {
    fn default() -> Self {
        Self {
            desktop: true,
            command: Vec::new(),
        }
    }
}

pub(super) fn parse(table: &Table<'_>) -> Result<Notify, SettingsError> {
    table.allow(&["desktop", "command"])?;
    let mut notify = Notify::default();
    if let Some(desktop) = table.get("desktop") {
        notify.desktop = desktop.boolean()?;
    }
    if let Some(command) = table.get("command") {
        let words = command.strings()?;
        if words.first().is_none_or(|program| program.is_empty()) {
            return Err(command.error("must be a program and its arguments, in an array"));
        }
        notify.command = words.into_iter().map(str::to_owned).collect();
    }
    Ok(notify)
}
