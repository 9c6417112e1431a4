//! What the kernel says of the process that would get the keys: whose it is,
//! which program it runs, and that nothing else got into it.

use quilt_trust::{Inode, inode};
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use quilt_proto::{process_status, quoted};
use rustix::process::geteuid;

use super::HandoverError;

/// The largest map of a process looked at, in bytes.
const MAX_MAPS: usize = 1024 * 1024;

/// The programs that may have the keys.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// What lies where this program was started from, after an upgrade, too.
    place: Option<PathBuf>,
    /// This very program.
    own: Option<Inode>,
}

impl Expected {
    /// This program, and what is there in its `place` now.
    pub(super) fn at(place: Option<&Path>) -> Self {
        let own = fs::metadata("/proc/self/exe").ok();
        Self {
            place: place.map(Path::to_owned),
            own: own.as_ref().map(inode),
        }
    }

    /// Where it was started from.
    pub(super) fn place(&self) -> Option<&Path> {
        self.place.as_deref()
    }

    /// Passes if a process runs an expected program, and nothing but that and
    /// libraries which only root can change. The process has to let itself be
    /// looked at: it has not protected itself yet.
    pub(super) fn check(&self, pid: u32) -> Result<(), HandoverError> {
        untraced(pid)?;
        let process = PathBuf::from(format!("/proc/{pid}"));
        let hidden = |_| unfit(pid, "does not let itself be looked at");
        // Else its root would make its own files.
        let users = |process: &Path| fs::read_link(process.join("ns/user"));
        if users(&process).map_err(hidden)? != users(Path::new("/proc/self")).map_err(hidden)? {
            return Err(unfit(pid, "is in another user namespace"));
        }
        let exe = process.join("exe");
        let program = fs::metadata(&exe).map_err(hidden)?;
        if !self.is(&program, &exe) {
            let path = fs::read_link(&exe).unwrap_or_default();
            let what = format!("runs {}, which is not expected", quoted::path(&path));
            return Err(unfit(pid, &what));
        }
        let maps = fs::read_to_string(process.join("maps")).map_err(hidden)?;
        let own = fs::read_to_string("/proc/self/maps").unwrap_or_default();
        if maps.is_empty() || maps.len() > MAX_MAPS {
            return Err(unfit(pid, "does not let itself be looked at"));
        }
        for code in code(&maps) {
            // What this process itself has loaded from there is as good.
            let is_ours = || self::code(&own).any(|ours| ours == code);
            if !code.is_of_kernel() && !code.is_of(&process, &program) && !is_ours() {
                let what = format!(
                    "has code from {} in it, which is not expected",
                    if code.path.is_empty() {
                        "nowhere".to_owned()
                    } else {
                        quoted::path(Path::new(code.path)).to_string()
                    }
                );
                return Err(unfit(pid, &what));
            }
        }
        Ok(())
    }

    fn is(&self, program: &Metadata, exe: &Path) -> bool {
        if self.own == Some(inode(program)) {
            return true;
        }
        let place = self.place.as_deref();
        let there = place.and_then(|place| {
            quilt_trust::check(place).ok()?;
            fs::metadata(place).ok()
        });
        if there.is_some_and(|there| inode(&there) == inode(program)) {
            return true;
        }
        // One that was installed elsewhere, by root.
        let is_installed = |path: PathBuf| path.ends_with("quiltd") && is_installed(&path, program);
        !geteuid().is_root() && fs::read_link(exe).is_ok_and(is_installed)
    }
}

/// Whether a program is what lies at a path here, where only root can put
/// anything. A process may see other things there: it can have mounts of its own.
fn is_installed(path: &Path, program: &Metadata) -> bool {
    let is_there = fs::symlink_metadata(path).is_ok_and(|there| inode(&there) == inode(program));
    let mut places = path.ancestors();
    is_there && places.all(|place| fs::symlink_metadata(place).is_ok_and(|it| is_roots(&it)))
}

/// Passes if a process is protected by now: nobody of its user can look into
/// it any more, or does.
pub(super) fn protected(pid: u32) -> Result<(), HandoverError> {
    untraced(pid)?;
    let exe = fs::metadata(format!("/proc/{pid}/exe"));
    // Root sees everything.
    if exe.is_ok() && !geteuid().is_root() {
        return Err(unfit(pid, "is not protected"));
    }
    Ok(())
}

/// Passes if a process is a quiltd of this user, as far as one that is
/// protected can be looked at.
pub(super) fn is_quiltd(pid: u32) -> Result<(), HandoverError> {
    untraced(pid)?;
    let status = status(pid)?;
    let name = process_status::word(&status, "Name");
    if name != Some("quiltd") {
        return Err(unfit(pid, "is not quiltd"));
    }
    Ok(())
}

fn untraced(pid: u32) -> Result<(), HandoverError> {
    let status = status(pid)?;
    let user = geteuid().as_raw().to_string();
    if process_status::word(&status, "Uid") != Some(&user) {
        return Err(unfit(pid, "is another user's"));
    }
    match process_status::word(&status, "TracerPid") {
        Some("0") => Ok(()),
        _ => Err(unfit(pid, "is being traced")),
    }
}

fn status(pid: u32) -> Result<String, HandoverError> {
    fs::read_to_string(format!("/proc/{pid}/status")).map_err(|_| unfit(pid, "is gone"))
}

pub(super) fn unfit(pid: u32, what: &str) -> HandoverError {
    HandoverError::Unfit(format!("process {pid} {what}"))
}

/// Code that a process can run (proc(5), `/proc/PID/maps`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Code<'a> {
    device: &'a str,
    inode: &'a str,
    path: &'a str,
}

fn code(maps: &str) -> impl Iterator<Item = Code<'_>> {
    maps.lines().filter_map(|line| {
        let mut fields = line.splitn(6, ' ');
        let (_, modes, _) = (fields.next()?, fields.next()?, fields.next()?);
        let code = Code {
            device: fields.next()?,
            inode: fields.next()?,
            path: fields.next().unwrap_or_default().trim_start(),
        };
        modes.contains('x').then_some(code)
    })
}

impl Code<'_> {
    fn is_of_kernel(&self) -> bool {
        self.inode == "0" && matches!(self.path, "[vdso]" | "[vsyscall]" | "[uprobes]")
    }

    /// Whether it is of the program itself, or of a file of root's, as the
    /// process sees it.
    fn is_of(&self, process: &Path, program: &Metadata) -> bool {
        if self.inode == "0" || !self.path.starts_with('/') {
            return false;
        }
        let seen = process.join("root").join(self.path.trim_start_matches('/'));
        fs::metadata(seen).is_ok_and(|file| inode(&file) == inode(program) || is_roots(&file))
    }
}

/// Whether only root can change a file.
fn is_roots(file: &Metadata) -> bool {
    file.uid() == 0 && file.mode() & 0o022 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_told_by_what_lies_at_its_path_here() {
        let shell = fs::canonicalize("/bin/sh").unwrap();
        let program = fs::metadata(&shell).unwrap();
        assert!(is_installed(&shell, &program), "as root installed it");

        // What another file system has at that path.
        let elsewhere = tempfile::tempdir().unwrap();
        let path = elsewhere.path().join("quiltd");
        assert!(!is_installed(&path, &program));
        fs::write(&path, "").unwrap();
        assert!(!is_installed(&path, &program));
        // The same file, where this user can put any: not every system links it.
        fs::remove_file(&path).unwrap();
        if fs::hard_link(&shell, &path).is_ok() {
            assert!(!is_installed(&path, &program));
        }
    }
}
