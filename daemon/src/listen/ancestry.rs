//! Which program wanted what `quiltctl` asks for: the nearest ancestor that is
//! no shell (proc(5)). Above the shell of a terminal is only who drew the
//! terminal: there somebody typed it. For the audit log, not for decisions.

use std::cell::OnceCell;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use quilt_proto::quoted;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, open, openat, readlinkat};
use rustix::io::pread;

use super::program::Program;

/// How far up it is looked.
const GENERATIONS: usize = 64;

/// The programs that ask for others.
const OURS: [&str; 2] = ["quiltctl", "quiltctl-aws"];

/// Programs that run others because somebody wrote or typed so, without the
/// version that some systems add (`zsh-5.9`, `ksh93`).
const SHELLS: [&str; 32] = [
    "ash", "bash", "brush", "busybox", "csh", "dash", "doas", "elvish", "es", "fish", "hush",
    "ion", "ksh", "loksh", "lksh", "mksh", "nu", "oil", "oksh", "osh", "pdksh", "posh", "pwsh",
    "rbash", "rc", "runuser", "sh", "su", "sudo", "tcsh", "yash", "zsh",
];

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

/// The program that wants what process `asking` asks for: itself, unless it is
/// one of ours. `None` where the system does not tell.
pub(super) fn requested_by(proc: &Path, asking: u32) -> Option<Program> {
    let mut child = Process::open(proc, asking)?;
    // Where the program is not told, as of a process that hides its memory from
    // other processes of this user, it has a name.
    let executable = child.program()?;
    let itself = Program {
        pid: asking,
        executable: Some(executable.clone()),
    };
    if !is_one_of(&executable, &OURS) {
        return Some(itself);
    }
    for _ in 0..GENERATIONS {
        if child.leads_a_terminal() {
            break;
        }
        let Some(pid) = child.parent() else {
            break;
        };
        let parent = Process::open(proc, pid);
        // The number was the parent's when it was looked up if it still is.
        if child.parent() != Some(pid) {
            continue;
        }
        let found = parent.as_ref().and_then(Process::program);
        match (found, parent) {
            (Some(path), Some(parent)) if is_one_of(&path, &OURS) || is_one_of(&path, &SHELLS) => {
                child = parent;
            }
            (executable, _) => return Some(Program { pid, executable }),
        }
    }
    Some(itself)
}

/// A process's directory: what is read in it is of no other process, whatever
/// becomes of the number.
struct Process {
    pid: u32,
    dir: OwnedFd,
    /// Opened once, read whenever its parent is asked for.
    stat: OnceCell<Option<OwnedFd>>,
}

impl Process {
    fn open(proc: &Path, pid: u32) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = open(proc.join(pid.to_string()), flags, Mode::empty()).ok()?;
        let stat = OnceCell::new();
        Some(Self { pid, dir, stat })
    }

    /// The program it runs, or else the name it has.
    fn program(&self) -> Option<PathBuf> {
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
        let name = quoted::one_line(name.trim(), NAME, 4 * NAME);
        Some(PathBuf::from(name)).filter(|name| name.as_os_str() != "")
    }

    /// Its parent now, where that is to be seen from here.
    fn parent(&self) -> Option<u32> {
        let parent = self.field(PARENT)?;
        (parent != 0).then_some(parent)
    }

    /// Whether a terminal was opened for it, as for the shell that somebody
    /// types into.
    fn leads_a_terminal(&self) -> bool {
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

/// Whether a program has one of these names, whatever its version, and also
/// after its file was replaced.
fn is_one_of(path: &Path, names: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = name.strip_suffix(" (deleted)").unwrap_or(&name);
    let version = |c: char| c.is_ascii_digit() || c == '.';
    let bare = name.trim_end_matches(version).trim_end_matches('-');
    names.contains(&name) || names.contains(&bare)
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// A directory of programs under any name: each is a shell.
    struct Programs(tempfile::TempDir);

    impl Programs {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn named(&self, name: &str) -> PathBuf {
            let path = self.0.path().join(name);
            // One that runs cannot be written; and what this process writes may be
            // open in a child that another test has forked.
            if !path.exists() {
                let copied = Command::new("cp").arg("/bin/sh").arg(&path).status();
                assert!(copied.unwrap().success());
            }
            path
        }

        /// A chain of these programs, each started by the one before; and the
        /// process number of the last.
        fn chain(&self, names: &[&str]) -> (Child, u32) {
            let last = "echo $$; read line; :".to_owned();
            let script = names.iter().skip(1).rev().fold(last, |script, name| {
                let script = script.replace('\'', "'\\''");
                format!("{} -c '{script}'; :", self.named(name).display())
            });
            let mut child = Command::new(self.named(names[0]))
                .args(["-c", &script])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut line = String::new();
            let mut lines = BufReader::new(child.stdout.take().unwrap());
            lines.read_line(&mut line).unwrap();
            (child, line.trim().parse().unwrap())
        }

        /// The name of the program that wanted what the last of a chain asks.
        fn wanted(&self, names: &[&str]) -> PathBuf {
            let (mut child, asking) = self.chain(names);
            let wanted = requested_by(Path::new("/proc"), asking).unwrap();
            let own = std::env::current_exe().unwrap();
            let path = wanted.executable.unwrap();
            if path == own {
                assert_eq!(wanted.pid, std::process::id());
            }
            drop(child.stdin.take());
            child.wait().unwrap();
            path.strip_prefix(self.0.path()).map_or(own, Path::to_owned)
        }
    }

    #[test]
    fn the_nearest_ancestor_that_is_no_shell_wanted_it() {
        let programs = Programs::new();
        let us = std::env::current_exe().unwrap();
        for (chain, wanted) in [
            (&["quiltctl"][..], us.as_path()),
            (&["bash", "quiltctl"], us.as_path()),
            (&["aws", "quiltctl"], Path::new("aws")),
            (&["aws", "sh", "zsh-5.9", "quiltctl"], Path::new("aws")),
            (
                &["aws", "ksh93", "quiltctl", "quiltctl-aws"],
                Path::new("aws"),
            ),
            (&["terraform", "aws", "fish", "quiltctl"], Path::new("aws")),
            // What asks by itself wanted it itself, a shell included.
            (&["aws", "python3.12"], Path::new("python3.12")),
            (&["aws", "bash"], Path::new("bash")),
            // Alike is not the same.
            (&["shed", "quiltctl"], Path::new("shed")),
        ] {
            assert_eq!(programs.wanted(chain), wanted, "{chain:?}");
        }
    }

    /// A terminal runs a shell, in which somebody types: what draws the terminal,
    /// here `script`, wanted nothing.
    #[test]
    fn what_is_typed_in_a_terminal_was_wanted_by_no_terminal() {
        let programs = Programs::new();
        // The shell of a terminal leads its session; that is where it ends.
        for (chain, wanted) in [
            (&["bash", "quiltctl"][..], "quiltctl"),
            (&["bash", "su", "bash", "quiltctl"], "quiltctl"),
            (&["bash", "aws", "quiltctl"], "aws"),
            (&["bash", "aws", "sh", "quiltctl"], "aws"),
        ] {
            let last = "echo $$ >&3; read line; :".to_owned();
            let script = chain.iter().skip(1).rev().fold(last, |script, name| {
                let script = script.replace('\'', "'\\''");
                format!("{} -c '{script}'; :", programs.named(name).display())
            });
            let said = programs.0.path().join("pid");
            let line = format!("exec 3>{}; {script}", said.display());
            let shell = programs.named(chain[0]);
            let mut drawn = Command::new("script")
                .args(["--quiet", "--return", "--command", &line, "/dev/null"])
                .env("SHELL", &shell)
                .stdin(Stdio::piped())
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            let asking = loop {
                let written = fs::read_to_string(&said).unwrap_or_default();
                if let Some(pid) = written.strip_suffix('\n') {
                    break pid.parse().unwrap();
                }
                assert!(drawn.try_wait().unwrap().is_none(), "{chain:?}");
                std::thread::yield_now();
            };
            let found = requested_by(Path::new("/proc"), asking).unwrap();
            drop(drawn.stdin.take());
            let _ = drawn.kill();
            drawn.wait().unwrap();
            fs::remove_file(&said).unwrap();
            let found = found.executable.unwrap();
            assert_eq!(found, programs.0.path().join(wanted), "{chain:?}");
        }
    }

    #[test]
    fn a_program_that_was_replaced_is_still_what_it_was() {
        let programs = Programs::new();
        let (mut child, asking) = programs.chain(&["aws", "sh", "quiltctl"]);
        for name in ["sh", "quiltctl"] {
            fs::remove_file(programs.0.path().join(name)).unwrap();
        }
        let wanted = requested_by(Path::new("/proc"), asking).unwrap();
        let path = wanted.executable.unwrap();
        assert_eq!(path, programs.0.path().join("aws"));
        drop(child.stdin.take());
        child.wait().unwrap();
    }

    #[test]
    fn nobody_to_be_seen_is_nobody() {
        assert_eq!(requested_by(Path::new("/nowhere"), 1), None);
    }
}
