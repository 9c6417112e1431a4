//! Chance that repeats itself.

use std::cell::Cell;

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

    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most - least + 1)
    }

    pub(super) fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(super) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        let at = self.below(from.len() as u64);
        from[usize::try_from(at).unwrap()]
    }

    /// Numbers of somebody's own, so that who draws first does not matter.
    pub(super) fn fork(&mut self) -> Self {
        Self(self.draw())
    }
}

thread_local! {
    static JITTER: Cell<u64> = const { Cell::new(0) };
}

/// What the daemon draws on this thread follows from the seed as well.
pub(super) fn seed_jitter(seed: u64) {
    JITTER.set(seed);
    crate::refresh::draw_from(|| {
        let (state, drawn) = next(JITTER.get());
        JITTER.set(state);
        f64::from(u32::try_from(drawn >> 32).unwrap()) / f64::from(u32::MAX)
    });
}
