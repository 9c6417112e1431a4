//! Memory for bodies, shared: bounded in sum, and nobody's alone.
//!
//! Room is taken in steps, as bytes arrive: what is announced holds nothing.
//! A step is given where everybody who has begun could still end, so that none
//! waits for another in a circle. Nobody takes more than a share. While others
//! wait, who is slow goes first, then who holds more than the others do.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Room is taken in steps of this size, in bytes.
const STEP: usize = 128 * 1024;

/// How often it is looked whether somebody has to make room for who waits.
const LOOK: Duration = Duration::from_millis(250);

/// How long whoever waits does so before others lose what they hold beyond
/// their share.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a body may take for a step while others wait: over loopback that is
/// ten thousand times what is usual, and a busy machine is slow itself.
const SLOW: Duration = Duration::from_secs(10);

/// Whom a body counts for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A process.
    Process(u32),
    /// Whoever goes by this name, where the system tells no process.
    Named(String),
}

/// Why there is no room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoRoom {
    /// Others did not make any in time.
    Waited,
    /// It did not keep up, and others waited.
    TooSlow,
    /// Others waited, and this held more than its share.
    BeyondShare,
}

/// The room.
#[derive(Debug)]
pub struct BodyMemory {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    size: usize,
    /// The most that one holder has.
    share: usize,
    free: usize,
    bodies: BTreeMap<u64, Entry>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    holder: Holder,
    held: usize,
    /// The most it may come to hold.
    most: usize,
    /// What it waits for.
    wanted: usize,
    /// Since when its last step arrives; nothing once it has arrived whole.
    arriving: Option<Instant>,
    lost: Option<NoRoom>,
    changed: Arc<Notify>,
}

/// A body's place; what it holds is free again when it is dropped.
pub struct Place {
    room: Arc<BodyMemory>,
    id: u64,
    changed: Arc<Notify>,
}

impl fmt::Debug for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Place").field(&self.id).finish()
    }
}

impl BodyMemory {
    /// A room of this size, of which each holder has no more than `share`, in
    /// bytes.
    pub fn new(size: usize, share: usize) -> Arc<Self> {
        let state = State {
            size,
            share,
            free: size,
            ..State::default()
        };
        Arc::new(Self {
            state: Mutex::new(state),
        })
    }

    /// A place for a body of up to `most` bytes, which holds nothing yet.
    pub fn enter(self: &Arc<Self>, holder: Holder, most: usize) -> Place {
        let changed = Arc::new(Notify::new());
        let mut state = self.state.lock();
        let id = state.next;
        state.next += 1;
        let entry = Entry {
            holder,
            held: 0,
            most: steps(most).min(state.share),
            wanted: 0,
            arriving: Some(Instant::now()),
            lost: None,
            changed: Arc::clone(&changed),
        };
        state.bodies.insert(id, entry);
        drop(state);
        Place {
            room: Arc::clone(self),
            id,
            changed,
        }
    }

    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        self.state.lock().free
    }
}

impl Place {
    /// Returns when there is room for `bytes` in all.
    pub async fn hold(&self, bytes: usize, wait: Duration) -> Result<(), NoRoom> {
        let begun = Instant::now();
        if self.ask(bytes)? {
            return Ok(());
        }
        loop {
            let left = wait.saturating_sub(begun.elapsed());
            if left.is_zero() {
                let mut state = self.room.state.lock();
                state.stop_waiting(self.id);
                return Err(NoRoom::Waited);
            }
            let changed = timeout(left.min(LOOK), self.changed.notified()).await;
            let mut state = self.room.state.lock();
            let Some(entry) = state.bodies.get(&self.id) else {
                return Err(NoRoom::Waited);
            };
            if let Some(lost) = entry.lost {
                return Err(lost);
            }
            if entry.wanted == 0 {
                return Ok(());
            }
            if changed.is_err() {
                state.make_room(self.id, begun.elapsed() >= PATIENCE);
            }
        }
    }

    /// Asks for room; answers whether it is there already.
    fn ask(&self, bytes: usize) -> Result<bool, NoRoom> {
        let mut state = self.room.state.lock();
        let Some(entry) = state.bodies.get_mut(&self.id) else {
            return Err(NoRoom::Waited);
        };
        if let Some(lost) = entry.lost {
            return Err(lost);
        }
        let wanted = steps(bytes).min(entry.most);
        if wanted <= entry.held {
            return Ok(true);
        }
        entry.wanted = wanted;
        state.settle();
        Ok(state.bodies[&self.id].wanted == 0)
    }

    /// Returns when this has lost its place to others.
    pub async fn lost(&self) -> NoRoom {
        loop {
            let lost = self
                .room
                .state
                .lock()
                .bodies
                .get(&self.id)
                .map(|it| it.lost);
            match lost {
                Some(None) => self.changed.notified().await,
                Some(Some(lost)) => return lost,
                None => return NoRoom::Waited,
            }
        }
    }

    /// It has arrived whole: it holds what it is long, until this is dropped.
    pub fn arrived(&self, bytes: usize) {
        let mut state = self.room.state.lock();
        if let Some(entry) = state.bodies.get_mut(&self.id) {
            let kept = bytes.min(entry.held);
            let excess = entry.held - kept;
            (entry.held, entry.most, entry.arriving) = (kept, kept, None);
            state.free += excess;
        }
        state.settle();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.room.state.lock();
        if let Some(entry) = state.bodies.remove(&self.id) {
            state.free += entry.held;
        }
        state.settle();
    }
}

impl State {
    fn held_by_all(&self) -> BTreeMap<&Holder, usize> {
        let mut held = BTreeMap::new();
        for body in self.bodies.values() {
            *held.entry(&body.holder).or_default() += body.held;
        }
        held
    }

    fn stop_waiting(&mut self, id: u64) {
        if let Some(entry) = self.bodies.get_mut(&id) {
            entry.wanted = 0;
        }
    }

    /// Gives what can be given: first to who holds least, then who came first.
    fn settle(&mut self) {
        while self.free >= STEP {
            let held = self.held_by_all();
            let waiting = self.bodies.iter().filter(|(_, body)| body.wanted > 0);
            let mut waiting: Vec<_> = waiting
                .map(|(id, body)| (held.get(&body.holder).copied(), *id))
                .collect();
            waiting.sort_unstable();
            let next = waiting.into_iter().find(|(_, id)| self.may_have(*id));
            let Some(body) = next.and_then(|(_, id)| self.bodies.get_mut(&id)) else {
                return;
            };
            self.free -= body.wanted - body.held;
            body.held = body.wanted;
            body.wanted = 0;
            body.arriving = Some(Instant::now());
            body.changed.notify_one();
        }
    }

    /// Whether everybody who has begun could end if this one got what it wants.
    fn may_have(&self, id: u64) -> bool {
        let Some(body) = self.bodies.get(&id) else {
            return false;
        };
        let step = body.wanted - body.held;
        let of_holder = self.bodies.values().filter(|it| it.holder == body.holder);
        let held = of_holder.map(|it| it.held).sum::<usize>() + step;
        if step > self.free || held > self.share {
            return false;
        }
        let mut free = self.free - step;
        let mut left: BTreeMap<&Holder, usize> = BTreeMap::new();
        let mut begun = Vec::new();
        for (other, body) in &self.bodies {
            let held = if *other == id { body.wanted } else { body.held };
            let left = left.entry(&body.holder).or_insert(self.share);
            if body.arriving.is_none() {
                // What has arrived goes by itself.
                free += held;
            } else if held > 0 {
                let Some(rest) = left.checked_sub(held) else {
                    return false;
                };
                *left = rest;
                begun.push((body.most - held, held, &body.holder));
            }
        }
        begun.sort_unstable();
        while !begun.is_empty() {
            let before = begun.len();
            begun.retain(|(rest, held, holder)| {
                let Some(left) = left.get_mut(holder).filter(|left| rest <= *left) else {
                    return true;
                };
                if *rest > free {
                    return true;
                }
                free += held;
                *left += held;
                false
            });
            if begun.len() == before {
                return false;
            }
        }
        true
    }

    /// Takes the place of one that arrives, for who waits and holds less.
    fn make_room(&mut self, id: u64, has_waited: bool) {
        let Some(waiting) = self.bodies.get(&id) else {
            return;
        };
        let holders = self.held_by_all();
        let own = holders.get(&waiting.holder).copied().unwrap_or_default();
        let fair = self.size / holders.len().max(1);
        let victim = self.bodies.iter().filter_map(|(other, body)| {
            let is_other = *other != id && body.held > 0 && body.lost.is_none();
            let since = body.arriving.filter(|_| is_other)?;
            // Who waits for room itself is not slow.
            let is_slow = body.wanted == 0 && since.elapsed() > SLOW;
            let all = holders.get(&body.holder).copied().unwrap_or_default();
            let is_own = body.holder == waiting.holder;
            let is_beyond = !is_own && has_waited && all > fair && all > own;
            let why = match (is_slow, is_beyond) {
                (true, _) => NoRoom::TooSlow,
                (false, true) => NoRoom::BeyondShare,
                (false, false) => return None,
            };
            Some((is_slow, all, *other, why))
        });
        let victim = victim.max_by_key(|(is_slow, all, other, _)| (*is_slow, *all, *other));
        if let Some((_, _, other, why)) = victim
            && let Some(body) = self.bodies.get_mut(&other)
        {
            body.lost = Some(why);
            body.changed.notify_one();
        }
    }
}

fn steps(bytes: usize) -> usize {
    bytes.div_ceil(STEP) * STEP
}

#[cfg(test)]
mod tests;
