//! What owner and mode of one file or directory say.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::process::geteuid;

use super::{Distrust, Others, acl, file_system, group_members, namespace, users};

const ROOT: u32 = 0;

/// In a directory with it, nobody may touch what is not theirs.
pub(crate) const STICKY: u32 = 0o1000;

/// What one may do with a file or directory, by its bit among those of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Right {
    /// To go through a directory.
    Pass = 0o1,
    Write = 0o2,
    Read = 0o4,
}

/// Who else may own what the user's own is expected to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody.
    User,
    /// Root, which could do anything anyway.
    UserOrRoot,
    /// Root, or this user, who keeps it.
    Keeper(u32),
}

/// Judges what is to be the user's own.
pub(crate) fn own(path: &Path, found: &Metadata, owner: Owner) -> Result<(), Distrust> {
    let uid = found.uid();
    let keeper = match owner {
        Owner::Keeper(keeper) => Some(keeper),
        Owner::User | Owner::UserOrRoot => None,
    };
    let is_allowed = owner != Owner::User && uid == ROOT || is_keeper(uid, keeper);
    if namespace::is_ours(path, found) || is_allowed {
        tight(path, found, keeper)
    } else {
        file_system::excuse(path, foreign(path, found))
    }
}

/// Judges who else may write to something, whosever it is.
pub(crate) fn tight(path: &Path, found: &Metadata, keeper: Option<u32>) -> Result<(), Distrust> {
    loose(path, found, keeper).or_else(|distrust| file_system::excuse(path, distrust))
}

/// Judges a directory on the way: a sticky one lets nobody touch what is not
/// theirs. Of what shows as nobody's it has to be known whether it is root's.
pub(crate) fn parent(
    path: &Path,
    found: &Metadata,
    keeper: Option<u32>,
    is_system: bool,
) -> Result<(), Distrust> {
    let judged = if !is_system && !may_be_passed(path, found, keeper) {
        Err(foreign(path, found))
    } else if found.mode() & STICKY != 0 {
        Ok(())
    } else {
        loose(path, found, keeper)
    };
    judged.or_else(|distrust| file_system::excuse(path, distrust))
}

/// Whether a directory or symlink of this owner may be on the way.
pub(crate) fn may_be_passed(path: &Path, found: &Metadata, keeper: Option<u32>) -> bool {
    let uid = found.uid();
    uid == ROOT || is_keeper(uid, keeper) || namespace::is_ours(path, found)
}

/// Whether a user is the one who keeps something; nobody is, who may be anybody.
fn is_keeper(uid: u32, keeper: Option<u32>) -> bool {
    Some(uid) == keeper && !namespace::hides(uid)
}

/// Whether somebody else put this, which is at `path`, into a directory for all, as
/// anybody could, or into one of the user's, which only they keep: that it is a
/// keeper's says nothing there.
pub(crate) fn may_be_planted(real: &Path, dir: &Metadata, path: &Path, entry: &Metadata) -> bool {
    let is_for_all = dir.mode() & STICKY != 0 && dir.mode() & 0o022 != 0;
    let is_own = dir.uid() != ROOT && namespace::is_ours(real, dir);
    (is_for_all || is_own) && !may_be_passed(path, entry, None)
}

fn loose(path: &Path, found: &Metadata, keeper: Option<u32>) -> Result<(), Distrust> {
    who_else_may(Right::Write, path, found, keeper).map_or(Ok(()), |writers| {
        Err(Distrust::Loose {
            path: path.to_owned(),
            mode: found.mode() & 0o7777,
            owner: found.uid(),
            writers,
        })
    })
}

/// Who besides its owner, root and a keeper may do something, if anybody.
pub(crate) fn who_else_may(
    right: Right,
    path: &Path,
    found: &Metadata,
    keeper: Option<u32>,
) -> Option<Others> {
    let bit = right as u32;
    if found.mode() & bit != 0 {
        Some(Others::Everybody)
    } else if found.mode() & (bit << 3) != 0 {
        by_group_bits(right, path, found.gid(), keeper)
    } else {
        None
    }
}

/// Whom the group's bit lets do something: the group, and whoever an access
/// control list names, of whose rights it is the mask (acl(5)). So taking it away
/// takes all of them away. Where nobody can tell who is on a list, others may be.
fn by_group_bits(right: Right, path: &Path, gid: u32, keeper: Option<u32>) -> Option<Others> {
    let group = |gid| {
        group_members::has_others(gid, keeper).then(|| Others::Group(group_members::name(gid)))
    };
    let Some(entries) = acl::entries(path) else {
        return Some(Others::Group(group_members::name(gid)));
    };
    if entries.is_empty() {
        return group(gid);
    }
    let is_other =
        |uid: &u32| *uid != geteuid().as_raw() && *uid != ROOT && !is_keeper(*uid, keeper);
    let mut those = entries.into_iter().filter(|entry| entry.may(right));
    those.find_map(|entry| match entry.whom {
        acl::Whom::User(uid) => Some(uid)
            .filter(is_other)
            .map(|uid| Others::User(users::describe(uid))),
        acl::Whom::OwningGroup => group(gid),
        acl::Whom::Group(gid) => group(gid),
    })
}

pub(crate) fn foreign(path: &Path, found: &Metadata) -> Distrust {
    Distrust::Foreign {
        path: path.to_owned(),
        owner: found.uid(),
    }
}
