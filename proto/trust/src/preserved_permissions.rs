//! What a file lets others do, carried over to the one that takes its place: a
//! group and an access control list with it, or nobody else gets anything.
//!
//! A new file has the group and the list that its directory gives. Bits that
//! meant little for the old one can be a right of theirs.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::Path;

use rustix::fs::{AtFlags, FileType, fstat, statat};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::acl;

/// Bits of everybody but the owner.
const OTHERS: u32 = 0o077;

/// Whose a file is, and what it lets others do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreservedPermissions {
    owner: u32,
    group: u32,
    mode: u32,
    /// Its access control list, as the system has it; empty where it has none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<u8>,
}

impl PreservedPermissions {
    /// Of what is there; nothing where nothing is.
    pub fn of(path: &Path) -> io::Result<Option<Self>> {
        let found = match fs::metadata(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        Ok(Some(Self {
            owner: found.uid(),
            group: found.gid(),
            mode: found.mode() & 0o7777,
            list: acl::read(path),
        }))
    }

    /// Of a file in an open directory; nothing where there is none of that name.
    #[allow(
        clippy::useless_conversion,
        reason = "a mode has 16 bits on macOS, and 32 here"
    )]
    pub fn at(dir: impl AsFd, name: &str) -> io::Result<Option<Self>> {
        let found = match statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW) {
            Err(Errno::NOENT) => return Ok(None),
            found => found?,
        };
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile {
            return Ok(None);
        }
        let opened = format!("/proc/self/fd/{}", dir.as_fd().as_raw_fd());
        Ok(Some(Self {
            owner: found.st_uid,
            group: found.st_gid,
            // Whoever may write there says what it is to others, and not as whom it runs.
            mode: u32::from(found.st_mode) & 0o777,
            list: acl::read(&Path::new(&opened).join(name)),
        }))
    }

    /// Of a new file for whoever owns this open directory.
    pub fn new_in(dir: impl AsFd, mode: u32) -> io::Result<Self> {
        let found = fstat(dir)?;
        Ok(Self {
            owner: found.st_uid,
            group: found.st_gid,
            mode,
            list: Vec::new(),
        })
    }

    /// The permission bits.
    pub fn mode(&self) -> u32 {
        self.mode & 0o777
    }

    /// Gives a file its owner, as root may.
    pub fn give_owner(&self, file: &File) -> io::Result<()> {
        if file.metadata()?.uid() == self.owner {
            return Ok(());
        }
        fchown(file, Some(self.owner), None)
    }

    /// Gives them to a file, but for the owner. Where the system does not let us
    /// give its group or list, others get nothing.
    pub fn give(&self, file: &File) -> io::Result<()> {
        let own = file.metadata()?;
        let has_group = own.gid() == self.group || fchown(file, None, Some(self.group)).is_ok();
        // Before the bits: they would bound a list that the directory gave.
        acl::remove(file)?;
        if has_group && !self.list.is_empty() && acl::write(file, &self.list).is_ok() {
            return Ok(());
        }
        let is_whole = has_group && self.list.is_empty();
        let mode = if is_whole {
            self.mode
        } else {
            self.mode & 0o700
        };
        let found = file.metadata()?.mode() & 0o7777;
        if found == mode {
            return Ok(());
        }
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// The bits of somebody who knows neither group nor list.
    pub fn of_mode(path: &Path, mode: u32) -> io::Result<Option<Self>> {
        let found = Self::of(path)?;
        Ok(found.map(|found| Self {
            mode: mode & !OTHERS,
            list: Vec::new(),
            ..found
        }))
    }
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use rustix::fs::{XattrFlags, setxattr};

    use super::*;

    const ACCESS: &str = "system.posix_acl_access";
    const DEFAULT: &str = "system.posix_acl_default";
    const SOMEBODY: u32 = 60_123;

    /// A list in which somebody, and the owning group, have these rights.
    fn list(path: &Path, name: &str, user: u16, group: u16, mask: u16, other: u16) {
        let none = u32::MAX;
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in [
            (0x01_u16, 6_u16, none),
            (0x02, user, SOMEBODY),
            (0x04, group, none),
            (0x10, mask, none),
            (0x20, other, none),
        ] {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        setxattr(path, name, &bytes, XattrFlags::empty()).unwrap();
    }

    fn made(path: &Path) -> File {
        use std::os::unix::fs::OpenOptionsExt;
        let mut options = File::options();
        options.write(true).create_new(true).mode(0o600);
        options.open(path).unwrap()
    }

    #[test]
    fn what_a_directory_gives_by_default_is_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (old, new) = (dir.path().join("old"), dir.path().join("new"));
        drop(made(&old));
        fs::set_permissions(&old, Permissions::from_mode(0o664)).unwrap();
        list(dir.path(), DEFAULT, 6, 6, 6, 4);
        let file = made(&new);
        assert!(!acl::read(&new).is_empty(), "the probe works: it is given");
        let before = PreservedPermissions::of(&old).unwrap().unwrap();
        before.give(&file).unwrap();
        assert_eq!(PreservedPermissions::of(&new).unwrap().unwrap(), before);
        assert!(acl::read(&new).is_empty());
    }

    #[test]
    fn a_list_is_kept_and_its_mask_is_no_right_of_the_group() {
        let dir = tempfile::tempdir().unwrap();
        for (at, (user, group, mask, other)) in [(0, 0, 4, 4), (4, 0, 4, 0), (6, 0, 6, 0)]
            .into_iter()
            .enumerate()
        {
            let old = dir.path().join(format!("old{at}"));
            let new = dir.path().join(format!("new{at}"));
            drop(made(&old));
            list(&old, ACCESS, user, group, mask, other);
            let before = PreservedPermissions::of(&old).unwrap().unwrap();
            before.give(&made(&new)).unwrap();
            assert_eq!(PreservedPermissions::of(&new).unwrap().unwrap(), before);
            assert_eq!(acl::read(&new), acl::read(&old));
        }
    }

    #[test]
    fn where_the_group_cannot_be_given_others_get_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let file = made(&path);
        let before = PreservedPermissions {
            mode: 0o664,
            ..PreservedPermissions::of(&path).unwrap().unwrap()
        };
        // No number that a group can have.
        let lost = PreservedPermissions {
            group: u32::MAX - 1,
            ..before.clone()
        };
        lost.give(&file).unwrap();
        let mode = PreservedPermissions::of(&path).unwrap().unwrap().mode();
        assert!([0o600, 0o664].contains(&mode), "{mode:o}");
        let is_given = fs::metadata(&path).unwrap().gid() == u32::MAX - 1;
        assert_eq!(mode == 0o664, is_given, "only root may give any");
        let odd = PreservedPermissions {
            list: vec![2, 0, 0, 0, 9],
            ..before
        };
        odd.give(&file).unwrap();
        assert_eq!(
            PreservedPermissions::of(&path).unwrap().unwrap().mode(),
            0o600
        );
    }
}
