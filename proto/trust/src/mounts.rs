//! What is mounted where (`proc_pid_mountinfo(5)`).

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// One line of the list.
#[derive(Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its number, as statx(2) knows it.
    pub id: u64,
    /// The device's, major and minor.
    pub device: (u32, u32),
    /// Where it is.
    pub place: PathBuf,
    /// The options of the file system.
    pub options: String,
}

/// All mounts that this process sees; none where the system has no such list.
pub fn mounts() -> Vec<Mount> {
    listed(&fs::read("/proc/self/mountinfo").unwrap_or_default())
}

pub(crate) fn listed(list: &[u8]) -> Vec<Mount> {
    list.split(|byte| *byte == b'\n')
        .filter_map(parse)
        .collect()
}

fn parse(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let text = |field: &[u8]| Some(std::str::from_utf8(field).ok()?.to_owned());
    let device = text(fields.get(2)?)?;
    let (major, minor) = device.split_once(':')?;
    Some(Mount {
        id: text(fields.first()?)?.parse().ok()?,
        device: (major.parse().ok()?, minor.parse().ok()?),
        place: OsString::from_vec(unescaped(fields.get(4)?)).into(),
        options: String::from_utf8_lossy(fields.last()?).into_owned(),
    })
}

/// Blanks, tabs, newlines and backslashes stand there by three octal digits.
fn unescaped(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, behind)) = rest.split_first() {
        let digits = (*first == b'\\').then(|| behind.get(..3)).flatten();
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            plain.push(byte);
            rest = &behind[3..];
        } else {
            plain.push(*first);
            rest = behind;
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_and_names_are_whole() {
        let line = b"36 35 98:0 /x /mnt/a\\040b\\134\\012c rw - fuse x rw,user_id=7";
        let mount = parse(line).unwrap();
        assert_eq!((mount.id, mount.device), (36, (98, 0)));
        assert_eq!(mount.place, PathBuf::from("/mnt/a b\\\nc"));
        assert_eq!(mount.options, "rw,user_id=7");
        for odd in [&b""[..], b"1 2", b"x 1 2:3 / /", b"1 1 2 / / rw"] {
            assert_eq!(parse(odd), None);
        }
    }
}
