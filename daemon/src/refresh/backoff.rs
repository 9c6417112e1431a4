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

    proptest! {
        #[test]
        fn it_stays_within_its_bounds(failures in 0u32.., random in 0.0f64..1.0) {
            prop_assert!((1..=300).contains(&pause(failures, random)));
        }
    }
}
