//! The thread that writes: equal events within a minute become one line more.

use std::collections::HashMap;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use quilt_proto::Timestamp;
use quilt_proto::wire::AuditEntry;
use tokio::sync::oneshot;

use super::file::AuditFile;

/// How long equal events are gathered.
const GATHER: Duration = Duration::from_mins(1);

/// Kinds of events gathered at once; beyond that, lines are written at once.
const MAX_KINDS: usize = 256;

pub(super) enum Order {
    Record(AuditEntry),
    Read(
        Option<Timestamp>,
        oneshot::Sender<io::Result<Vec<AuditEntry>>>,
    ),
}

/// Equal events after the one that was written at once.
struct Gathered {
    since: Instant,
    repeats: Option<AuditEntry>,
}

/// What makes events equal: all but the process id, which differs with every
/// run of a program, and the time.
type Kind = (String, u32, [Option<String>; 6]);

fn kind(entry: &AuditEntry) -> Kind {
    let AuditEntry {
        action,
        uid,
        program,
        catalog_url,
        profile,
        grant_id,
        request,
        outcome,
        ..
    } = entry;
    let rest = [
        program.clone(),
        catalog_url.clone(),
        profile.clone(),
        grant_id.clone(),
        request.clone(),
        Some(outcome.clone()),
    ];
    (action.clone(), *uid, rest)
}

/// Carries orders out until nobody can give any.
pub(super) fn run(mut file: AuditFile, inbox: &Receiver<Order>) {
    let mut gathered: HashMap<Kind, Gathered> = HashMap::new();
    loop {
        let oldest = gathered.values().map(|gathered| gathered.since).min();
        let patience = oldest.map_or(GATHER, |since| GATHER.saturating_sub(since.elapsed()));
        match inbox.recv_timeout(patience) {
            Ok(Order::Record(entry)) => record(&mut file, &mut gathered, entry),
            Ok(Order::Read(since, answer)) => {
                flush(&mut file, &mut gathered, Duration::ZERO);
                drop(answer.send(file.read(since)));
            }
            Err(RecvTimeoutError::Timeout) => flush(&mut file, &mut gathered, GATHER),
            Err(RecvTimeoutError::Disconnected) => {
                flush(&mut file, &mut gathered, Duration::ZERO);
                return;
            }
        }
    }
}

fn record(file: &mut AuditFile, gathered: &mut HashMap<Kind, Gathered>, entry: AuditEntry) {
    flush(file, gathered, GATHER);
    let kind = kind(&entry);
    if let Some(gathered) = gathered.get_mut(&kind) {
        let before = gathered.repeats.as_ref().map_or(0, |repeats| repeats.count);
        gathered.repeats = Some(AuditEntry {
            count: before + entry.count,
            ..entry
        });
        return;
    }
    file.append(&entry);
    if gathered.len() < MAX_KINDS {
        let since = Instant::now();
        gathered.insert(
            kind,
            Gathered {
                since,
                repeats: None,
            },
        );
    }
}

/// Writes repeats gathered for at least `age`. The gathering goes on where it
/// was cut short.
fn flush(file: &mut AuditFile, gathered: &mut HashMap<Kind, Gathered>, age: Duration) {
    gathered.retain(|_, gathered| {
        if gathered.since.elapsed() < age {
            return true;
        }
        if let Some(repeats) = gathered.repeats.take() {
            file.append(&repeats);
        }
        gathered.since.elapsed() < GATHER
    });
}
