//! The same for whoever reads no screen: a line a change.

use std::collections::BTreeMap;

use quilt_client::blocking::Client;
use quilt_proto::api::{AuditQuery, ReadAudit};
use quilt_proto::wire::{AuditEntry, Status};

use super::TIMEOUT;
use crate::commands::audit;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{Look, host, name};
use crate::output;

/// Prints what changes until the daemon ends.
pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let look = context.look();
    let limited = context.client()?.with_timeout(TIMEOUT);
    let mut seen = Seen::default();
    for event in context.started(&limited, Client::events)? {
        let event = event?;
        let Ok(status) = serde_json::from_str::<Status>(&event.data) else {
            output::line(format_args!("{}  {}", event.name, event.data))?;
            continue;
        };
        for line in seen.changes(&status) {
            output::line(line)?;
        }
        if seen
            .audited
            .replace(status.audited)
            .is_none_or(|count| count != status.audited)
        {
            let since = Some(status.started_at.max(seen.since(&look)).to_string());
            let entries = limited
                .send(&ReadAudit(AuditQuery { since }))
                .unwrap_or_default();
            for line in seen.asked(&entries) {
                output::line(line)?;
            }
        }
    }
    Err(Failure::new(exit::DAEMON, "quiltd ended").hint("quiltctl watch"))
}

/// What was printed.
#[derive(Debug, Default)]
struct Seen {
    lines: BTreeMap<String, String>,
    asked: BTreeMap<String, u64>,
    began: Option<quilt_proto::Timestamp>,
    audited: Option<u64>,
}

impl Seen {
    /// From when on what is asked is of interest.
    fn since(&mut self, look: &Look) -> quilt_proto::Timestamp {
        *self.began.get_or_insert(look.now)
    }

    fn changes(&mut self, status: &Status) -> Vec<String> {
        let mut now = BTreeMap::new();
        for catalog in &status.catalogs {
            let host = host(&catalog.catalog_url);
            let state = format!("{:?}", catalog.session.state).to_lowercase();
            let error = catalog.session.last_error.as_deref();
            let why = error.map_or_else(String::new, |error| format!("  {error}"));
            now.insert(host.clone(), format!("{host}  session  {state}{why}"));
            for held in &catalog.credentials {
                let until = held
                    .expires_at
                    .map_or_else(|| "none".to_owned(), |end| format!("until {end}"));
                let profile = name(held.profile.as_str());
                now.insert(
                    format!("{host} {profile}"),
                    format!("{host}  credentials  {profile}  {until}"),
                );
            }
        }
        let changed = now
            .iter()
            .filter(|(key, line)| self.lines.get(*key) != Some(line))
            .map(|(_, line)| line.clone())
            .collect();
        self.lines = now;
        changed
    }

    fn asked(&mut self, entries: &[AuditEntry]) -> Vec<String> {
        let mut lines = Vec::new();
        for entry in entries {
            let profile = entry.profile.as_deref().map(name);
            let profile = profile.map_or_else(String::new, |profile| format!("  {profile}"));
            let line = format!("{}  {}{profile}", audit::program(entry), audit::what(entry));
            let count = self.asked.entry(line.clone()).or_default();
            if *count < entry.count {
                *count = entry.count;
                lines.push(format!("asked  {line}  {}", name(&entry.outcome)));
            }
        }
        lines
    }
}
