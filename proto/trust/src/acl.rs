//! Access control lists (acl(5)), as Linux keeps them beside a file.

use std::fs::File;
use std::io;
use std::path::Path;

use super::access_check::Right;
#[cfg(target_os = "linux")]
use super::file_system;

/// Whom an entry is about, of those whose rights the group's bits bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whom {
    User(u32),
    OwningGroup,
    Group(u32),
}

/// What somebody may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) whom: Whom,
    rights: u16,
}

impl Entry {
    pub(crate) fn may(&self, right: Right) -> bool {
        u32::from(self.rights) & right as u32 != 0
    }
}

/// The entries of a file's list: none where it has no list; nothing where there
/// may be one of another kind, or it could not be read.
pub(crate) fn entries(path: &Path) -> Option<Vec<Entry>> {
    found(path).map(|bytes| parse(&bytes))
}

/// A file's list as it stands; nothing where it has none.
pub(crate) fn read(path: &Path) -> Vec<u8> {
    found(path).unwrap_or_default()
}

/// Where it is.
#[cfg(target_os = "linux")]
const NAME: &str = "system.posix_acl_access";

/// Its bytes, none where there is no list; nothing where that cannot be told.
#[cfg(target_os = "linux")]
fn found(path: &Path) -> Option<Vec<u8>> {
    use rustix::io::Errno;

    // As large as an attribute can be (xattr(7)).
    let mut bytes = vec![0; 64 * 1024];
    match rustix::fs::lgetxattr(path, NAME, &mut bytes[..]) {
        Ok(length) => {
            bytes.truncate(length);
            Some(bytes)
        }
        Err(Errno::NODATA) => Some(Vec::new()),
        // Whose server has lists of its own, which the kernel asks nobody about.
        Err(Errno::OPNOTSUPP | Errno::NOSYS) if !file_system::has_other_lists(path) => {
            Some(Vec::new())
        }
        Err(_) => None,
    }
}

/// Gives a file a list.
#[cfg(target_os = "linux")]
pub(crate) fn write(file: &File, list: &[u8]) -> io::Result<()> {
    let flags = rustix::fs::XattrFlags::empty();
    Ok(rustix::fs::fsetxattr(file, NAME, list, flags)?)
}

/// Takes a file's list away, where it has one.
#[cfg(target_os = "linux")]
pub(crate) fn remove(file: &File) -> io::Result<()> {
    use rustix::io::Errno;
    match rustix::fs::fremovexattr(file, NAME) {
        Ok(()) | Err(Errno::NODATA | Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Those of other systems are of other kinds, and not looked at.
#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it may not be known")]
fn found(_path: &Path) -> Option<Vec<u8>> {
    Some(Vec::new())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn write(_file: &File, _list: &[u8]) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(not(target_os = "linux"))]
#[expect(clippy::unnecessary_wraps, reason = "elsewhere it can fail")]
pub(crate) fn remove(_file: &File) -> io::Result<()> {
    Ok(())
}

/// Reads `struct posix_acl_xattr_entry` (Linux, posix_acl_xattr.h): a version,
/// and for each entry a tag, rights and an id, all little-endian.
fn parse(bytes: &[u8]) -> Vec<Entry> {
    let entries = bytes.get(4..).unwrap_or_default();
    let entry = |bytes: &[u8; 8]| {
        let [t0, t1, r0, r1, id @ ..] = *bytes;
        let id = u32::from_le_bytes(id);
        let whom = match u16::from_le_bytes([t0, t1]) {
            0x02 => Whom::User(id),
            0x04 => Whom::OwningGroup,
            0x08 => Whom::Group(id),
            _ => return None,
        };
        let rights = u16::from_le_bytes([r0, r1]);
        Some(Entry { whom, rights })
    };
    entries.as_chunks().0.iter().filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_bytes_make_it_panic() {
        for length in 0..40 {
            parse(&vec![2; length]);
        }
    }

    #[test]
    fn entries_are_read_and_the_owner_and_the_mask_are_none() {
        let list = [
            (0x01_u16, 6_u16, u32::MAX),
            (0x02, 6, 1001),
            (0x04, 4, u32::MAX),
            (0x08, 2, 100),
            (0x10, 6, u32::MAX),
            (0x20, 4, u32::MAX),
        ];
        let mut bytes = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in list {
            bytes.extend(tag.to_le_bytes());
            bytes.extend(rights.to_le_bytes());
            bytes.extend(id.to_le_bytes());
        }
        let found: Vec<_> = parse(&bytes)
            .iter()
            .map(|entry| (entry.whom, entry.may(Right::Write)))
            .collect();
        let wanted = [
            (Whom::User(1001), true),
            (Whom::OwningGroup, false),
            (Whom::Group(100), true),
        ];
        assert_eq!(found, wanted);
    }
}
