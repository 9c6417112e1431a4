//! The thread that writes, and sleeps while there is nothing to write.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::Duration;

use parking_lot::Mutex;
use quilt_proto::Timestamp;
use quilt_proto::wire::AuditEntry;
use tokio::sync::oneshot;

use super::file::AuditFile;
use super::tally::{GATHER, Tally};

pub(super) enum WriterMessage {
    Record(AuditEntry),
    Read(
        Option<Timestamp>,
        oneshot::Sender<io::Result<Vec<AuditEntry>>>,
    ),
}

/// Carries orders out until nobody can give any.
pub(super) fn run(mut file: AuditFile, inbox: &Receiver<WriterMessage>, tally: &Arc<Mutex<Tally>>) {
    loop {
        let due = tally.lock().due_in();
        let order = match due {
            Some(due) => inbox.recv_timeout(due),
            None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
        };
        match order {
            Ok(WriterMessage::Record(entry)) => {
                flush(&mut file, tally, GATHER);
                file.append(&entry);
            }
            Ok(WriterMessage::Read(since, answer)) => {
                flush(&mut file, tally, Duration::ZERO);
                drop(answer.send(file.read(since)));
            }
            Err(RecvTimeoutError::Timeout) => flush(&mut file, tally, GATHER),
            Err(RecvTimeoutError::Disconnected) => {
                flush(&mut file, tally, Duration::ZERO);
                return;
            }
        }
    }
}

/// Writes repeats gathered for at least `age`, while others go on counting.
fn flush(file: &mut AuditFile, tally: &Mutex<Tally>, age: Duration) {
    let lines = tally.lock().flush(age);
    for line in lines {
        file.append(&line);
    }
}
