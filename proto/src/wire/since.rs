//! How far back somebody wants to look.

use std::str::FromStr;

use crate::{Timestamp, time};

/// The longest time ago, in seconds: a hundred years.
const MAX: i64 = 36_500 * time::DAY;

/// A point in the past: an RFC 3339 time, or how long ago (`90s`, `30m`, `1h`,
/// `7d`), in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// A point in time.
    At(Timestamp),
    /// Seconds ago.
    Ago(i64),
}

/// A text that is neither a time nor a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("give a time such as 2026-01-31T08:00:00Z, or how long ago, such as 90s, 30m, 1h or 7d")]
pub struct SinceError;

impl Since {
    /// The point in time it is at `now`.
    pub fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(time) => time,
            Self::Ago(seconds) => now.plus_seconds(-seconds),
        }
    }
}

impl FromStr for Since {
    type Err = SinceError;

    fn from_str(text: &str) -> Result<Self, SinceError> {
        if let Ok(time) = text.parse() {
            return Ok(Self::At(time));
        }
        let seconds = time::length(text).filter(|seconds| *seconds <= MAX);
        seconds.map(Self::Ago).ok_or(SinceError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_are_told_apart() {
        let now = Timestamp::from_unix(100_000);
        let at = |text: &str| text.parse::<Since>().map(|since| since.at(now).unix());
        assert_eq!(at("1h"), Ok(96_400));
        assert_eq!(at("1h30m"), Ok(94_600));
        assert_eq!(at("1970-01-01T00:00:05Z"), Ok(5));
        for bad in ["", "h", "1", "-1h", "1y", "1.5h", "é", "+", "99999999d"] {
            assert_eq!(at(bad), Err(SinceError), "{bad}");
        }
    }
}
