//! When a value is replaced, and how old a value may be handed out.

/// The freshness a kind of value is held to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// While the source delivers, nothing with less than this left is handed
    /// out, in seconds; values that live less than twice as long are held to
    /// half their life instead.
    pub min_left: i64,
    /// A value is replaced at half its life, and earlier by up to this part of
    /// its life (one in so many), by chance.
    spread: i64,
}

impl Policy {
    /// AWS credentials: botocore asks again below 15 minutes and blocks below
    /// 10, so nothing under 20 is given to it. Thousands of profiles that begin in
    /// the same second are spread over a quarter of an hour at once, at 1.5 times
    /// the mean rate.
    pub const AWS_CREDENTIALS: Self = Self {
        min_left: 20 * 60,
        spread: 4,
    };

    /// Access tokens: Quilt's clients treat one as stale with under a minute left.
    /// Each is one of a login, which is not renewed more often than need be.
    pub const ACCESS_TOKEN: Self = Self {
        min_left: 60,
        spread: 10,
    };

    /// The same where nothing with less than this left is handed out, in seconds.
    pub fn with_min_left(self, min_left: i64) -> Self {
        Self { min_left, ..self }
    }

    /// Seconds after arrival from which a value that lives `lifetime` seconds
    /// is no longer handed out while the source delivers.
    pub(super) fn stale_after(self, lifetime: i64) -> i64 {
        (lifetime - self.min_left).max(lifetime / 2)
    }

    /// Seconds after arrival at which it is replaced: at half its life, or earlier
    /// by `jitter` (0 to 1), so that what began together is not asked for together.
    pub(super) fn refresh_after(self, lifetime: i64, jitter: f64) -> i64 {
        let half = lifetime / 2;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a fraction of an i64 fits one"
        )]
        #[expect(
            clippy::cast_precision_loss,
            reason = "seconds; the last bits do not matter"
        )]
        let earlier = (lifetime as f64 / self.spread as f64 * jitter) as i64;
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
        assert_eq!(AWS.refresh_after(3600, 0.0), 1800);
        assert_eq!(AWS.refresh_after(3600, 1.0), 900);
        assert_eq!(Policy::ACCESS_TOKEN.refresh_after(3600, 1.0), 1440);
    }

    #[test]
    fn short_lives_are_held_to_half() {
        assert_eq!(AWS.stale_after(2400), 1200);
        assert_eq!(AWS.stale_after(900), 450);
        assert_eq!(Policy::ACCESS_TOKEN.stale_after(30), 15);
    }

    proptest! {
        #[test]
        fn replacement_is_never_later_than_staleness(life in 2i64..1_000_000, jitter in 0.0f64..1.0) {
            for policy in [AWS, Policy::ACCESS_TOKEN] {
                let refresh = policy.refresh_after(life, jitter);
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
