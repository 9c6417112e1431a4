//! Directories that are root's on every system. In a user namespace that does
//! not know root, they are believed to be, since nothing tells whose they are;
//! of other places, nothing is.

use std::env;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::namespace;

/// Each by itself: what is below may be given to anybody.
const PLACES: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/dev/shm",
    "/etc",
    "/etc/alternatives",
    "/gnu",
    "/home",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/media",
    "/mnt",
    "/nix",
    "/nix/var",
    "/nix/var/nix",
    "/nix/var/nix/profiles",
    "/opt",
    "/opt/bin",
    "/proc",
    "/root",
    "/run",
    "/run/credentials",
    "/run/media",
    "/run/secrets",
    "/run/user",
    "/sbin",
    "/snap",
    "/snap/bin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/local",
    "/usr/local/bin",
    "/usr/local/etc",
    "/usr/local/lib",
    "/usr/local/libexec",
    "/usr/local/sbin",
    "/usr/local/share",
    "/usr/sbin",
    "/usr/share",
    "/var",
    "/var/cache",
    "/var/home",
    "/var/lib",
    "/var/log",
    "/var/opt",
    "/var/run",
    "/var/spool",
    "/var/tmp",
    "/var/usrlocal",
    "/var/usrlocal/bin",
];

/// With all that is below.
const TREES: &[&str] = &[
    "/etc/ca-certificates",
    "/etc/pki",
    "/etc/ssl",
    "/gnu/store",
    "/nix/store",
    "/usr/lib/ssl",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
];

/// Whether something that shows as nobody's is root's, by where it is: `entry`,
/// in a directory that has been judged.
pub(crate) fn are_of(dir: &Path, about: &Metadata, entry: &Path, found: &Metadata) -> bool {
    if is_in_tree(entry) {
        return true;
    }
    // Anybody may have put it there, whatever it is called.
    let is_shared = about.mode() & 0o022 != 0;
    if found.is_dir() {
        is_place(entry) || (!is_shared && (dir == Path::new("/") || leads_home(entry)))
    } else {
        !is_shared && (is_place(dir) || is_in_tree(dir))
    }
}

fn is_place(path: &Path) -> bool {
    PLACES.iter().any(|place| path == Path::new(place))
}

fn is_in_tree(path: &Path) -> bool {
    TREES.iter().any(|tree| path.starts_with(tree))
}

/// Whether the user's home is below: who made it made the way there.
fn leads_home(dir: &Path) -> bool {
    let home = env::var_os("HOME").map(PathBuf::from);
    let home = home.filter(|home| home != dir && home.starts_with(dir));
    home.is_some_and(|home| {
        let found = home.symlink_metadata();
        found.is_ok_and(|found| found.is_dir() && namespace::is_ours(&home, &found))
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn only_what_root_alone_makes_is_taken_for_roots() {
        let top = tempfile::tempdir().unwrap();
        let at = |name: &str| top.path().join(name).symlink_metadata().unwrap();
        for (name, mode) in [("tight", 0o755), ("shared", 0o1777), ("team", 0o2775)] {
            fs::create_dir(top.path().join(name)).unwrap();
            let mode = fs::Permissions::from_mode(mode);
            fs::set_permissions(top.path().join(name), mode).unwrap();
        }
        fs::write(top.path().join("file"), "").unwrap();
        symlink("file", top.path().join("link")).unwrap();
        let says = |dir: &str, mode: &str, entry: &str, kind: &str| {
            let entry = Path::new(dir).join(entry);
            are_of(Path::new(dir), &at(mode), &entry, &at(kind))
        };
        for (dir, entry) in [
            ("/", "home"),
            ("/", "data"),
            ("/usr", "bin"),
            ("/var", "tmp"),
        ] {
            assert!(says(dir, "tight", entry, "tight"), "{dir} {entry}");
        }
        for (dir, entry) in [
            ("/home", "bob"),
            ("/opt", "bob"),
            ("/data", "bob"),
            ("/srv", "x"),
        ] {
            assert!(!says(dir, "tight", entry, "tight"), "{dir} {entry}");
        }
        for kind in ["file", "link"] {
            for dir in ["/usr/bin", "/usr/local/bin", "/etc/ssl/certs", "/"] {
                assert!(says(dir, "tight", "x", kind), "{dir} {kind}");
                assert!(
                    dir.starts_with("/etc/ssl") || !says(dir, "team", "x", kind),
                    "{dir}"
                );
            }
            for dir in ["/home/bob", "/data", "/opt/x/bin", "/usr/local/x"] {
                assert!(!says(dir, "tight", "x", kind), "{dir} {kind}");
            }
        }
        // What anybody may have made, whatever its name.
        for kind in ["file", "link", "tight"] {
            assert!(!says("/tmp", "shared", "x", kind), "{kind}");
        }
        assert!(!says("/", "shared", "data", "tight"));
    }
}
