//! The daemon's events, over its restarts.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use quilt_client::blocking::Client;
use quilt_proto::Timestamp;
use quilt_proto::api::{AuditQuery, ReadAudit};
use quilt_proto::wire::{AuditEntry, Status};

use super::TIMEOUT;

/// How long to wait for a daemon that is away, before the next try.
const PAUSE: Duration = Duration::from_millis(500);
/// How far back the first look at the audit log goes, in seconds.
const LOOK_BACK: i64 = 3600;

/// What the daemon says.
#[derive(Debug)]
pub(super) enum Update {
    /// What it holds now.
    Status(Box<Status>),
    /// What was asked of it, from a time on.
    Asked(Vec<AuditEntry>),
    /// It does not answer.
    Away,
}

/// Listens on a thread of its own, for as long as somebody reads.
pub(super) fn listen(client: Client) -> Receiver<Update> {
    let (sender, news) = sync_channel(64);
    thread::spawn(move || {
        let mut audited = None;
        // Ends with the one who reads.
        while attend(&client, &sender, &mut audited).is_some() {
            if sender.send(Update::Away).is_err() {
                return;
            }
            thread::sleep(PAUSE);
        }
    });
    news
}

/// One connection to its end; `None` when nobody reads any more.
fn attend(client: &Client, sender: &SyncSender<Update>, audited: &mut Option<u64>) -> Option<()> {
    let limited = client.clone().with_timeout(TIMEOUT);
    let Ok(events) = limited.events() else {
        return Some(());
    };
    for event in events {
        let Ok(event) = event else { break };
        let Ok(status) = serde_json::from_str::<Status>(&event.data) else {
            continue;
        };
        let count = status.audited;
        sender.send(Update::Status(Box::new(status))).ok()?;
        if audited.replace(count) == Some(count) {
            continue;
        }
        let since = Timestamp::now().plus_seconds(-LOOK_BACK).to_string();
        let asked = limited.send(&ReadAudit(AuditQuery { since: Some(since) }));
        if let Ok(entries) = asked {
            sender.send(Update::Asked(entries)).ok()?;
        }
    }
    Some(())
}
