//! Where a program takes credentials from, and whether that is quiltd.

use super::super::aws_profile::AwsProfile;
use super::super::issued_keys;
use super::OURS;

/// How many characters of a key's name are compared: as many as the AWS CLI
/// shows.
const SHOWN: usize = 4;

/// How often a program is asked while quiltd keeps renewing what it gives.
const ATTEMPTS: usize = 4;

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
/// gives again what it has renewed. It is asked for nothing where no program
/// was given anything.
fn compare(
    mut program: impl FnMut() -> Source,
    mut vended: impl FnMut() -> Option<String>,
) -> Source {
    let mut last: Option<Run> = None;
    for _ in 0..ATTEMPTS {
        let source = program();
        let Source::Found { method, key } = source else {
            return source;
        };
        if method != OURS {
            return Source::Found { method, key };
        }
        let run = Run {
            key,
            vended: vended(),
        };
        let vended = [Some(&run), last.as_ref()].map(|run| run?.vended.as_ref());
        if vended.contains(&Some(&run.key)) {
            return Source::Quiltd;
        }
        if last.is_some_and(|last| last.vended == run.vended || last.key == run.key) {
            let quiltd_gives = run.vended.is_some();
            return Source::OtherProcess { quiltd_gives };
        }
        last = Some(run);
    }
    Source::Renewed
}

/// What a program got, and what quiltd gave after that.
struct Run {
    key: String,
    vended: Option<String>,
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

    /// A program that gets these keys, one a run, while quiltd gives those after
    /// each run; and how often the program ran.
    fn compared(runs: &[[&str; 2]]) -> (Source, usize) {
        let mut program = runs.iter().map(|[key, _]| (*key).to_owned());
        let mut quiltd = runs.iter().map(|[_, key]| (*key).to_owned());
        let mut count = 0;
        let run = || {
            count += 1;
            let method = OURS.to_owned();
            let key = program.next().unwrap();
            Source::Found { method, key }
        };
        let vended = || quiltd.next().filter(|key| !key.is_empty());
        (compare(run, vended), count)
    }

    #[test]
    fn what_quiltd_gave_before_or_after_is_quiltds() {
        assert_eq!(compared(&[["A", "A"]]), (Source::Quiltd, 1));
        let renewed = compared(&[["A", "B"], ["B", "C"]]);
        assert_eq!(renewed, (Source::Quiltd, 2), "it gave that before");
        let renewed = compared(&[["A", "B"], ["C", "D"], ["E", "E"]]);
        assert_eq!(renewed, (Source::Quiltd, 3));
        assert_eq!(compared(&[["A", ""], ["B", "B"]]), (Source::Quiltd, 2));
        let ever = [["A", "B"], ["C", "D"], ["E", "F"], ["G", "H"]];
        assert_eq!(compared(&ever), (Source::Renewed, 4));
    }

    #[test]
    fn another_process_is_told_for_sure() {
        let other = |quiltd_gives| Source::OtherProcess { quiltd_gives };
        assert_eq!(compared(&[["X", "A"], ["X", "A"]]), (other(true), 2));
        assert_eq!(compared(&[["X", "A"], ["X", "B"]]), (other(true), 2));
        assert_eq!(compared(&[["X", "A"], ["Y", "A"]]), (other(true), 2));
        assert_eq!(compared(&[["X", ""], ["Y", ""]]), (other(false), 2));
    }

    #[test]
    fn quiltd_is_asked_for_nothing_where_no_program_was_given_anything() {
        let env = || Source::Found {
            method: "env".to_owned(),
            key: "X".to_owned(),
        };
        let asked = || panic!("asked");
        assert_eq!(compare(env, asked), env());
        assert_eq!(
            compare(|| Source::NotInstalled, asked),
            Source::NotInstalled
        );
    }
}
