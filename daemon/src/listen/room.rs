//! Who may stay while others wait: connections hold slots, and where anybody
//! may connect, those that nobody vouches for do not keep others out.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

/// The slots of a listener.
#[derive(Debug)]
pub(super) struct Room {
    slots: Arc<Semaphore>,
    strangers_make_way: bool,
    /// In order of arrival. Holds those that were vouched for or have left
    /// until they are come across.
    guests: VecDeque<Guest>,
    most: usize,
}

#[derive(Debug)]
struct Guest {
    standing: Standing,
    way: CancellationToken,
}

/// A connection's place; free again when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    standing: Standing,
    way: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

/// Whether a connection is a stranger's. Handlers find it in the request's
/// extensions.
#[derive(Clone, Debug, Default)]
pub struct Standing(Arc<AtomicBool>);

impl Standing {
    /// Whoever is on this connection has shown that they may be: it makes way
    /// for nobody from now on.
    pub fn vouch(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_vouched_for(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

impl Room {
    pub(super) fn new(slots: usize, strangers_make_way: bool) -> Self {
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            strangers_make_way,
            guests: VecDeque::new(),
            most: slots,
        }
    }

    /// A slot as soon as there is one.
    pub(super) async fn enter(&mut self) -> Option<Slot> {
        if self.slots.available_permits() == 0 {
            self.send_a_stranger_away();
        }
        let permit = Arc::clone(&self.slots).acquire_owned().await.ok()?;
        let (standing, way) = (Standing::default(), CancellationToken::new());
        if self.strangers_make_way {
            self.remember(standing.clone(), way.clone());
        }
        Some(Slot {
            standing,
            way,
            _permit: permit,
        })
    }

    fn remember(&mut self, standing: Standing, way: CancellationToken) {
        // Those who left let go of their standing: it is held here alone.
        if self.guests.len() >= self.most {
            self.guests
                .retain(|guest| Arc::strong_count(&guest.standing.0) > 1);
        }
        self.guests.push_back(Guest { standing, way });
    }

    fn send_a_stranger_away(&mut self) {
        while let Some(guest) = self.guests.pop_front() {
            let is_here = Arc::strong_count(&guest.standing.0) > 1;
            if is_here && !guest.standing.is_vouched_for() {
                guest.way.cancel();
                return;
            }
        }
    }
}

impl Slot {
    pub(super) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    /// Returns when the connection has to make way.
    pub(super) async fn made_way(&self) {
        self.way.cancelled().await;
    }
}
