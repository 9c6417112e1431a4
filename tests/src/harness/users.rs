//! Two ordinary users, for what one user of a machine may not do to another.
//!
//! Whoever runs the tests, neither of the two is root. Root's tests take two
//! ids that nobody has. An ordinary user's tests take that user, and a second
//! one out of the user's subordinate ids (subuid(5)).

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use rustix::process::{getgid, getuid};
use tokio::process::Command;

use super::binaries;
use super::toolchain::not_run;

/// Ids for root's tests: above those that systems give to people and services,
/// below those that they give to containers.
const FREE_IDS: [u32; 2] = [61_001, 61_002];

/// Runs a program in a user namespace that has the user's subordinate ids, as
/// the namespace's root.
const NAMESPACE: [&str; 3] = ["--user", "--map-auto", "--map-root-user"];

/// The second user there: the first of the subordinate ids.
const MAPPED: &str = "1";

/// Two users, of whom neither is root.
#[derive(Clone, Debug)]
pub struct Users {
    /// The one whose daemon it is.
    pub a: User,
    /// Somebody else on the same machine.
    pub b: User,
}

impl Users {
    /// Both, or `None` after saying loudly that `what` was not run: this
    /// machine gives the tests no second user.
    ///
    /// # Panics
    /// Where that is no excuse (`QUILT_TESTS_REQUIRE=all`).
    pub async fn find(what: &str) -> Option<Self> {
        let users = if getuid().is_root() {
            let [a, b] = FREE_IDS.map(|id| User {
                uid: id,
                gid: id,
                way: Way::Switched,
            });
            a.shown().await.and(b.shown().await).map(|()| (a, b))
        } else {
            User::mapped().await.map(|b| (User::own(), b))
        };
        if users.is_none() {
            let reason = "there is no second user (as root: no right to switch; \
                          else: no newuidmap, or no range in /etc/subuid)";
            not_run(what, reason);
        }
        users.map(|(a, b)| Self { a, b })
    }
}

impl Users {
    /// Both, as real users of this machine: a second user in a namespace takes
    /// the tests' own user for root, and keeps files that nobody else can touch.
    ///
    /// # Panics
    /// As [`Self::find`].
    pub async fn find_real(what: &str) -> Option<Self> {
        if !can_be_anybody(what) {
            return None;
        }
        Self::find(what).await
    }
}

/// Whether the tests may be another user without a namespace; says loudly that
/// `what` was not run where they may not. It takes root.
///
/// # Panics
/// Where that is no excuse (`QUILT_TESTS_REQUIRE=all`).
pub fn can_be_anybody(what: &str) -> bool {
    let may = getuid().is_root();
    if !may {
        not_run(what, "root alone may be any user");
    }
    may
}

impl User {
    /// An ordinary user, for what is not about two; `None` after saying loudly
    /// that `what` was not run.
    ///
    /// # Panics
    /// Where that is no excuse (`QUILT_TESTS_REQUIRE=all`).
    pub async fn find(what: &str) -> Option<Self> {
        if getuid().is_root() {
            Users::find(what).await.map(|users| users.a)
        } else {
            Some(Self::own())
        }
    }
}

/// An ordinary user of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    uid: u32,
    gid: u32,
    way: Way,
}

/// How programs come to run as a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// The tests run as this user already.
    Own,
    /// The tests are root's.
    Switched,
    /// Through a user namespace.
    Mapped,
}

impl User {
    fn own() -> Self {
        Self {
            uid: getuid().as_raw(),
            gid: getgid().as_raw(),
            way: Way::Own,
        }
    }

    /// The second user of somebody who is not root, seen from outside the
    /// namespace.
    async fn mapped() -> Option<Self> {
        let user = Self {
            uid: 0,
            gid: 0,
            way: Way::Mapped,
        };
        let dir = tempfile::tempdir_in(place_for_all()).ok()?;
        let made = dir.path().join("file");
        fs::write(&made, "").ok()?;
        user.give(&made).ok()?;
        let metadata = fs::metadata(&made).ok()?;
        let user = Self {
            uid: metadata.uid(),
            gid: metadata.gid(),
            ..user
        };
        user.shown().await.map(|()| user)
    }

    /// Whether a program can be run as this user.
    async fn shown(&self) -> Option<()> {
        let mut command = self.command("true", Path::new("/"));
        let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
        status
            .await
            .ok()
            .filter(std::process::ExitStatus::success)?;
        Some(())
    }

    /// The user's id, as a process outside any namespace sees it.
    pub fn uid(&self) -> u32 {
        self.uid
    }

    /// The user's only group.
    pub fn gid(&self) -> u32 {
        self.gid
    }

    /// Whether this is the user who runs the tests.
    pub fn is_own(&self) -> bool {
        self.way == Way::Own
    }

    /// Whether this user's files are closed to the user who runs the tests.
    pub(super) fn is_mapped(&self) -> bool {
        self.way == Way::Mapped
    }

    /// A program that will run as this user, in this directory: in no other
    /// group, with no capability.
    pub fn command(&self, program: impl AsRef<OsStr>, dir: &Path) -> Command {
        match self.way {
            Way::Own => {
                let mut command = Command::new(program);
                command.current_dir(dir);
                command
            }
            Way::Switched => {
                let mut command = Command::new(program);
                // This empties the list of groups as well.
                command.uid(self.uid).gid(self.gid).current_dir(dir);
                command
            }
            Way::Mapped => {
                let mut command = Command::new("unshare");
                command
                    .args(NAMESPACE)
                    .arg("--wd")
                    .arg(dir)
                    .args(["--setuid", MAPPED, "--setgid", MAPPED, "--"])
                    .arg(program);
                command
            }
        }
    }

    /// Makes this user the owner of a file, or of a directory and all in it.
    ///
    /// # Errors
    /// When the system does not allow it.
    pub fn give(&self, path: &Path) -> std::io::Result<()> {
        match self.way {
            Way::Own if fs::symlink_metadata(path)?.uid() == self.uid => Ok(()),
            // Back from the second user.
            Way::Own => as_namespace_root("chown", |command| {
                command.args(["-h", "-R", "0:0"]).arg(path)
            }),
            Way::Switched => give_all(path, self.uid, self.gid),
            Way::Mapped => as_namespace_root("chown", |command| {
                command
                    .args(["-h", "-R", &format!("{MAPPED}:{MAPPED}")])
                    .arg(path)
            }),
        }
    }

    /// Removes what belongs to this user, where the tests' own user cannot.
    pub(super) fn remove(&self, path: &Path) {
        if self.way == Way::Mapped {
            let removed = as_namespace_root("rm", |command| command.arg("-rf").arg(path));
            removed.expect("a directory of the second user can be removed");
        }
    }

    /// Whether this user can run a program where it is.
    pub(super) fn reaches(&self, program: &Path) -> bool {
        let is_name = program.components().count() < 2;
        self.is_own() || is_name || is_open_to_all(program)
    }
}

/// Links or copies a program to where every user can run it. Programs that
/// look for each other beside themselves come along.
pub(super) fn bring_along(program: &Path, dir: &Path) -> PathBuf {
    fs::set_permissions(dir, fs::Permissions::from_mode(0o755)).expect("a directory of ours");
    let own = program.file_name().expect("a program has a name");
    let mut names = vec![own];
    let together = ["quiltd", "quiltctl", "quiltctl-creds", "quiltctl-aws"].map(OsStr::new);
    if together.contains(&own) {
        names.extend(together);
    }
    for name in names {
        let (from, to) = (program.with_file_name(name), dir.join(name));
        if from.exists() && !to.exists() {
            fs::hard_link(&from, &to).unwrap_or_else(|_| binaries::copy(&from, &to));
        }
    }
    dir.join(own)
}

/// A directory for files whose way there is open to every user.
pub(super) fn place_for_all() -> PathBuf {
    let places = [std::env::temp_dir(), "/tmp".into(), "/var/tmp".into()];
    let found = places.into_iter().find(|place| is_open_to_all(place));
    found.expect("a directory for temporary files that all users reach")
}

/// Whether any user can go there and use it.
fn is_open_to_all(path: &Path) -> bool {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    path.ancestors().all(|step| {
        let mode = fs::metadata(step).map_or(0, |metadata| metadata.mode());
        mode & 0o001 != 0
    })
}

fn give_all(path: &Path, uid: u32, gid: u32) -> std::io::Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
    if fs::symlink_metadata(path)?.is_dir() {
        for entry in fs::read_dir(path)? {
            give_all(&entry?.path(), uid, gid)?;
        }
    }
    Ok(())
}

fn as_namespace_root(
    program: &str,
    arguments: impl FnOnce(&mut std::process::Command) -> &mut std::process::Command,
) -> std::io::Result<()> {
    let mut command = std::process::Command::new("unshare");
    command.args(NAMESPACE).args(["--", program]);
    let status = arguments(&mut command)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(std::io::Error::other(format!("{program}: {status}")))
    }
}
