//! Whose files are believed, and where files are written: the one check that
//! the daemon and the command line share.
//!
//! A file is believed where its owner is the user, others may not write to it,
//! and nobody else may put another in its place: every directory on the way to
//! it belongs to the user or to root, and others may not write to it, unless
//! it is sticky. Nothing is created where the directory it would be created in
//! fails the same check, so that neither root nor anybody else leaves files in
//! a user's directories that the user cannot use.
//!
//! The way is looked at from the top. What was passed cannot be swapped by
//! others any more, so no descriptors are needed for it; the file itself is
//! judged by the descriptor it is read from.

mod access_check;
mod acl;
mod atomic_write;
mod close_to_others;
mod distrust;
mod file_system;
mod foreign_home;
mod group_members;
mod inode;
mod interpreter;
mod lock;
mod lock_holders;
pub mod mounts;
mod name_services;
mod namespace;
mod open;
mod path_walk;
mod preserved_permissions;
mod remedy;
#[cfg_attr(not(target_os = "linux"), path = "no_sock_diag.rs")]
mod sock_diag;
pub mod sockets;
mod system_places;
mod users;
mod words;

use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use self::access_check::{Owner, Right};
pub use self::atomic_write::{
    directory, draft, draft_like, sweep_drafts, sync_directory, take_place,
};
pub use self::distrust::{Distrust, Others, as_owner, behind};
pub use self::file_system::{SETTING, allowed_in, known_names, settings_at};
pub use self::foreign_home::{look, of_others};
pub use self::inode::{Inode, inode, is_at};
pub use self::interpreter::interpreter_line;
pub use self::lock::{Attempt, LockWait};
pub use self::lock_holders::Held;
pub use self::namespace::{is_our_peer, knows_us};
pub use self::open::{Access, open, open_at_once, open_or_make};
pub use self::path_walk::{MOST_LINKS, names};
use self::path_walk::{Way, walk, walk_kept};
pub use self::preserved_permissions::PreservedPermissions;
pub use self::remedy::{free, put_aside, was_put_aside};
pub use self::users::account_home;
pub use self::words::words;

/// What a file is to the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its own, made by itself: the user's, and no symlink.
    State,
    /// Shared with the user and other programs: it may be a symlink of the
    /// user's, and root may have put it there.
    Shared,
}

/// Passes if a file would be believed, be it there or not; opens nothing.
pub fn judge(path: &Path, role: Role) -> Result<(), Distrust> {
    let way = walk(path, role == Role::Shared)?;
    match &way.found {
        Some(_) if role == Role::Shared && is_nothing(&way) => Ok(()),
        Some(found) => judge_file(&way.real, found, role),
        None => Ok(()),
    }
}

/// What is wrong with files of the user's own in one directory, as of
/// [`judge`]; the way there is looked at once.
pub fn judge_all(dir: &Path, names: &[&str]) -> Vec<Distrust> {
    let way = walk(dir, true).and_then(|way| {
        if let Some(found) = &way.found {
            access_check::parent(&way.real, found, None, way.is_system)?;
        }
        Ok(way.real)
    });
    let dir = match way {
        Ok(dir) => dir,
        Err(distrust) => return vec![distrust],
    };
    let judged = names.iter().map(|name| {
        let path = dir.join(name);
        match fs::symlink_metadata(&path) {
            Ok(found) => judge_file(&path, &found, Role::State),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(Distrust::io("look at", &path, &error)),
        }
    });
    judged.filter_map(Result::err).collect()
}

/// Makes a directory for this user alone, and its parents, unless it is there;
/// checks it either way. Nothing is made below what is somebody else's.
pub fn make_dir(dir: &Path) -> Result<(), Distrust> {
    let way = walk(dir, true)?;
    if way.found.is_none() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&way.real)
            .map_err(|error| Distrust::io("create", &way.real, &error))?;
    }
    check_dir(dir)
}

/// Passes if a directory is this user's, and nobody else may write to it or
/// put another in its place.
pub fn check_dir(dir: &Path) -> Result<(), Distrust> {
    let Way { real, found, .. } = walk(dir, true)?;
    match found {
        None => Err(Distrust::missing("look at", &real)),
        Some(found) if !found.is_dir() => Err(Distrust::Kind {
            path: real,
            wanted: "a directory",
        }),
        Some(found) => access_check::own(&real, &found, Owner::User),
    }
}

/// Passes if nobody else may change a file, or put another in its place, be it
/// there or not. What is to be written, or is read by others, is asked about
/// with this.
pub fn check(path: &Path) -> Result<(), Distrust> {
    judge_end(&walk(path, true)?)
}

/// Judges what a way leads to, be it there or not.
fn judge_end(way: &Way) -> Result<(), Distrust> {
    match &way.found {
        Some(found) if !is_nothing(way) => access_check::own(&way.real, found, Owner::UserOrRoot),
        _ => Ok(()),
    }
}

/// As [`check`], for what is to be read or run from there: what is missing is
/// refused where others may put it there in the moment before.
pub fn check_used(path: &Path) -> Result<(), Distrust> {
    // Looked at once: it may be there at one look and missing at the next.
    let way = walk(path, true)?;
    judge_end(&way)?;
    way.exposed.map_or(Ok(()), Err)
}

/// Where a socket or device of the user's or root's is, which nobody else can
/// have put there, or can put another in its place. Who may connect or write to
/// it is another question.
pub fn locate_special(path: &Path) -> Result<PathBuf, Distrust> {
    let way = walk(path, true)?;
    match (&way.found, way.exposed) {
        (Some(found), _) if access_check::may_be_passed(&way.real, found, None) => Ok(way.real),
        (Some(found), _) => Err(access_check::foreign(&way.real, found)),
        (None, Some(exposed)) => Err(exposed),
        (None, None) => Err(Distrust::missing("look at", &way.real)),
    }
}

/// Passes if nobody but this user, root and `keeper` can have put there what a
/// path leads to, and if it is missing, can put it there: for what another user
/// keeps for others, as whoever installs programs does. What is in a directory for all, and another user's, anybody
/// could have put there, whoever it is. So could what shows as nobody's, except
/// in directories of the system.
pub fn check_kept(path: &Path, keeper: u32) -> Result<(), Distrust> {
    let way = walk_kept(path, true, Some(keeper))?;
    let Some(found) = &way.found else {
        return way.exposed.map_or(Ok(()), Err);
    };
    if way.is_system {
        return access_check::tight(&way.real, found, None);
    }
    access_check::own(&way.real, found, Owner::Keeper(keeper))
}

/// Who besides the user and root may read a file, as far as owners and modes
/// tell: it, and every directory on the way to it. Nobody where it is missing.
pub fn readers(path: &Path) -> Option<Others> {
    let real = fs::canonicalize(path).ok()?;
    let who = |right, path: &Path| {
        let found = path.metadata().ok()?;
        access_check::who_else_may(right, path, &found, None)
    };
    let readers = who(Right::Read, &real)?;
    let mut dirs = real.ancestors().skip(1);
    dirs.all(|dir| who(Right::Pass, dir).is_some())
        .then_some(readers)
}

/// The file that people name where there shall be none.
pub const NOTHING: &str = "/dev/null";

/// Whether it is: everybody may write to it, and nobody can leave anything there.
fn is_nothing(way: &Way) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_device = |found: &Metadata| found.file_type().is_char_device();
    way.real == Path::new(NOTHING) && way.found.as_ref().is_some_and(is_device)
}

/// Whether nobody else may move what is this user's in a directory, which is at
/// `real`, a path without symlinks.
pub fn is_firm(real: &Path, dir: &Metadata) -> bool {
    access_check::parent(real, dir, None, false).is_ok()
}

/// Where a path leads, with every directory on the way checked; nothing is
/// said about what is there.
pub fn locate(path: &Path) -> Result<PathBuf, Distrust> {
    walk(path, true).map(|way| way.real)
}

fn judge_file(path: &Path, found: &Metadata, role: Role) -> Result<(), Distrust> {
    if found.is_symlink() {
        return Err(Distrust::Link(path.to_owned()));
    }
    if !found.is_file() {
        return Err(Distrust::Kind {
            path: path.to_owned(),
            wanted: "a regular file",
        });
    }
    let owner = match role {
        Role::State => Owner::User,
        Role::Shared => Owner::UserOrRoot,
    };
    access_check::own(path, found, owner)
}

#[cfg(test)]
mod tests;
