//! Whether a group has members besides the user.
//!
//! Read from the files of the system and not through its name service, which a
//! static program cannot use: what is not in them counts as having others,
//! except where it looks like a group of the user's own.

use std::fs;

use rustix::process::geteuid;

use super::{namespace, users};

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
    let has_others = |gid, user| others(&group, &passwd, gid, [user, keeper.unwrap_or(user)]);
    // A namespace may call it root's, say, and it is no less shared outside.
    let outside = namespace::group_outside(gid);
    has_others(gid, geteuid().as_raw()) || outside.is_some_and(|(gid, user)| has_others(gid, user))
}

fn others(group: &str, passwd: &str, gid: u32, us: [u32; 2]) -> bool {
    let users: Vec<_> = passwd.lines().filter_map(users::parse).collect();
    let is_us = |uid: u32| us.contains(&uid) || uid == 0;
    if users
        .iter()
        .any(|entry| entry.gid == gid && !is_us(entry.uid))
    {
        return true;
    }
    // One group may stand on several lines, under one name or many.
    let lines = group.lines().map(|line| line.split(':'));
    let lists = lines.filter_map(|mut fields| {
        let id = fields.nth(2)?.parse::<u32>().ok()?;
        (id == gid).then(|| fields.next().unwrap_or_default())
    });
    let lists: Vec<_> = lists.collect();
    if lists.is_empty() {
        return !is_us(gid);
    }
    let known = |name: &str| {
        let mut entries = users.iter();
        entries.any(|entry| entry.name == name && is_us(entry.uid))
    };
    let mut members = lists.iter().flat_map(|list| list.split(',').map(str::trim));
    members.any(|name| !name.is_empty() && !known(name))
}

/// A group's name, else its number.
pub(crate) fn name(gid: u32) -> String {
    let text = fs::read_to_string(GROUPS).unwrap_or_default();
    let name = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let id = fields.nth(1)?.parse::<u32>().ok()?;
        (id == gid).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| gid.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n\
                          ann:x:1000:1000::/home/ann:/bin/sh\n\
                          bob:x:1001:100::/home/bob:/bin/sh\n";
    const GROUP: &str = "root:x:0:\nann:x:1000:\nusers:x:100:\nstaff:x:50:ann\n\
                         team:x:60:ann,bob\nwheel:x:10:root\ngone:x:70:nobody-knows\n";

    #[test]
    fn a_group_of_ones_own_has_no_others() {
        let has = |gid| others(GROUP, PASSWD, gid, [1000; 2]);
        for alone in [0, 10, 50, 1000] {
            assert!(!has(alone), "{alone}");
        }
        // As somebody's first group, by its list, by a name nobody knows, and
        // where it is in no file at all.
        for shared in [100, 60, 70, 4711] {
            assert!(has(shared), "{shared}");
        }
        assert!(!others("", "", 4711, [4711; 2]), "one for each user");
        // Who keeps programs is in their group.
        assert!(!others(GROUP, PASSWD, 60, [1000, 1001]));
        // A second line of the same number counts as well.
        let split = "ann:x:1000:\nalias:x:1000:bob\n";
        assert!(others(split, PASSWD, 1000, [1000; 2]));
    }
}
