//! Points in time as the API writes them.

use std::str::FromStr;

use derive_more::{Debug, Display};

/// A point in time with whole-second precision, written as RFC 3339 UTC with
/// `Z` and no fraction (`2026-01-31T08:00:00Z`).
#[derive(Clone, Copy, Debug, Display, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[debug("{self}")]
pub struct Timestamp(jiff::Timestamp);

/// A text that is not an RFC 3339 time.
#[derive(Debug, thiserror::Error)]
#[error("not an RFC 3339 time")]
pub struct TimestampError;

impl Timestamp {
    /// From Unix seconds; values outside the years 1970 to 9999 are clamped.
    pub fn from_unix(seconds: i64) -> Self {
        let seconds = seconds.clamp(0, jiff::Timestamp::MAX.as_second());
        Self(jiff::Timestamp::from_second(seconds).unwrap_or_default())
    }

    /// Unix seconds.
    pub fn unix(self) -> i64 {
        self.0.as_second()
    }

    /// Now, by the system's wall clock.
    pub fn now() -> Self {
        Self::from_unix(jiff::Timestamp::now().as_second())
    }

    /// Seconds from `earlier` to `self`; negative when `self` is before it.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.unix() - earlier.unix()
    }

    /// This time moved by `seconds`.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_unix(self.unix().saturating_add(seconds))
    }
}

/// A minute, in seconds.
pub const MINUTE: i64 = 60;
/// An hour, in seconds.
pub const HOUR: i64 = 60 * MINUTE;
/// A day, in seconds.
pub const DAY: i64 = 24 * HOUR;

/// How many seconds a unit has that is typed behind a number: `s`, `m`, `h`, `d`.
fn unit(letter: char) -> Option<i64> {
    match letter {
        's' => Some(1),
        'm' => Some(MINUTE),
        'h' => Some(HOUR),
        'd' => Some(DAY),
        _ => None,
    }
}

/// Reads a length of time that somebody typed, in seconds: `14h`, `1h30m`, `2d`.
pub fn length(text: &str) -> Option<i64> {
    let (mut all, mut number) = (0_i64, None::<i64>);
    for char in text.chars() {
        if let Some(digit) = char.to_digit(10) {
            let so_far = number.unwrap_or(0).checked_mul(10)?;
            number = Some(so_far.checked_add(digit.into())?);
        } else {
            let part = number.take()?.checked_mul(unit(char)?)?;
            all = all.checked_add(part)?;
        }
    }
    (number.is_none() && !text.is_empty()).then_some(all)
}

/// A length of time, in seconds, in its largest unit: `47 min`.
pub fn span(seconds: i64) -> String {
    let (count, unit) = match seconds {
        ..MINUTE => (seconds, "s"),
        MINUTE..HOUR => (seconds / MINUTE, "min"),
        HOUR..DAY => (seconds / HOUR, "h"),
        _ => {
            let days = seconds / DAY;
            (days, if days == 1 { "day" } else { "days" })
        }
    };
    format!("{count} {unit}")
}

/// How long something still lasts, as it was asked for: ninety days are that a
/// minute later, too. Nothing is told as longer by more than an hour of days, or
/// a minute of hours.
pub fn span_ahead(seconds: i64) -> String {
    span(match seconds {
        _ if seconds >= DAY - MINUTE => seconds + HOUR,
        _ if seconds >= HOUR - MINUTE => seconds + MINUTE,
        _ => seconds,
    })
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    /// Accepts any RFC 3339 / ISO 8601 time with an offset; fractions are cut.
    fn from_str(text: &str) -> Result<Self, TimestampError> {
        let time: jiff::Timestamp = text.parse().map_err(|_| TimestampError)?;
        Ok(Self::from_unix(time.as_second()))
    }
}

crate::text_form::serde_as_text!(Timestamp);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_and_fractions_become_utc_seconds() {
        let time: Timestamp = "2026-08-01T12:00:00.999999+02:00".parse().unwrap();
        assert_eq!(time.to_string(), "2026-08-01T10:00:00Z");
    }

    #[test]
    fn a_time_without_offset_is_refused() {
        assert!("2026-08-01T12:00:00".parse::<Timestamp>().is_err());
    }

    #[test]
    fn extreme_seconds_are_clamped() {
        assert_eq!(
            Timestamp::from_unix(i64::MIN).to_string(),
            "1970-01-01T00:00:00Z"
        );
        assert_eq!(
            Timestamp::from_unix(i64::MAX).to_string(),
            "9999-12-30T22:00:00Z"
        );
        assert_eq!(
            Timestamp::from_unix(i64::MAX).plus_seconds(1),
            Timestamp::from_unix(i64::MAX)
        );
    }
}
