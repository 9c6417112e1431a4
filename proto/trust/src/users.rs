//! Who users are, by the system's files.

use std::fs;
use std::path::PathBuf;

use super::namespace;

/// One line of `passwd`.
pub(crate) struct Entry<'a> {
    pub(crate) name: &'a str,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) home: &'a str,
}

pub(crate) fn passwd() -> String {
    fs::read_to_string("/etc/passwd").unwrap_or_default()
}

pub(crate) fn parse(line: &str) -> Option<Entry<'_>> {
    let mut fields = line.split(':');
    let name = fields.next().filter(|name| !name.is_empty())?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    let home = fields.nth(1).unwrap_or_default();
    Some(Entry {
        name,
        uid,
        gid,
        home,
    })
}

/// A user's name, where the system's files tell it and a shell reads it as
/// one word.
pub(crate) fn name(uid: u32) -> Option<String> {
    let passwd = passwd();
    let entry = passwd.lines().filter_map(parse).find(|it| it.uid == uid)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_plain = entry.name.chars().all(plain) && !entry.name.starts_with('-');
    is_plain.then(|| entry.name.to_owned())
}

/// A user's home, where the system's files tell it.
pub(crate) fn home(uid: u32) -> Option<PathBuf> {
    let passwd = passwd();
    let entry = passwd.lines().filter_map(parse).find(|it| it.uid == uid)?;
    Some(PathBuf::from(entry.home)).filter(|home| home.is_absolute())
}

/// This user's home, where the system's files tell it, whatever `HOME` says.
pub fn account_home() -> Option<PathBuf> {
    home(rustix::process::getuid().as_raw())
}

/// A user in words.
pub(crate) fn describe(uid: u32) -> String {
    if namespace::hides(uid) {
        return "a user whom this user namespace does not know".to_owned();
    }
    name(uid).unwrap_or_else(|| format!("uid {uid}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_passwd_are_read_and_others_passed_over() {
        let entry = parse("ann:x:1000:100:Ann,,:/home/ann:/bin/sh").unwrap();
        assert_eq!((entry.name, entry.uid, entry.gid), ("ann", 1000, 100));
        assert_eq!(entry.home, "/home/ann");
        for odd in ["", "ann", "+::::::", "ann:x:one:1::", "#:x"] {
            assert!(parse(odd).is_none(), "{odd}");
        }
        assert_eq!(name(0).as_deref(), Some("root"));
        assert_eq!(describe(4_000_000_001), "uid 4000000001");
    }
}
