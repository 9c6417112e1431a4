//! Times as people say them: how long it is, or when it was in their zone.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use jiff::Zoned;
use jiff::tz::TimeZone;
use quilt_proto::Timestamp;
use quilt_proto::time::{DAY, HOUR, span, span_ahead};

use super::Look;

/// The zone in which times are told.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Zone {
    /// The user's.
    pub(super) fn of_system() -> Self {
        let named = std::env::var_os("TZ").unwrap_or_default();
        if is_no_file(&named) {
            return Self(TimeZone::UTC);
        }
        Self(TimeZone::system())
    }

    #[cfg(test)]
    pub(super) fn utc() -> Self {
        Self(TimeZone::UTC)
    }
}

/// Whether a zone is named by what would be read without an end, or waited for
/// (POSIX, `TZ`: a path may follow a colon).
fn is_no_file(named: &OsStr) -> bool {
    let bytes = named.as_bytes();
    let path = bytes.strip_prefix(b":").unwrap_or(bytes);
    let found = std::fs::metadata(OsStr::from_bytes(path));
    found.is_ok_and(|found| !found.is_file() && !found.is_dir())
}

impl Look {
    /// When something was or will be: `2 min ago`, `yesterday 18:04`, `in 9
    /// days`; exact with `--utc`.
    pub(crate) fn when(&self, time: Timestamp) -> String {
        let ahead = time.seconds_since(self.now);
        if self.utc {
            return time.to_string();
        }
        if ahead > 0 {
            return format!("in {}", span_ahead(ahead));
        }
        let ago = -ahead;
        match ago {
            0..5 => "now".to_owned(),
            5..DAY if self.days_ago(time) == Some(0) || ago < 12 * HOUR => {
                format!("{} ago", span(ago))
            }
            _ => match self.days_ago(time) {
                Some(0 | 1) => format!("yesterday {}", self.local(time, "%H:%M")),
                Some(2..=6) => self.local(time, "%a %H:%M"),
                _ => self.local(time, "%Y-%m-%d"),
            },
        }
    }

    /// On which day something was; exact with `--utc`.
    pub(crate) fn day(&self, time: Timestamp) -> String {
        if self.utc {
            return time.to_string();
        }
        self.local(time, "%Y-%m-%d")
    }

    /// At what time of the day; nothing where [`Self::day`] says it.
    pub(crate) fn clock(&self, time: Timestamp) -> String {
        if self.utc {
            return String::new();
        }
        self.local(time, "%H:%M")
    }

    /// How long something lasts from now: `47 min`; exact with `--utc`.
    pub(crate) fn left(&self, until: Timestamp) -> String {
        if self.utc {
            return format!("until {until}");
        }
        match until.seconds_since(self.now) {
            left @ 1.. => format!("{} left", span_ahead(left)),
            _ => "ended".to_owned(),
        }
    }

    /// How long ago something began: `3 days`; since when, with `--utc`.
    pub(crate) fn age(&self, since: Timestamp) -> String {
        if self.utc {
            return format!("since {since}");
        }
        format!("up {}", span(self.now.seconds_since(since).max(0)))
    }

    /// How many calendar days ago, where the user is.
    fn days_ago(&self, time: Timestamp) -> Option<i32> {
        let (now, then) = (self.zoned(self.now)?.date(), self.zoned(time)?.date());
        let days = now.since((jiff::Unit::Day, then)).ok()?;
        Some(days.get_days())
    }

    fn local(&self, time: Timestamp, format: &str) -> String {
        match self.zoned(time) {
            Some(told) => told.strftime(format).to_string(),
            None => time.to_string(),
        }
    }

    fn zoned(&self, time: Timestamp) -> Option<Zoned> {
        let time = jiff::Timestamp::from_second(time.unix()).ok()?;
        Some(time.to_zoned(self.zone.0.clone()))
    }
}
