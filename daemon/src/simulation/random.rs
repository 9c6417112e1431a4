//! Chance that repeats itself.

use std::cell::{Cell, RefCell};
use std::sync::Arc;

use super::time::SimClock;

/// Numbers that follow from a seed (SplitMix64).
#[derive(Clone, Debug)]
pub(super) struct Rng(u64);

fn next(state: u64) -> (u64, u64) {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (state, mixed ^ (mixed >> 31))
}

impl Rng {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn draw(&mut self) -> u64 {
        let (state, drawn) = next(self.0);
        self.0 = state;
        drawn
    }

    /// Uniform over 0 to `end`, without it.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.draw() % end
    }

    /// The same for places in a row of so many.
    pub(super) fn index(&mut self, count: usize) -> usize {
        usize::try_from(self.below(count as u64)).unwrap()
    }

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.index(from.len())]
    }

    /// Numbers of somebody's own, so that who draws first does not matter.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.draw())
    }
}

/// Numbers that follow from a seed and the time: who draws first does not
/// matter. Tokio wakes those who wait for the same thing in any order.
pub(super) fn at_time(seed: u64, clock: &SimClock) -> Rng {
    let now = clock.passed().true_time.as_millis();
    let mut rng = Rng(seed ^ u64::try_from(now).unwrap() << 16);
    rng.fork()
}

thread_local! {
    static JITTER: Cell<u64> = const { Cell::new(0) };
    static TIME: RefCell<Option<Arc<SimClock>>> = const { RefCell::new(None) };
}

fn fraction(drawn: u64) -> f64 {
    f64::from(u32::try_from(drawn >> 32).unwrap()) / f64::from(u32::MAX)
}

/// What daemons draw on this thread follows from the seed as well.
pub(super) fn seed_jitter(seed: u64) {
    JITTER.set(seed);
    crate::refresh::draw_from(|| {
        let (state, drawn) = next(JITTER.get());
        JITTER.set(state);
        fraction(drawn)
    });
}

/// What the daemons of a machine draw follows from the seed and the time.
pub(super) fn jitter_by(seed: u64, clock: &Arc<SimClock>) {
    JITTER.set(seed);
    TIME.replace(Some(Arc::clone(clock)));
    crate::refresh::draw_from(|| {
        let drawn = TIME.with_borrow(|clock| {
            let clock = clock.as_ref();
            clock.map(|clock| at_time(JITTER.get(), clock).draw())
        });
        fraction(drawn.unwrap_or_default())
    });
}
