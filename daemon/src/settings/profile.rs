//! `[profiles.NAME]`: a recipe for AWS credentials.

use std::collections::BTreeMap;

use quilt_proto::aws::Region;
use quilt_proto::{CatalogUrl, ProfileName};

use super::document::{Entry, Table};
use super::{RoleArn, SettingsError, role_session_name};

/// The longest session AWS gives to a role that was assumed with a role's
/// credentials, in seconds ("role chaining", IAM User Guide). A stack's
/// credentials are a role's, so every profile is held to it.
pub const LONGEST_CHAINED: i64 = 3600;

/// What AssumeRole accepts as a duration, in seconds.
const DURATIONS: std::ops::RangeInclusive<i64> = 900..=43_200;

pub(super) const KEYS: &[&str] = &[
    "catalog",
    "role_arn",
    "role_session_name",
    "external_id",
    "duration",
    "policy",
    "policy_arns",
    "tags",
    "source_identity",
    "region",
    "min_ttl",
];

/// What may be set for the stack's own credentials: they are what they are,
/// and a `default` that is another role would be a trap.
pub(super) const DEFAULT_KEYS: &[&str] = &["region", "min_ttl"];

/// How to get a profile's credentials. Empty: the stack's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// The catalog whose stack the chain starts from; the default one if none.
    pub catalog: Option<CatalogUrl>,
    /// The roles to assume, in order.
    pub roles: Vec<RoleArn>,
    /// The name of every session of the chain.
    pub session_name: Option<String>,
    /// Given to every role of the chain: those that ask for none ignore it.
    pub external_id: Option<String>,
    /// How long the last session is to live, in seconds, as written.
    pub duration: Option<i64>,
    /// Narrows the last session: an IAM policy, JSON.
    pub policy: Option<String>,
    /// Narrow the last session: ARNs of managed policies.
    pub policy_arns: Vec<String>,
    /// Session tags of the last session.
    pub tags: BTreeMap<String, String>,
    /// Set at the first role; AWS carries it through the chain.
    pub source_identity: Option<String>,
    /// The region for programs that use the profile, and for STS.
    pub region: Option<String>,
    /// While AWS delivers, nothing with less left is handed out, in seconds.
    pub min_ttl: Option<i64>,
}

/// The catalog that is named, or meant by what is typed.
fn catalog(
    table: &Table<'_>,
    catalogs: &BTreeMap<String, CatalogUrl>,
) -> Result<Option<CatalogUrl>, SettingsError> {
    let Some(entry) = table.get("catalog") else {
        return Ok(None);
    };
    let text = entry.string()?;
    if let Some(catalog) = catalogs.get(text) {
        return Ok(Some(catalog.clone()));
    }
    CatalogUrl::from_typed(text).map(Some).map_err(|error| {
        let names: Vec<&str> = catalogs.keys().map(String::as_str).collect();
        let names = match names.join(", ").as_str() {
            "" => String::new(),
            names => format!(", or the name of one below [catalogs]: {names}"),
        };
        entry.error(format!("{error}{names}"))
    })
}

impl Profile {
    /// A profile's table. Its catalog may be one of `catalogs`, by name.
    pub(super) fn parse(
        name: &ProfileName,
        table: &Table<'_>,
        catalogs: &BTreeMap<String, CatalogUrl>,
    ) -> Result<Self, SettingsError> {
        if name.is_default() {
            let other = |entry: &Entry<'_>| {
                KEYS.contains(&entry.key()) && !DEFAULT_KEYS.contains(&entry.key())
            };
            if let Some(entry) = table.entries().find(other) {
                let what = "not for 'default', which is the stack's own credentials; \
                            give the profile another name";
                return Err(entry.error(what));
            }
        }
        table.allow(KEYS)?;
        let profile = Self {
            catalog: catalog(table, catalogs)?,
            roles: roles(table)?,
            session_name: table.checked("role_session_name", session_name)?,
            external_id: table.checked("external_id", external_id)?,
            duration: seconds(table, "duration", DURATIONS, "15m to 12h")?,
            policy: table.checked("policy", policy)?,
            policy_arns: policy_arns(table)?,
            tags: tags(table)?,
            source_identity: table.checked("source_identity", session_name)?,
            region: table.checked("region", region)?,
            min_ttl: seconds(table, "min_ttl", 1..=43_200, "1s to 12h")?,
        };
        profile.refuse_idle_keys(table)?;
        Ok(profile)
    }

    /// Keys that only mean something with a role.
    fn refuse_idle_keys(&self, table: &Table<'_>) -> Result<(), SettingsError> {
        const FREE: &[&str] = &["catalog", "region", "min_ttl"];
        if !self.roles.is_empty() {
            return Ok(());
        }
        match table.entries().find(|entry| !FREE.contains(&entry.key())) {
            None => Ok(()),
            Some(entry) => Err(entry.error("does nothing without role_arn")),
        }
    }

    /// How long to ask the last session for, in seconds.
    pub fn effective_duration(&self) -> i64 {
        self.duration
            .unwrap_or(LONGEST_CHAINED)
            .min(LONGEST_CHAINED)
    }

    pub(super) fn warning(&self, name: &ProfileName) -> Option<String> {
        let asked = self.duration.filter(|asked| *asked > LONGEST_CHAINED)?;
        Some(format!(
            "profile '{name}': duration is {asked} s, but AWS limits chained roles to 1 hour \
             (a stack's credentials are a role's): 1h is used"
        ))
    }
}

fn roles(table: &Table<'_>) -> Result<Vec<RoleArn>, SettingsError> {
    let Some(entry) = table.get("role_arn") else {
        return Ok(Vec::new());
    };
    let arns = entry.strings()?;
    if arns.is_empty() {
        return Err(entry.error("names no role"));
    }
    let parse = |(index, arn): (usize, &&str)| {
        arn.parse().map_err(|error: super::arn::NotARole| {
            let which = if arns.len() == 1 {
                String::new()
            } else {
                format!("number {} is ", index + 1)
            };
            entry.error(format!("{which}{error}"))
        })
    };
    arns.iter().enumerate().map(parse).collect()
}

fn policy_arns(table: &Table<'_>) -> Result<Vec<String>, SettingsError> {
    let Some(entry) = table.get("policy_arns") else {
        return Ok(Vec::new());
    };
    let arns = entry.strings()?;
    let sound = |arn: &&str| {
        arn.starts_with("arn:")
            && arn.contains(":policy/")
            && arn.chars().all(|c| c.is_ascii_graphic())
    };
    if !(1..=10).contains(&arns.len()) || !arns.iter().all(sound) {
        let what = "must be 1 to 10 ARNs of policies, such as \
                    arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess";
        return Err(entry.error(what));
    }
    Ok(arns.into_iter().map(str::to_owned).collect())
}

fn tags(table: &Table<'_>) -> Result<BTreeMap<String, String>, SettingsError> {
    let Some(tags) = table.get("tags") else {
        return Ok(BTreeMap::new());
    };
    let pairs = tags.table()?;
    let mut found = BTreeMap::new();
    for entry in pairs.entries() {
        let value = entry.string()?;
        if !(1..=128).contains(&entry.key().chars().count()) || value.chars().count() > 256 {
            return Err(entry.error("a tag has a key of 1 to 128 characters, a value of 0 to 256"));
        }
        found.insert(entry.key().to_owned(), value.to_owned());
    }
    if found.len() > 50 {
        return Err(tags.error("AWS takes at most 50"));
    }
    Ok(found)
}

fn seconds(
    table: &Table<'_>,
    key: &str,
    range: std::ops::RangeInclusive<i64>,
    words: &str,
) -> Result<Option<i64>, SettingsError> {
    let Some(entry) = table.get(key) else {
        return Ok(None);
    };
    let seconds = entry.seconds()?;
    if range.contains(&seconds) {
        Ok(Some(seconds))
    } else {
        Err(entry.error(format!("must be {words}")))
    }
}

fn session_name(text: &str) -> Result<(), String> {
    if role_session_name::is_one(text) {
        return Ok(());
    }
    let (least, most) = role_session_name::LENGTHS.into_inner();
    let odd = role_session_name::ODD;
    Err(format!(
        "must be {least} to {most} letters, digits and any of {odd}"
    ))
}

/// `[\w+=,.@:\/-]{2,1224}` (AWS STS API Reference, AssumeRole).
fn external_id(text: &str) -> Result<(), String> {
    let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@:/-".contains(c);
    if (2..=1224).contains(&text.len()) && text.chars().all(legal) {
        return Ok(());
    }
    Err("must be 2 to 1224 letters, digits and any of _+=,.@:/-".to_owned())
}

fn policy(text: &str) -> Result<(), String> {
    match serde_json::from_str::<serde_json::Value>(text) {
        Ok(serde_json::Value::Object(_)) if text.len() <= 2048 => Ok(()),
        Ok(serde_json::Value::Object(_)) => Err("AWS takes at most 2048 characters".to_owned()),
        _ => Err("must be an IAM policy, a JSON object".to_owned()),
    }
}

fn region(text: &str) -> Result<(), String> {
    let region = text.parse::<Region>().map(drop);
    region.map_err(|_| "must be an AWS region such as eu-west-1".to_owned())
}
