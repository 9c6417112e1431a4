//! Carrying keys from a daemon that ends to the one that follows.

use std::io::{self, Write};
use std::path::Path;

use quilt_proto::wire::{CARRIED, HANDED_OVER};

use super::message::CARRY;
use super::{HandoverError, KeyTaker, Offer};
use crate::hardening;

/// Takes the keys that are offered at `path` and hands them to who follows, at
/// the same place. Says on stdout, a line each, that it has them and that they
/// are handed on. Protects the process.
pub fn relay(path: &Path) -> Result<(), HandoverError> {
    let visit = KeyTaker::announce(path).ok_or(HandoverError::Nobody)?;
    for refused in hardening::harden()
        .iter()
        .filter_map(hardening::ProtectionAttempt::warning)
    {
        tracing::warn!("{refused}");
    }
    let (program, keys, kept) = visit.take()?;
    // In the place of the offer before, which ends with the next word.
    let offer = Offer::make(path, keys, program.as_deref())?;
    kept.say();
    say(CARRIED);
    offer.serve(CARRY)?;
    say(HANDED_OVER);
    Ok(())
}

/// Nobody may be there to hear it.
fn say(what: &str) {
    let mut stdout = io::stdout();
    let _ = writeln!(stdout, "{what}").and_then(|()| stdout.flush());
}
