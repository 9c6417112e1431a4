//! The way to a file: directory by directory, from the top.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::{Distrust, access_check, file_system, namespace, system_places};

/// The most symlinks followed, as the kernel does it.
pub const MOST_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug)]
pub(crate) struct Way {
    /// Without symlinks, except where the last was not to be followed.
    pub(crate) real: PathBuf,
    /// What is there.
    pub(crate) found: Option<Metadata>,
    /// Where nothing is there: why others could put something there.
    pub(crate) exposed: Option<Distrust>,
    /// Whether that is root's though it shows as nobody's (`system_places`).
    pub(crate) is_system: bool,
}

/// Follows a path, judging each directory before anything in it counts.
pub(crate) fn walk(path: &Path, follow_last: bool) -> Result<Way, Distrust> {
    walk_kept(path, follow_last, None)
}

/// The same where another user keeps what is there.
pub(crate) fn walk_kept(
    path: &Path,
    follow_last: bool,
    keeper: Option<u32>,
) -> Result<Way, Distrust> {
    if !namespace::knows_us() {
        return Err(Distrust::Nobody);
    }
    let path = std::path::absolute(path).map_err(|error| Distrust::io("find", path, &error))?;
    let mut left = names(&path);
    let mut real = PathBuf::from("/");
    let mut links = 0;
    let top = look(&real)?;
    let mut is_system = namespace::hides(top.uid());
    let mut found = Some(top);
    let mut exposed = None;
    while let Some(name) = left.pop_front() {
        let Some(here) = found.take() else {
            // Nothing is there to be judged from here on.
            real.push(name);
            continue;
        };
        if !here.is_dir() {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(Distrust::io("enter", &real, &error));
        }
        access_check::parent(&real, &here, keeper, is_system)?;
        if name == ".." {
            real.pop();
            let there = look(&real)?;
            // It was passed before.
            is_system = namespace::hides(there.uid());
            found = Some(there);
            continue;
        }
        let next = real.join(&name);
        let there = match fs::symlink_metadata(&next) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                exposed = access_check::tight(&real, &here, keeper).err();
                real = next;
                continue;
            }
            Err(error) => return Err(Distrust::io("look at", &next, &error)),
        };
        if there.dev() != here.dev()
            && let Some(server) = file_system::served_by_others(&next, there.dev())
        {
            return Err(Distrust::Served { path: next, server });
        }
        let is_systems =
            namespace::hides(there.uid()) && system_places::are_of(&real, &here, &next, &there);
        if keeper.is_some()
            && !is_systems
            && access_check::may_be_planted(&real, &here, &next, &there)
        {
            return Err(access_check::foreign(&next, &there));
        }
        if !there.is_symlink() || (left.is_empty() && !follow_last) {
            (real, found, is_system) = (next, Some(there), is_systems);
            continue;
        }
        if !is_systems && !access_check::may_be_passed(&next, &there, keeper) {
            return Err(access_check::foreign(&next, &there));
        }
        links += 1;
        if links > MOST_LINKS {
            let error = io::Error::other("too many symlinks");
            return Err(Distrust::io("follow", &next, &error));
        }
        let target = fs::read_link(&next).map_err(|error| Distrust::io("follow", &next, &error))?;
        if target.is_absolute() {
            real = PathBuf::from("/");
        }
        for name in names(&target).into_iter().rev() {
            left.push_front(name);
        }
        let there = look(&real)?;
        // Either was passed before.
        is_system = namespace::hides(there.uid());
        found = Some(there);
    }
    Ok(Way {
        real,
        found,
        exposed,
        is_system,
    })
}

fn look(dir: &Path) -> Result<Metadata, Distrust> {
    fs::symlink_metadata(dir).map_err(|error| Distrust::io("look at", dir, &error))
}

/// The names on a path, from the top.
pub fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}
