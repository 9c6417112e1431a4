//! Where a program takes credentials from, and whether that is quiltd.

use super::super::aws_profile::AwsProfile;
use super::super::issued_keys;
use super::OURS;

/// How many characters of a key's name are compared: as many as the AWS CLI
/// shows.
const SHOWN: usize = 4;

/// How often a program is asked while quiltd keeps renewing what it gives.
const ATTEMPTS: usize = 3;

/// Where a program takes credentials from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Source {
    /// It is not on this machine.
    #[default]
    NotInstalled,
    /// It was still running when it had to end.
    Slow,
    /// It found none.
    Nowhere,
    /// It asked its `credential_process`, which failed.
    Fails,
    /// It failed before it came to that.
    Broken,
    /// By this method, and this is how the name of the key ends.
    Found { method: String, key: String },
    /// A `credential_process` gave it what quiltd gives.
    Quiltd,
    /// A `credential_process` gave it what quiltd does not give; whether quiltd
    /// gives anything.
    OtherProcess { quiltd_gives: bool },
    /// A `credential_process` gave it something, and quiltd renewed what it
    /// gives each time, so that nothing is known.
    Renewed,
}

/// Asks a program, and tells quiltd's `credential_process` from another one.
pub(super) fn ask(profile: &AwsProfile, program: impl FnMut() -> Source) -> Source {
    compare(program, || vended(profile))
}

/// The daemon may renew what it gives at any time: where that is the same before
/// and after the program ran, the program got the same from it; and it never
/// gives again what it has renewed.
fn compare(
    mut program: impl FnMut() -> Source,
    mut vended: impl FnMut() -> Option<String>,
) -> Source {
    let mut last_key = None;
    for _ in 0..ATTEMPTS {
        let before = vended();
        let source = program();
        let Source::Found { method, key } = &source else {
            return source;
        };
        if method != OURS {
            return source;
        }
        let after = vended();
        let key = Some(key.clone());
        if key == before || key == after {
            return Source::Quiltd;
        }
        if before == after || key == last_key {
            let quiltd_gives = before.is_some() || after.is_some();
            return Source::OtherProcess { quiltd_gives };
        }
        last_key = key;
    }
    Source::Renewed
}

/// How the name of the key ends that the profile's own call gives now.
fn vended(profile: &AwsProfile) -> Option<String> {
    let key = issued_keys::to(profile)?;
    let hidden = key.chars().count().saturating_sub(SHOWN);
    Some(key.chars().skip(hidden).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A program that gets these keys, one a run, while quiltd gives those,
    /// before and after each run; and how often the program ran.
    fn compared(program: &[&str], quiltd: &[&str]) -> (Source, usize) {
        let (mut program, mut quiltd) = (program.iter(), quiltd.iter());
        let mut runs = 0;
        let run = || {
            runs += 1;
            let key = (*program.next().unwrap()).to_owned();
            let method = OURS.to_owned();
            Source::Found { method, key }
        };
        let vended = || {
            let key = quiltd.next().unwrap();
            (!key.is_empty()).then(|| (*key).to_owned())
        };
        (compare(run, vended), runs)
    }

    #[test]
    fn what_quiltd_gave_before_or_after_is_quiltds() {
        assert_eq!(compared(&["A"], &["A", "A"]), (Source::Quiltd, 1));
        assert_eq!(compared(&["A"], &["A", "B"]), (Source::Quiltd, 1));
        assert_eq!(compared(&["B"], &["A", "B"]), (Source::Quiltd, 1));
        assert_eq!(compared(&["B"], &["", "B"]), (Source::Quiltd, 1));
    }

    #[test]
    fn what_it_may_have_given_in_between_is_asked_for_again() {
        let again = compared(&["B", "C"], &["A", "C", "C", "C"]);
        assert_eq!(again, (Source::Quiltd, 2));
        let quiltd_gives = true;
        for then in ["B", "C"] {
            let other = compared(&["X", "X"], &["A", "B", "B", then]);
            assert_eq!(other, (Source::OtherProcess { quiltd_gives }, 2));
        }
        let ever = compared(&["B", "D", "F"], &["A", "C", "C", "E", "E", ""]);
        assert_eq!(ever, (Source::Renewed, 3));
    }

    #[test]
    fn another_one_is_told_at_once() {
        for (given, quiltd_gives) in [("A", true), ("", false)] {
            let other = compared(&["X"], &[given, given]);
            assert_eq!(other, (Source::OtherProcess { quiltd_gives }, 1));
        }
        let method = || "env".to_owned();
        let key = || "X".to_owned();
        let found = || Source::Found {
            method: method(),
            key: key(),
        };
        assert_eq!(compare(found, || Some("A".to_owned())), found());
    }
}
