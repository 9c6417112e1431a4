//! What the system tells of a process (proc(5)): its program, the script that
//! runs, its parent, its terminal. For the audit log, not for decisions.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use quilt_proto::terminal_safe;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open, openat, readlinkat};
use rustix::io::pread;

use super::interpreters::Interpreter;
use super::script::COMMAND_LINE;

/// The longest name that a process gives itself, in bytes (`TASK_COMM_LEN`, and
/// room for more).
const NAME: usize = 64;

/// Room for the beginning of `stat`, which holds the name and the parent, and
/// for most paths, in bytes.
const STAT: usize = 256;
const PATH: usize = 256;

/// Fields of `stat`, counted from the one after the name.
const PARENT: usize = 1;
const SESSION: usize = 3;
const TERMINAL: usize = 4;

/// A process's directory: what is read in it is of no other process, whatever
/// becomes of the number.
pub(super) struct Process {
    pid: u32,
    dir: OwnedFd,
    /// Opened once, read whenever its parent is asked for.
    stat: OnceCell<Option<OwnedFd>>,
}

impl Process {
    pub(super) fn open(proc: &Path, pid: u32) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(proc.join(pid.to_string()), flags, Mode::empty()).ok()?;
        let stat = OnceCell::new();
        Some(Self { pid, dir, stat })
    }

    /// The program it runs, or else the name it has.
    pub(super) fn program(&self) -> Option<PathBuf> {
        match readlinkat(&self.dir, "exe", Vec::with_capacity(PATH)) {
            Ok(path) => Some(PathBuf::from(OsString::from_vec(path.into_bytes()))),
            Err(_) => self.name(),
        }
    }

    /// What it calls itself, which may be anything.
    fn name(&self) -> Option<PathBuf> {
        let comm = self.open_file("comm")?;
        let mut buffer = [0; NAME];
        let length = pread(comm, &mut buffer, 0).ok()?;
        let name = String::from_utf8_lossy(&buffer[..length]);
        let name = terminal_safe::one_line(name.trim(), NAME, 4 * NAME);
        Some(PathBuf::from(name)).filter(|name| name.as_os_str() != "")
    }

    /// The script it runs, where its program is an interpreter.
    pub(super) fn script(&self, executable: &Path) -> Option<String> {
        let name = executable.file_name()?.to_string_lossy();
        let interpreter = Interpreter::named(without_version(without_mark(&name)))?;
        let command_line = self.open_file("cmdline")?;
        let mut buffer = [0; COMMAND_LINE];
        let length = pread(command_line, &mut buffer, 0).ok()?;
        interpreter.script(&buffer[..length])
    }

    /// Its parent now, where that is to be seen from here.
    pub(super) fn parent(&self) -> Option<u32> {
        let parent = self.field(PARENT)?;
        (parent != 0).then_some(parent)
    }

    /// Whether a terminal was opened for it, as for the shell that somebody
    /// types into.
    pub(super) fn leads_a_terminal(&self) -> bool {
        let leads = self.field(SESSION).is_some_and(|id| id == self.pid);
        leads && self.field(TERMINAL).is_some_and(|device| device != 0)
    }

    /// A field of `stat`, counted from the one after the name.
    fn field(&self, number: usize) -> Option<u32> {
        let stat = self.stat.get_or_init(|| self.open_file("stat")).as_ref()?;
        let mut buffer = [0; STAT];
        let length = pread(stat, &mut buffer, 0).ok()?;
        let stat = &buffer[..length];
        // The name before may hold spaces and parentheses.
        let end = stat.iter().rposition(|byte| *byte == b')')?;
        let rest = std::str::from_utf8(&stat[end + 1..]).ok()?;
        rest.split_whitespace().nth(number)?.parse().ok()
    }

    fn open_file(&self, name: &str) -> Option<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        openat(&self.dir, name, flags, Mode::empty()).ok()
    }
}

/// A program's name without what the system adds once its file was replaced.
pub(super) fn without_mark(name: &str) -> &str {
    name.strip_suffix(" (deleted)").unwrap_or(name)
}

/// `python` of `python3.12`.
pub(super) fn without_version(name: &str) -> &str {
    let version = |c: char| c.is_ascii_digit() || c == '.';
    name.trim_end_matches(version).trim_end_matches('-')
}
