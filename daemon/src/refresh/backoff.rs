//! How long to leave a failing source alone.

/// The longest pause, in seconds.
const CAP: u64 = 5 * 60;

/// Seconds to wait after the given number of failures in a row: full jitter
/// (uniform up to an exponentially growing ceiling), 1 s to 5 min. `random`
/// is uniform over 0 to 1.
pub(super) fn pause(failures: u32, random: f64) -> i64 {
    let ceiling = CAP.min(1u64.checked_shl(failures.min(32)).unwrap_or(CAP));
    #[expect(clippy::cast_possible_truncation, reason = "at most CAP")]
    #[expect(clippy::cast_precision_loss, reason = "at most CAP")]
    let drawn = (ceiling as f64 * random).ceil() as i64;
    drawn.max(1)
}

/// Seconds that a source may have itself left alone: no longer than it would be
/// for failing.
pub(crate) fn retry_after_seconds(retry_after: Option<u32>) -> i64 {
    retry_after.map_or(0, i64::from).min(CAP.cast_signed())
}

/// How long after a refusal it is first looked whether it was taken back, in
/// seconds; each further look waits twice as long.
const FIRST_PROBE: i64 = 30;

/// For how long after a refusal that is done, in seconds.
const PROBED_FOR: i64 = 24 * 3600;

/// The age of a refusal, in seconds, at which it is next looked whether it was
/// taken back, when it is `age` old; never again after a day.
pub(super) fn probe_after(age: i64) -> Option<i64> {
    let (mut due, mut pause) = (FIRST_PROBE, FIRST_PROBE);
    while due <= age && due <= PROBED_FOR {
        pause *= 2;
        due += pause;
    }
    (due <= PROBED_FOR).then_some(due)
}

/// What a refusal that was noted is taken for, in seconds, when it is `age` old by
/// the wall clocks of then and now, and the age at which to look: soon, because
/// either clock may have been wrong, and not for the last time.
pub(super) fn noted(age: i64) -> (i64, i64) {
    let age = age.clamp(0, PROBED_FOR / 2);
    (age, age + FIRST_PROBE)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn it_grows_to_five_minutes() {
        assert_eq!(pause(1, 1.0), 2);
        assert_eq!(pause(4, 1.0), 16);
        assert_eq!(pause(40, 1.0), 300);
    }

    #[test]
    fn a_refusal_is_looked_at_ever_more_rarely_for_a_day() {
        let mut looks = Vec::new();
        while let Some(next) = probe_after(looks.last().copied().unwrap_or(0)) {
            looks.push(next);
        }
        assert_eq!(looks[..4], [30, 90, 210, 450]);
        assert_eq!(looks.len(), 11);
        assert_eq!(probe_after(0), probe_after(29));
    }

    #[test]
    fn a_refusal_that_was_noted_is_looked_at_soon_and_again_whatever_clocks_say() {
        for noted_age in [i64::MIN, -86_400, 0, 100, 86_400, 10_000_000, i64::MAX] {
            let (age, due) = noted(noted_age);
            assert_eq!(due - age, FIRST_PROBE, "{noted_age}");
            let again = probe_after(due).unwrap();
            assert!((1..12 * 3600).contains(&(again - due)), "{noted_age}");
        }
        assert_eq!(noted(100).0, 100);
    }

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(failures in 0u32.., random in 0.0f64..1.0) {
            prop_assert!((1..=300).contains(&pause(failures, random)));
        }
    }
}
