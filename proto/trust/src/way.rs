//! The way to a file: directory by directory, from the top.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use super::Distrust;
use super::judge;

/// The most symlinks followed, as the kernel does it.
const MOST_LINKS: usize = 40;

/// Where a path leads.
#[derive(Debug)]
pub(crate) struct Way {
    /// Without symlinks, except where the last was not to be followed.
    pub(crate) real: PathBuf,
    /// What is there.
    pub(crate) found: Option<Metadata>,
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
    let path = std::path::absolute(path).map_err(|error| Distrust::io("find", path, &error))?;
    let mut left = names(&path);
    let mut real = PathBuf::from("/");
    let mut links = 0;
    let mut found = Some(look(&real)?);
    while let Some(name) = left.pop_front() {
        let here = found.take();
        let Some(here) = here else {
            // Nothing is there to be judged from here on.
            real.push(name);
            continue;
        };
        if !here.is_dir() {
            let error = io::Error::from(io::ErrorKind::NotADirectory);
            return Err(Distrust::io("enter", &real, &error));
        }
        judge::parent(&real, &here, keeper)?;
        if name == ".." {
            real.pop();
            found = Some(look(&real)?);
            continue;
        }
        let next = real.join(&name);
        let there = match fs::symlink_metadata(&next) {
            Ok(there) => there,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                real = next;
                continue;
            }
            Err(error) => return Err(Distrust::io("look at", &next, &error)),
        };
        if keeper.is_some() && judge::may_be_planted(&here, &there) {
            return Err(judge::foreign(&next, &there));
        }
        if !there.is_symlink() || (left.is_empty() && !follow_last) {
            (real, found) = (next, Some(there));
            continue;
        }
        if !judge::may_be_passed(there.uid(), keeper) {
            return Err(judge::foreign(&next, &there));
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
        found = Some(look(&real)?);
    }
    Ok(Way { real, found })
}

fn look(dir: &Path) -> Result<Metadata, Distrust> {
    fs::symlink_metadata(dir).map_err(|error| Distrust::io("look at", dir, &error))
}

fn names(path: &Path) -> VecDeque<OsString> {
    path.components()
        .filter_map(|part| match part {
            Component::Normal(name) => Some(name.to_owned()),
            Component::ParentDir => Some("..".into()),
            _ => None,
        })
        .collect()
}
