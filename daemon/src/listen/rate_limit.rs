//! How many refusals get an answer with a reason and a line in the log: whoever
//! guesses is told nothing more beyond that.

use std::time::Instant;

use parking_lot::Mutex;

/// A token bucket.
#[derive(Debug)]
pub struct RateLimit {
    /// The tokens left, and when that was counted.
    state: Mutex<(f64, Instant)>,
}

impl RateLimit {
    const BURST: f64 = 20.0;
    const PER_SECOND: f64 = 2.0;

    /// Takes a token; answers whether there was one.
    pub fn allow(&self) -> bool {
        let now = Instant::now();
        let mut state = self.state.lock();
        let gained = now.duration_since(state.1).as_secs_f64() * Self::PER_SECOND;
        let left = (state.0 + gained).min(Self::BURST);
        let allowed = left >= 1.0;
        *state = (if allowed { left - 1.0 } else { left }, now);
        allowed
    }
}

impl Default for RateLimit {
    /// A whole burst is left.
    fn default() -> Self {
        Self {
            state: Mutex::new((Self::BURST, Instant::now())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_beyond_a_burst_are_throttled() {
        let rate_limit = RateLimit::default();
        let allowed = (0..100).filter(|_| rate_limit.allow()).count();
        assert!((20..25).contains(&allowed), "{allowed}");
    }
}
