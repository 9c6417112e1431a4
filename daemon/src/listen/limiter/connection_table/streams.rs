//! Streams of events, which never end by themselves: few of all slots.

use super::{ConnectionTable, Id};

/// Why a stream of events is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamRefused {
    /// This caller has as many as one may.
    Caller,
    /// Everybody together has.
    Total,
}

impl ConnectionTable {
    /// `id` is to become a stream of events.
    pub(in crate::listen::limiter) fn stream(&mut self, id: Id) -> Result<(), StreamRefused> {
        let (total, each) = self.stream_quotas();
        let Some(entry) = self.entries.get_mut(&id) else {
            return Err(StreamRefused::Total);
        };
        if entry.is_stream {
            return Ok(());
        }
        let tally = &mut self.origins[entry.origin];
        if tally.streams >= each {
            return Err(StreamRefused::Caller);
        }
        if self.streams >= total {
            return Err(StreamRefused::Total);
        }
        entry.is_stream = true;
        self.streams += 1;
        tally.streams += 1;
        Ok(())
    }

    /// Streams of events, altogether and for one caller.
    fn stream_quotas(&self) -> (usize, usize) {
        let total = (self.slots / 8).max(2);
        (total, (total / 4).max(1))
    }
}
