//! Users as a user namespace shows them (user_namespaces(7)): whoever it does
//! not map, root and everybody else, has one number there. Nothing tells them
//! apart, so nobody of that number is believed to be anybody.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::LazyLock;

use rustix::process::{Pid, geteuid, getuid, test_kill_process};

/// The maps of users and groups of this process.
pub(crate) const USERS: &str = "/proc/self/uid_map";
pub(crate) const GROUPS: &str = "/proc/self/gid_map";

/// The numbers of those who are not mapped.
const NOBODY: &str = "/proc/sys/kernel/overflowuid";
const NO_GROUP: &str = "/proc/sys/kernel/overflowgid";

/// Maps do not change once they are written.
static HERE: LazyLock<Map> = LazyLock::new(|| Map::read(USERS, *NOBODY_HERE));
static GROUPS_HERE: LazyLock<Map> = LazyLock::new(|| Map::read(GROUPS, number(NO_GROUP)));

/// Apart from the map: whoever has another number needs no map to know itself,
/// and the profile line's program reads none.
static NOBODY_HERE: LazyLock<Option<u32>> = LazyLock::new(|| number(NOBODY));

fn number(file: &str) -> Option<u32> {
    fs::read_to_string(file).ok()?.trim().parse().ok()
}

/// Numbers here and outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    first: u32,
    outside: u32,
    count: u32,
}

/// Whom a namespace knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Map {
    ranges: Vec<Range>,
    /// Whom it shows for all others; nobody where it knows everybody, or the
    /// system has no such thing.
    nobody: Option<u32>,
}

impl Map {
    fn read(map: &str, nobody: Option<u32>) -> Self {
        match fs::read_to_string(map) {
            Ok(text) => Self::parse(&text, nobody),
            Err(_) => Self::parse("0 0 4294967295", None),
        }
    }

    fn parse(text: &str, nobody: Option<u32>) -> Self {
        let range = |line: &str| {
            let mut columns = line.split_whitespace().map(str::parse);
            let mut next = || columns.next()?.ok();
            Some(Range {
                first: next()?,
                outside: next()?,
                count: next()?,
            })
        };
        let ranges: Vec<_> = text.lines().filter_map(range).collect();
        let known: u64 = ranges.iter().map(|range| u64::from(range.count)).sum();
        let is_partial = known < u64::from(u32::MAX);
        Self {
            ranges,
            nobody: nobody.filter(|_| is_partial),
        }
    }

    fn range(&self, id: u32) -> Option<&Range> {
        let is_in = |range: &&Range| id >= range.first && id - range.first < range.count;
        self.ranges.iter().find(is_in)
    }

    /// Whether a number is the one of all who are not mapped.
    fn hides(&self, id: u32) -> bool {
        self.nobody == Some(id)
    }

    /// Whether a number is one's and not that of all who are not mapped alone.
    fn knows(&self, id: u32) -> bool {
        !self.hides(id) || self.range(id).is_some()
    }

    /// What a number is called outside, where it is mapped by itself, as a
    /// user's own are, and not among subordinate ones (subuid(5)).
    fn outside(&self, id: u32) -> Option<u32> {
        let range = self.range(id).filter(|range| range.count == 1)?;
        self.nobody.map(|_| range.outside)
    }
}

/// Whether somebody of this number may be anybody.
pub(crate) fn hides(user: u32) -> bool {
    HERE.hides(user)
}

/// The same of a group.
pub(crate) fn hides_group(group: u32) -> bool {
    GROUPS_HERE.hides(group)
}

/// Whether a user is one and not the name for all whom a container does not
/// know.
pub fn is_known(user: u32) -> bool {
    HERE.knows(user)
}

/// Whether this very user is one: a namespace without a map shows everybody as
/// everybody else.
pub fn knows_us() -> bool {
    let us = geteuid().as_raw();
    !may_be_nobody(us) || is_known(us)
}

/// Whether a user has the number of those who are not mapped, if any are not.
fn may_be_nobody(user: u32) -> bool {
    *NOBODY_HERE == Some(user)
}

/// A group that the user brought along from outside, by its number there, and
/// the user's own.
pub(crate) fn group_outside(group: u32) -> Option<(u32, u32)> {
    let user = user_outside()?;
    Some((GROUPS_HERE.outside(group)?, user))
}

/// This user's number outside, where a namespace gives them another.
pub(crate) fn user_outside() -> Option<u32> {
    HERE.outside(geteuid().as_raw())
}

/// Whether a file is this user's.
pub(crate) fn is_ours(path: &Path, found: &Metadata) -> bool {
    let user = geteuid().as_raw();
    found.uid() == user && (!may_be_nobody(user) || !hides(user) || opens_as_its_owner(path))
}

/// Whether a process at the other end of a socket is this user's.
pub fn is_our_peer(user: u32, pid: Option<u32>) -> bool {
    let us = getuid().as_raw();
    let pid = || Pid::from_raw(i32::try_from(pid?).ok()?);
    // Where numbers tell nothing, what one may do to it does.
    let is_told_apart =
        || knows_us() && (!hides(us) || pid().is_some_and(|pid| test_kill_process(pid).is_ok()));
    user == us && (!may_be_nobody(us) || is_told_apart())
}

/// Where the user has the number of all who are not mapped, the kernel still
/// tells them apart: only its owner may open a file so (open(2), `O_NOATIME`).
#[cfg(target_os = "linux")]
fn opens_as_its_owner(path: &Path) -> bool {
    use rustix::fs::OFlags;
    use std::os::unix::fs::OpenOptionsExt;

    let flags = OFlags::NOATIME | OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let mut options = fs::OpenOptions::new();
    let options = options.read(true).custom_flags(flags.bits().cast_signed());
    knows_us() && options.open(path).is_ok()
}

#[cfg(not(target_os = "linux"))]
fn opens_as_its_owner(_: &Path) -> bool {
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOBODY: Option<u32> = Some(65_534);

    #[test]
    fn only_a_namespace_that_leaves_users_out_hides_any() {
        let hides = |map: &str| Map::parse(map, NOBODY).hides(65_534);
        assert!(!hides("         0          0 4294967295\n"));
        for partial in [
            "      1000       1000          1\n",
            "0 1000 1\n1 100000 65536\n",
            "65534 1000 1\n",
            "",
        ] {
            assert!(hides(partial), "{partial}");
            assert!(!Map::parse(partial, NOBODY).hides(1000));
            assert!(!Map::parse(partial, None).hides(65_534));
        }
    }

    #[test]
    fn a_container_knows_the_users_it_maps() {
        let knows = |map: &str, user| Map::parse(map, NOBODY).knows(user);
        assert!(knows("         0          0 4294967295\n", 65_534));
        let some = "      1000       1000          1\n     65534 70000 1\n";
        assert!(knows(some, 1000) && knows(some, 65_534));
        for unknown in ["", "nonsense", "1000 1000 1\n", "0 100000 65534\n"] {
            assert!(!knows(unknown, 65_534), "{unknown}");
        }
    }

    #[test]
    fn what_is_mapped_by_itself_has_a_number_outside() {
        let outside = |map: &str, id| Map::parse(map, NOBODY).outside(id);
        let podman = "0 1000 1\n1 100000 65536\n";
        assert_eq!(outside(podman, 0), Some(1000));
        assert_eq!(outside(podman, 5), None);
        assert_eq!(outside("0 0 4294967295", 5), None);
        assert_eq!(outside("1000 1000 1", 1000), Some(1000));
    }
}
