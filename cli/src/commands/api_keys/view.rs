//! How keys are shown.

use std::collections::BTreeMap;

use quilt_proto::wire::{ApiKey, ApiKeyStatus};
use quilt_proto::{Command, quoted};

use crate::exit::Failure;
use crate::output;

/// A table of keys.
pub(crate) fn table(keys: &[ApiKey]) -> Result<(), Failure> {
    let rows: Vec<[String; 8]> = keys.iter().map(row).collect();
    let headings = [
        "NAME",
        "OWNER",
        "ID",
        "FINGERPRINT",
        "STATUS",
        "CREATED",
        "EXPIRES",
        "LAST USED",
    ];
    output::table(headings, &rows)
}

fn row(key: &ApiKey) -> [String; 8] {
    [
        key.name.clone(),
        key.user_email.clone(),
        key.id.clone(),
        key.fingerprint.clone(),
        key.status.as_str().to_owned(),
        key.created_at.to_string(),
        key.expires_at.to_string(),
        last_used(key),
    ]
}

/// One key, a line a field.
pub(crate) fn details(key: &ApiKey) -> Result<(), Failure> {
    output::line(format_args!("Name: {}", key.name))?;
    output::line(format_args!("Owner: {}", key.user_email))?;
    output::line(format_args!("ID: {}", key.id))?;
    output::line(format_args!("Fingerprint: {}", key.fingerprint))?;
    output::line(format_args!("Status: {}", key.status.as_str()))?;
    output::line(format_args!("Created: {}", key.created_at))?;
    output::line(format_args!("Expires: {}", key.expires_at))?;
    output::line(format_args!("Last used: {}", last_used(key)))?;
    if key.status == ApiKeyStatus::Expired {
        output::note("This key has expired and needs to be rotated.");
    }
    Ok(())
}

pub(crate) fn last_used(key: &ApiKey) -> String {
    key.last_used_at
        .map_or_else(|| "Never".to_owned(), |time| time.to_string())
}

/// Reports what an interrupted rotation leaves: several active keys of one
/// owner and name.
pub(crate) fn note_twins(keys: &[ApiKey]) {
    let mut by_name: BTreeMap<(&str, &str), Vec<&ApiKey>> = BTreeMap::new();
    for key in keys.iter().filter(|key| key.status == ApiKeyStatus::Active) {
        let name = (key.user_email.as_str(), key.name.as_str());
        by_name.entry(name).or_default().push(key);
    }
    for ((_, name), twins) in by_name.iter().filter(|(_, twins)| twins.len() > 1) {
        let revoke = |key: &&ApiKey| {
            let command = Command::of("quiltctl api-keys revoke").operand(&key.id);
            command.to_string()
        };
        let commands: Vec<_> = twins.iter().map(revoke).collect();
        output::note(format_args!(
            "warning: {} active keys are named {}, as an interrupted rotation leaves them; \
             revoke what is not used: {}",
            twins.len(),
            quoted::name(name),
            commands.join(" or ")
        ));
    }
}
