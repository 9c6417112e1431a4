//! What stays of a log that has grown too long: every program keeps a share of
//! its own, so that nobody makes another's lines go away by adding more.

use std::cmp::Reverse;
use std::collections::HashMap;

use quilt_proto::api::Action;
use quilt_proto::wire::AuditEntry;

/// One program of one user; a process where the system does not name its
/// program. Those of which it tells neither share.
type Holder = (u32, Option<String>, Option<u32>);

/// How dear a line is to its program, the dearest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Retention {
    /// A secret was handed out, or something was changed.
    Done,
    /// A request was carried that may have changed something.
    Carried,
    /// One that reads.
    Read,
    /// Nothing came of it.
    Refused,
}

impl Retention {
    fn of(entry: &AuditEntry) -> Self {
        let method = entry
            .request
            .as_deref()
            .and_then(|request| request.split(' ').next());
        match (entry.action.as_str(), method) {
            _ if !entry.is_ok() => Self::Refused,
            (action, Some("GET" | "HEAD")) if action == Action::REGISTRY.as_str() => Self::Read,
            (action, _) if action == Action::REGISTRY.as_str() => Self::Carried,
            _ => Self::Done,
        }
    }
}

/// The lines that stay, in their order, of at most `room` bytes with their
/// ends. What is no line of the log goes.
pub(super) fn keep<'a>(lines: &[&'a [u8]], room: usize) -> Vec<&'a [u8]> {
    let mut holders: HashMap<Holder, Vec<(Retention, usize)>> = HashMap::new();
    for (at, line) in lines.iter().enumerate() {
        if let Ok(entry) = serde_json::from_slice::<AuditEntry>(line) {
            let worth = Retention::of(&entry);
            let pid = entry.pid.filter(|_| entry.program.is_none());
            let holder = (entry.uid, entry.program, pid);
            let held = holders.entry(holder).or_default();
            held.push((worth, at));
        }
    }
    let size = |at: usize| lines[at].len() + 1;
    let sizes = holders
        .values()
        .map(|held| held.iter().map(|(_, at)| size(*at)).sum());
    let share = share(sizes.collect(), room);
    let mut kept = Vec::new();
    for mut held in holders.into_values() {
        held.sort_unstable_by_key(|(worth, at)| (*worth, Reverse(*at)));
        let mut left = share;
        kept.extend(held.into_iter().map_while(|(_, at)| {
            left = left.checked_sub(size(at))?;
            Some(at)
        }));
    }
    kept.sort_unstable();
    kept.into_iter().map(|at| lines[at]).collect()
}

/// The most that each may have, so that all have room: who needs less leaves
/// the rest to the others.
fn share(mut sizes: Vec<usize>, room: usize) -> usize {
    sizes.sort_unstable();
    let mut left = room;
    for (served, size) in sizes.iter().enumerate() {
        let even = left / (sizes.len() - served);
        if *size > even {
            return even;
        }
        left -= size;
    }
    room
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use quilt_proto::Timestamp;

    use super::*;

    fn line(
        program: Option<&str>,
        action: Action,
        outcome: &str,
        request: Option<&str>,
    ) -> Vec<u8> {
        let entry = AuditEntry {
            time: Timestamp::from_unix(0),
            action: action.as_str().to_owned(),
            outcome: outcome.to_owned(),
            catalog_url: None,
            profile: None,
            grant_id: None,
            request: request.map(str::to_owned),
            pid: Some(1),
            uid: 1000,
            program: program.map(str::to_owned),
            script: None,
            count: 1,
        };
        serde_json::to_vec(&entry).unwrap()
    }

    fn kept(lines: &[Vec<u8>], room: usize) -> Vec<usize> {
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let kept = keep(&lines, room);
        let at = |line: &&[u8]| lines.iter().position(|all| std::ptr::eq(*all, *line));
        kept.iter().filter_map(at).collect()
    }

    #[test]
    fn who_writes_most_loses_its_own_and_its_least_first() {
        let vend = || line(Some("/bin/aws"), Action::CREDENTIALS, "ok", None);
        let mut lines = vec![
            vend(),
            line(Some("/bin/evil"), Action::new("token"), "ok", None),
        ];
        let change = Some("POST /graphql mutation apiKeyCreate");
        lines.push(line(Some("/bin/evil"), Action::REGISTRY, "ok", change));
        for n in 0..100 {
            let path = format!("GET /api/{n}");
            lines.push(line(Some("/bin/evil"), Action::REGISTRY, "ok", Some(&path)));
            lines.push(line(None, Action::REGISTRY, "denied", Some(&path)));
        }
        lines.push(vend());
        let room = lines.iter().map(Vec::len).sum::<usize>() / 10;
        let kept = kept(&lines, room);
        for dear in [0, 1, 2, lines.len() - 1, lines.len() - 2, lines.len() - 3] {
            assert!(kept.contains(&dear), "{dear} of {kept:?}");
        }
        assert!(!kept.contains(&3) && !kept.contains(&4), "{kept:?}");
    }

    #[test]
    fn a_process_without_a_name_takes_nobody_elses_lines() {
        let of = |pid: u32, request: &str| {
            let entry = line(None, Action::REGISTRY, "ok", Some(request));
            let mut entry: AuditEntry = serde_json::from_slice(&entry).unwrap();
            entry.pid = Some(pid);
            serde_json::to_vec(&entry).unwrap()
        };
        let mut lines = vec![of(1, "GET /first")];
        lines.extend((0..100).map(|n| of(2, &format!("GET /{n}"))));
        let room = lines.iter().map(Vec::len).sum::<usize>() / 10;
        let kept = kept(&lines, room);
        assert!(kept.contains(&0) && kept.len() < 20, "{kept:?}");
    }

    proptest! {
        #[test]
        fn what_stays_fits_and_is_in_order(
            lines in proptest::collection::vec((0..5_u8, 0..3_u8), 0..60),
            room in 0..8000_usize,
        ) {
            let made: Vec<Vec<u8>> = lines.iter().map(|(program, outcome)| {
                let program = format!("/bin/{}", "p".repeat(usize::from(*program) * 40));
                line(Some(&program), Action::new("token"), ["ok", "denied", "error"][usize::from(*outcome)], None)
            }).collect();
            let refs: Vec<&[u8]> = made.iter().map(Vec::as_slice).collect();
            let kept = keep(&refs, room);
            let bytes: usize = kept.iter().map(|line| line.len() + 1).sum();
            prop_assert!(bytes <= room);
            let all: usize = refs.iter().map(|line| line.len() + 1).sum();
            prop_assert_eq!(all <= room, kept.len() == refs.len());
            let mut rest = refs.iter();
            prop_assert!(kept.iter().all(|line| rest.any(|other| std::ptr::eq(*line, *other))));
        }
    }
}
