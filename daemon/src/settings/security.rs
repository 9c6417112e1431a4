//! `[security]`: what the check of files takes the user's word for. It is read
//! by `quilt_trust`, in daemon and command line alike; here it is only checked.

use quilt_trust::{SETTING, allowed_in, known_names};

use super::SettingsError;
use super::document::Table;

/// Refuses what would not count as it is written.
pub(super) fn check(text: &str, table: &Table<'_>) -> Result<(), SettingsError> {
    let (_, key) = SETTING;
    table.allow(&[key])?;
    let Some(entry) = table.get(key) else {
        return Ok(());
    };
    let names = entry.strings()?;
    let known = known_names();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        let unknown = super::error::quotable(unknown);
        let known = known.join(", ");
        return Err(entry.error(format!("there is no '{unknown}'; there are: {known}")));
    }
    if allowed_in(text) != names {
        return Err(entry.error("must be an array of names on one line"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    #[test]
    fn what_would_not_count_is_refused() {
        Settings::parse("[security]\nloose_file_systems = [\"9p\", 'vfat'] # mine\n").unwrap();
        Settings::parse("[security]\n").unwrap();
        for wrong in [
            "[security]\nloose_file_systems = [\"ext4\"]\n",
            "[security]\nloose_file_systems = \"9p\"\n",
            "[security]\nloose_file_systems = [\n\"9p\"]\n",
            "[security]\nloose_filesystems = [\"9p\"]\n",
            "security = { loose_file_systems = [\"9p\"] }\n",
        ] {
            assert!(Settings::parse(wrong).is_err(), "{wrong}");
        }
    }
}
