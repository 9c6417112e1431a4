//! When a value is replaced, and how old a value may be handed out.

/// The freshness a kind of value is held to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Policy {
    /// While the source delivers, nothing with less than this left is handed
    /// out, in seconds; values that live less than twice as long are held to
    /// half their life instead.
    pub min_left: i64,
    /// By what part of its life a first value is replaced earlier than others.
    first_spread: f64,
}

/// By up to what part of its life a value is replaced before half of it, by
/// chance, so that what began together is not asked for together for ever.
const SPREAD: f64 = 0.1;

impl Policy {
    /// AWS credentials: botocore asks again below 15 minutes and blocks below
    /// 10, so nothing under 20 is given to it. Of thousands of profiles that begin
    /// in the same second, the first are replaced over a quarter of an hour, at 1.6
    /// times the mean rate, and the next lie apart as these did.
    pub const AWS_CREDENTIALS: Self = Self {
        min_left: 20 * 60,
        first_spread: 0.28,
    };

    /// Access tokens: Quilt's clients treat one as stale with under a minute left.
    /// A login has one.
    pub const ACCESS_TOKEN: Self = Self {
        min_left: 60,
        first_spread: SPREAD,
    };

    /// The same where nothing with less than this left is handed out, in seconds.
    #[must_use]
    pub fn with_min_left(self, min_left: i64) -> Self {
        Self { min_left, ..self }
    }

    /// Seconds after arrival from which a value that lives `lifetime` seconds
    /// is no longer handed out while the source delivers.
    pub(super) fn stale_after(self, lifetime: i64) -> i64 {
        (lifetime - self.min_left).max(lifetime / 2)
    }

    /// Seconds after arrival at which it is replaced: at half its life, or earlier
    /// by `jitter` (0 to 1); a first one took the place of none that was valid.
    pub(super) fn refresh_after(self, lifetime: i64, is_first: bool, jitter: f64) -> i64 {
        let spread = if is_first { self.first_spread } else { SPREAD };
        let half = lifetime / 2;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of an i64 fits one"
        )]
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds; the last bits do not matter"
        )]
        let earlier = (lifetime as f64 * spread * jitter) as i64;
        // Never at once: a source of dead values must not be asked in a loop.
        (half - earlier).min(self.stale_after(lifetime)).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AWS: Policy = Policy::AWS_CREDENTIALS;

    #[test]
    fn an_hour_is_handed_out_for_forty_minutes_and_replaced_before_thirty() {
        assert_eq!(AWS.stale_after(3600), 2400);
        assert_eq!(AWS.refresh_after(3600, false, 0.0), 1800);
        assert_eq!(AWS.refresh_after(3600, false, 1.0), 1440);
        assert_eq!(AWS.refresh_after(3600, true, 1.0), 792);
        assert_eq!(Policy::ACCESS_TOKEN.refresh_after(3600, true, 1.0), 1440);
    }

    #[test]
    fn short_lives_are_held_to_half() {
        assert_eq!(AWS.stale_after(2400), 1200);
        assert_eq!(AWS.stale_after(900), 450);
        assert_eq!(Policy::ACCESS_TOKEN.stale_after(30), 15);
    }

    proptest! {
        #[test]
        fn replacement_is_never_later_than_staleness(
            life in 2i64..1_000_000,
            is_first: bool,
            jitter in 0.0f64..1.0,
        ) {
            for policy in [AWS, Policy::ACCESS_TOKEN] {
                let refresh = policy.refresh_after(life, is_first, jitter);
                prop_assert!((1..=policy.stale_after(life)).contains(&refresh));
                prop_assert!(refresh <= life / 2);
            }
        }

        #[test]
        fn a_long_enough_life_always_leaves_the_minimum(life in 2400i64..1_000_000) {
            prop_assert!(life - AWS.stale_after(life) >= AWS.min_left);
        }
    }
}
