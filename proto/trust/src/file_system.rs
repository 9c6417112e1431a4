//! File systems that show one mode and one owner for everything, whatever may
//! really be done: WSL's drvfs, shares, memory sticks.
//!
//! What they show is what whoever mounted them said, which is root or the user.
//! That is believed where it keeps others out; where it does not, files count as
//! loose until the user says, by the file system's name in `quiltd.toml`, that
//! nobody else gets at it.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use quilt_proto::locations;

#[cfg(target_os = "linux")]
use super::mounts::{self, Mount};
use super::path_walk::walk;
use super::{Distrust, access_check};

/// The table and key in `quiltd.toml` that hold the names.
pub const SETTING: (&str, &str) = ("security", "loose_file_systems");

const FUSE: u64 = 0x6573_5546;
#[cfg(target_os = "linux")]
const NFS: u64 = 0x6969;

/// Names, and what the kernel calls them (statfs(2)).
const KNOWN: &[(&str, u64)] = &[
    ("9p", 0x0102_1997),
    ("cifs", 0xff53_4d42),
    ("smb2", 0xfe53_4d42),
    ("exfat", 0x2011_bab0),
    ("fuse", FUSE),
    ("hgfs", 0xbacb_acbc),
    ("ntfs", 0x5346_544e),
    ("ntfs3", 0x7366_746e),
    ("prl_fs", 0x7c7c_6673),
    ("vboxsf", 0x786f_4256),
    ("vfat", 0x4d44),
];

/// Where the settings are, if not in the usual place.
static SETTINGS: OnceLock<PathBuf> = OnceLock::new();

/// Names the settings file of this process; the first one counts.
pub fn settings_at(path: &Path) {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let _ = SETTINGS.set(path);
}

/// The settings file that can allow a file system.
pub(crate) fn settings() -> Option<PathBuf> {
    let named = SETTINGS.get().cloned();
    named.or_else(|| locations::settings().ok())
}

/// Every name that can be allowed.
pub fn known_names() -> Vec<&'static str> {
    KNOWN.iter().map(|(name, _)| *name).collect()
}

/// Takes distrust back where it rests on what such a file system shows and the
/// user allows that; else says why that is so.
pub(crate) fn excuse(path: &Path, distrust: Distrust) -> Result<(), Distrust> {
    match name(path) {
        None => Err(distrust),
        Some(name) if is_allowed(name) => Ok(()),
        Some(name) => Err(Distrust::FileSystem {
            path: path.to_owned(),
            name,
        }),
    }
}

#[cfg(target_os = "linux")]
fn name(path: &Path) -> Option<&'static str> {
    let kind = kind(path)?;
    let known = KNOWN.iter().find(|(_, number)| *number == kind)?;
    Some(known.0)
}

/// What the kernel calls the file system that a file is on.
#[cfg(target_os = "linux")]
fn kind(path: &Path) -> Option<u64> {
    let kind = rustix::fs::statfs(path).ok()?.f_type;
    // Some architectures have it signed.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast)]
    Some((kind as u64) & 0xffff_ffff)
}

/// What another machine or program serves, which may keep access control lists
/// that the kernel shows nobody: NFS (version 4), FUSE.
#[cfg(target_os = "linux")]
pub(crate) fn has_other_lists(path: &Path) -> bool {
    kind(path).is_none_or(|kind| [NFS, FUSE].contains(&kind))
}

/// Who serves a mounted file system, where that is another user: they say what
/// they like of owners and modes in it (mount.fuse3(8), `user_id`).
#[cfg(target_os = "linux")]
pub(crate) fn served_by_others(path: &Path, device: u64) -> Option<u32> {
    use super::namespace;
    use rustix::process::geteuid;

    // Whoever serves it answers this as well, or not.
    let kind = kind(path);
    if kind.is_some_and(|kind| kind != FUSE) {
        return None;
    }
    let mounts = mounts::mounts();
    let device = (rustix::fs::major(device), rustix::fs::minor(device));
    let us = geteuid().as_raw();
    let is_us = |user: u32| user == us || namespace::user_outside() == Some(user);
    match server(&mounts, device) {
        Server::User(user) => (user != 0 && !is_us(user)).then_some(user),
        Server::Kernel => None,
        Server::Unlisted => kind.map(|_| u32::MAX),
    }
}

#[cfg(not(target_os = "linux"))]
fn name(_: &Path) -> Option<&'static str> {
    None
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn served_by_others(_: &Path, _device: u64) -> Option<u32> {
    None
}

/// Who answers for what is on a file system.
#[cfg(target_os = "linux")]
#[derive(Debug, PartialEq, Eq)]
enum Server {
    /// A program of this user's.
    User(u32),
    /// The kernel, or whom root told it to ask.
    Kernel,
    /// It is in no list of mounts.
    Unlisted,
}

/// By the device's number and the options of the file system
/// (proc_pid_mountinfo(5)).
#[cfg(target_os = "linux")]
fn server(mounts: &[Mount], device: (u32, u32)) -> Server {
    let Some(mount) = mounts.iter().find(|mount| mount.device == device) else {
        return Server::Unlisted;
    };
    let mut options = mount.options.split(',');
    let user = options.find_map(|option| option.strip_prefix("user_id=")?.parse().ok());
    user.map_or(Server::Kernel, Server::User)
}

/// Whether the settings allow a file system. They count where they are
/// believed; from a file system such as this they can speak for that one only.
fn is_allowed(wanted: &str) -> bool {
    thread_local! {
        /// Whether the settings are being looked at already.
        static BUSY: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }
    if BUSY.replace(true) {
        return false;
    }
    let allowed = allowance(wanted);
    BUSY.set(false);
    allowed
}

fn allowance(wanted: &str) -> bool {
    let Some(path) = settings() else { return false };
    let way = walk(&path, true).and_then(|way| match &way.found {
        Some(found) => access_check::own(&way.real, found, access_check::Owner::UserOrRoot),
        None => Ok(()),
    });
    let may_speak = match way {
        Ok(()) => true,
        Err(Distrust::FileSystem { name, .. }) => name == wanted,
        Err(_) => false,
    };
    let text = fs::read_to_string(&path).unwrap_or_default();
    may_speak && allowed_in(&text).iter().any(|name| name == wanted)
}

/// The file systems that the text of a settings file allows. They stand on one
/// line: `loose_file_systems = ["9p"]`, in `[security]`.
pub fn allowed_in(settings: &str) -> Vec<String> {
    let (table, key) = SETTING;
    let mut inside = false;
    let mut names = Vec::new();
    for line in settings.lines().map(str::trim) {
        if line.starts_with('[') {
            let name = line.split(']').next().unwrap_or_default();
            inside = name.trim_start_matches('[').trim() == table;
        }
        let value = line.strip_prefix(key).filter(|_| inside);
        let value = value.and_then(|rest| rest.trim_start().strip_prefix('='));
        let list = value.and_then(|rest| rest.trim_start().strip_prefix('['));
        if let Some((list, _)) = list.and_then(|rest| rest.split_once(']')) {
            let words = list
                .split(',')
                .map(|word| word.trim().trim_matches(['"', '\'']));
            names = words
                .filter(|word| !word.is_empty())
                .map(str::to_owned)
                .collect();
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_their_table_alone() {
        let text = "[profiles.a]\nloose_file_systems = [\"fuse\"]\n\n[security] # x\n\
                    loose_file_systems = [ \"9p\", 'vfat' ] # y\n[console]\n";
        assert_eq!(allowed_in(text), ["9p", "vfat"]);
        for none in [
            "",
            "[security]",
            "loose_file_systems = [\"9p\"]",
            "[security]\nx = 1",
        ] {
            assert!(allowed_in(none).is_empty(), "{none}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_mount_names_who_serves_it() {
        let mounts = b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                      90 22 0:52 / /home/bob/m rw,nosuid shared:9 - fuse.sshfs h: \
                      rw,user_id=1001,group_id=100\n";
        let mounts = mounts::listed(mounts);
        assert_eq!(server(&mounts, (0, 52)), Server::User(1001));
        assert_eq!(server(&mounts, (8, 1)), Server::Kernel);
        assert_eq!(server(&mounts, (0, 54)), Server::Unlisted);
    }

    #[test]
    fn what_keeps_modes_is_no_such_file_system() {
        let dir = tempfile::tempdir().unwrap();
        // A temporary directory on one would be a test machine of its own kind.
        assert_eq!(name(dir.path()), None);
    }
}
