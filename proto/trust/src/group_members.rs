//! Whether a group has members besides the user.
//!
//! Read from the files of the system and not through its name services, which a
//! static program cannot use. Where those may know of members that no file names,
//! every group counts as having others except a user's private one: by their
//! name and number in the files, or by the same number as the user's own.

use std::fs;

use rustix::process::{getegid, geteuid};

use super::{name_services, namespace, users};

const GROUPS: &str = "/etc/group";

/// The group of macOS whose members may be root, and keep programs for all.
const ADMIN: u32 = 80;

/// Whether anybody but the user, root, and who keeps what it is about, is in a
/// group.
pub(crate) fn has_others(gid: u32, keeper: Option<u32>) -> bool {
    // Elsewhere users are not in files: a group may always have others.
    if !cfg!(target_os = "linux") {
        return keeper.is_none() || gid != ADMIN;
    }
    if namespace::hides_group(gid) {
        return true;
    }
    let group = fs::read_to_string(GROUPS).unwrap_or_default();
    let passwd = users::passwd();
    let keeper = keeper.filter(|keeper| !namespace::hides(*keeper));
    let files = Files {
        group: &group,
        passwd: &passwd,
        are_all: !name_services::may_know_more([&group, &passwd]),
    };
    // By its number alone a group is the user's where it is the one they have.
    let is_numbered = |gid, user| gid == user && getegid().as_raw() == gid;
    let has_others = |gid, user| {
        let us = [user, keeper.unwrap_or(user)];
        files.others(gid, us, is_numbered(gid, user))
    };
    // A namespace may call it root's, say, and it is no less shared outside.
    let outside = namespace::group_outside(gid);
    has_others(gid, geteuid().as_raw()) || outside.is_some_and(|(gid, user)| has_others(gid, user))
}

/// What the files of the system say of users and groups.
#[derive(Clone, Copy)]
struct Files<'a> {
    group: &'a str,
    passwd: &'a str,
    /// Whether nobody else says anything.
    are_all: bool,
}

impl Files<'_> {
    /// Whether others than `us` and root are in a group; `is_numbered` says that it
    /// is the user's first group and has their number.
    fn others(self, gid: u32, us: [u32; 2], is_numbered: bool) -> bool {
        let users: Vec<_> = self.passwd.lines().filter_map(users::parse).collect();
        let is_us = |uid: u32| us.contains(&uid) || uid == 0;
        if users
            .iter()
            .any(|entry| entry.gid == gid && !is_us(entry.uid))
        {
            return true;
        }
        // One group may stand on several lines, under one name or many.
        let found: Vec<_> = named(self.group, gid).collect();
        let known = |name: &str| {
            let mut entries = users.iter();
            entries.any(|entry| entry.name == name && is_us(entry.uid))
        };
        let mut members = found
            .iter()
            .flat_map(|(_, list)| list.split(',').map(str::trim));
        if members.any(|name| !name.is_empty() && !known(name)) {
            return true;
        }
        let is_private = |name: &str| {
            let mut entries = users.iter();
            entries.any(|entry| entry.name == name && entry.gid == gid && is_us(entry.uid))
        };
        if found.is_empty() {
            !(is_numbered || self.are_all && is_us(gid))
        } else {
            !self.are_all && !found.iter().any(|(name, _)| is_private(name))
        }
    }
}

/// A group's name, else its number.
pub(crate) fn name(gid: u32) -> String {
    let text = fs::read_to_string(GROUPS).unwrap_or_default();
    let name = named(&text, gid).next();
    name.map_or_else(|| gid.to_string(), |(name, _)| name.to_owned())
}

/// The lines of a group, each with a name of it and a list of members (group(5)).
fn named(file: &str, gid: u32) -> impl Iterator<Item = (&str, &str)> {
    file.lines().filter_map(move |line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse::<u32>().ok()?;
        (id == gid).then(|| (name, fields.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          ann:x:1000:1000::/home/ann:/bin/sh\n\
                          bob:x:1001:100::/home/bob:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nann:x:1000:\nusers:x:100:\nstaff:x:50:ann\n\
                         team:x:60:ann,bob\nwheel:x:10:root\ngone:x:70:nobody-knows\n";

    const ALL: Files<'_> = Files {
        group: GROUP,
        passwd: PASSWD,
        are_all: true,
    };

    #[test]
    fn a_group_of_ones_own_has_no_others() {
        let has = |gid| ALL.others(gid, [1000; 2], false);
        for alone in [0, 10, 50, 1000] {
            assert!(!has(alone), "{alone}");
        }
        // As somebody's first group, by its list, by a name nobody knows, and
        // where it is in no file at all.
        for shared in [100, 60, 70, 4711] {
            assert!(has(shared), "{shared}");
        }
        let none = Files {
            group: "",
            passwd: "",
            ..ALL
        };
        assert!(!none.others(4711, [4711; 2], false), "one for each user");
        // Who keeps programs is in their group.
        assert!(!ALL.others(60, [1000, 1001], false));
        // A second line of the same number counts as well.
        let group = "ann:x:1000:\nalias:x:1000:bob\n";
        assert!(Files { group, ..ALL }.others(1000, [1000; 2], false));
    }

    #[test]
    fn members_that_no_file_names_are_in_all_groups_but_private_ones() {
        let files = Files {
            are_all: false,
            ..ALL
        };
        let has = |gid, is_numbered| files.others(gid, [1000; 2], is_numbered);
        for private in [0, 1000] {
            assert!(!has(private, false), "{private}");
        }
        // Empty lists, and such as name nobody else, say nothing there.
        for shared in [10, 50, 60, 100, 4711] {
            assert!(has(shared, false), "{shared}");
        }
        // As the directory service numbers a private group.
        assert!(files.others(4711, [4711; 2], false));
        assert!(!files.others(4711, [4711; 2], true));
        // Bob's name is no reason to believe a group of it.
        let group = "bob:x:1000:\n";
        assert!(Files { group, ..files }.others(1000, [1000; 2], false));
    }
}
