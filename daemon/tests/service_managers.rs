//! What service managers are told of the daemon.

use std::time::Duration;

use quiltd::app::LONGEST_FINISH;
use quiltd::listen::Limits;

const PLIST: &str = include_str!("../../launchd/com.quiltdata.quiltd.plist");
const UNITS: [&str; 2] = [
    include_str!("../../systemd/quiltd.service"),
    include_str!("../../systemd/quiltd@.service"),
];

/// A kill in between loses the login that is being rotated.
#[test]
fn they_wait_until_it_has_stored_what_is_being_rotated() {
    let seconds_after = |text: &str, name: &str| {
        let (_, rest) = text.split_once(name).unwrap();
        let digits = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
        let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap();
        Duration::from_secs(digits[..end].parse().unwrap())
    };
    let longest = Limits::default().drain_time + LONGEST_FINISH;
    for unit in UNITS {
        assert!(seconds_after(unit, "TimeoutStopSec=") > longest, "{unit}");
    }
    assert!(seconds_after(PLIST, "<key>ExitTimeOut</key>") > longest);
}
