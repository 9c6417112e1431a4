//! Which program wanted what `quiltctl` asks for: the nearest ancestor that is
//! no shell (proc(5)). Above the shell of a terminal is only who drew the
//! terminal: there somebody typed it. For the audit log, not for decisions.

use std::path::Path;

use quilt_proto::locations::{AWS_HELPER, CREDENTIALS_PROGRAM};

use super::loopback_process::Program;
use super::process::{Process, without_mark, without_version};

/// How far up it is looked.
const GENERATIONS: usize = 64;

/// The programs that ask for others.
const OURS: [&str; 3] = ["quiltctl", CREDENTIALS_PROGRAM, AWS_HELPER];

/// Programs that run others because somebody wrote or typed so, without the
/// version that some systems add (`zsh-5.9`, `ksh93`).
const SHELLS: [&str; 32] = [
    "ash", "bash", "brush", "busybox", "csh", "dash", "doas", "elvish", "es", "fish", "hush",
    "ion", "ksh", "loksh", "lksh", "mksh", "nu", "oil", "oksh", "osh", "pdksh", "posh", "pwsh",
    "rbash", "rc", "runuser", "sh", "su", "sudo", "tcsh", "yash", "zsh",
];

/// The program that wants what process `asking` asks for: itself, unless it is
/// one of ours. `None` where the system does not tell.
pub(super) fn requested_by(proc: &Path, asking: u32) -> Option<Program> {
    let mut child = Process::open(proc, asking)?;
    // Where the program is not told, as of a process that hides its memory from
    // other processes of this user, it has a name.
    let executable = child.program()?;
    let itself = Program {
        pid: asking,
        script: child.script(&executable),
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
            (executable, parent) => {
                let script = parent.and_then(|parent| parent.script(executable.as_deref()?));
                return Some(Program {
                    pid,
                    executable,
                    script,
                });
            }
        }
    }
    Some(itself)
}

/// Whether a program has one of these names, whatever its version, and also
/// after its file was replaced.
fn is_one_of(path: &Path, names: &[&str]) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name = without_mark(&name);
    names.contains(&name) || names.contains(&without_version(name))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use std::fs;
    use std::io::{BufRead, BufReader};
    use std::path::PathBuf;
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
            (&["aws", "quiltctl-creds"], Path::new("aws")),
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
