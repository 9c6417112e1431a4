//! What the real binary is like, however it came to run.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::toolchain::{not_run, say};
use quilt_tests::harness::{Canaries, Daemon, Home, User, World, binaries, can_look};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;

use crate::programs::ready;

/// Runs a program from where nothing is forbidden: files are for everybody,
/// cores as large as may be. With a path first, a listening socket is handed
/// to it as sd_listen_fds(3) says.
const LAUNCH: &str = "
import os, resource, socket, sys
path, program = sys.argv[1], sys.argv[2:]
hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
if path:
    os.umask(0o177)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen()
    if listener.fileno() != 3:
        os.dup2(listener.fileno(), 3)
    os.set_inheritable(3, True)
    os.environ.update(LISTEN_FDS='1', LISTEN_PID=str(os.getpid()))
os.umask(0o022)
os.execvp(program[0], program)
";

fn launch(home: &Home, socket: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = home.command("python3");
    command
        .args(["-I", "-c", LAUNCH, socket])
        .arg(home.program(program));
    command
}

/// What can be seen of a process from outside.
#[derive(Debug, PartialEq, Eq)]
struct Facts {
    /// `NoNewPrivs` of /proc/PID/status.
    no_new_privs: String,
    /// `Umask` there.
    umask: String,
    /// Soft and hard limit of core files.
    core: Vec<String>,
    /// Whose the files of /proc/PID are: root's, if it is not dumpable.
    files_of: u32,
}

impl Facts {
    fn of(pid: i32) -> Self {
        let limits = fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        let core = limits
            .lines()
            .find(|line| line.starts_with("Max core file size"));
        let core = core.unwrap().split_whitespace().skip(4).take(2);
        Self {
            no_new_privs: status(pid, "NoNewPrivs"),
            umask: status(pid, "Umask"),
            core: core.map(str::to_owned).collect(),
            files_of: fs::metadata(format!("/proc/{pid}/environ")).unwrap().uid(),
        }
    }

    fn protected() -> Self {
        Self {
            no_new_privs: "1".to_owned(),
            umask: "0077".to_owned(),
            core: vec!["0".to_owned(); 2],
            files_of: 0,
        }
    }
}

/// A field of /proc/PID/status.
fn status(pid: i32, name: &str) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let value = status
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap().trim().to_owned()
}

/// KiB that a process has locked.
fn locked_kib(pid: i32) -> u64 {
    let locked = status(pid, "VmLck");
    locked.trim_end_matches(" kB").trim().parse().unwrap()
}

/// Checks that what is launched like the daemon has none of its protections:
/// whatever the daemon is found to have is its own doing.
async fn control(home: &Home, user: &User, what: &str) {
    let mut command = launch(home, "", "sh");
    let child = ready(command.args(["-c", "echo ready; read line"])).await;
    let open = Facts::of(i32::try_from(child.id().unwrap()).unwrap());
    let protected = Facts::protected();
    assert_eq!((open.umask.as_str(), open.files_of), ("0022", user.uid()));
    let inherited = open.no_new_privs == protected.no_new_privs || open.core == protected.core;
    if inherited || user.uid() == 0 {
        not_run(
            what,
            format_args!("the tests run protected themselves: {open:?}"),
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_protects_itself_however_it_is_started() {
    let what = "a look at the daemon from outside";
    let Some(user) = User::find(what).await else {
        return;
    };
    control(&Home::of(&user), &user, what).await;

    // From a terminal or a service manager.
    let home = Home::of(&user);
    let command = launch(&home, "", binaries::quiltd());
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    assert_eq!(
        Facts::of(daemon.pid()),
        Facts::protected(),
        "in the foreground"
    );

    // With a socket that somebody else made.
    let home = Home::of(&user);
    let socket = home.socket();
    let dir = socket.parent().unwrap();
    fs::DirBuilder::new().mode(0o700).create(dir).unwrap();
    home.give(dir);
    let command = launch(&home, socket.to_str().unwrap(), binaries::quiltd());
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    // It says so once it has told that it is ready.
    while !daemon.log().contains("activated=true") {
        tokio::task::yield_now().await;
    }
    assert_eq!(
        Facts::of(daemon.pid()),
        Facts::protected(),
        "socket activated"
    );

    // By quiltctl.
    let home = Home::of(&user);
    let mut command = launch(&home, "", binaries::quiltctl());
    let output = command.args(["status", "--json"]).output().await.unwrap();
    let status: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let pid = i32::try_from(status["pid"].as_i64().unwrap()).unwrap();
    let _ended = Ended(pid);
    assert_eq!(Facts::of(pid), Facts::protected(), "started by quiltctl");
}

/// Becomes a program that asks, and stays the one that is asked: it says so once
/// it has been, and answers nothing.
const HOLDS: &str = "
import os, socket, sys
path, program = sys.argv[1], sys.argv[2:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
listener.listen()
if os.fork():
    os.execve(program[0], program, {**os.environ, 'QUILTD_SOCKET': path})
connection, _ = listener.accept()
connection.recv(1)
print('ready', flush=True)
sys.stdin.read()
";

#[tokio::test(flavor = "multi_thread")]
async fn programs_that_ask_for_credentials_cannot_be_dumped_or_traced_either() {
    let what = "a look at quiltctl from outside";
    let Some(user) = User::find(what).await else {
        return;
    };
    control(&Home::of(&user), &user, what).await;
    for program in [binaries::quiltctl(), binaries::quiltctl_creds()] {
        let home = Home::of(&user);
        let mut command = home.command("python3");
        command.args(["-I", "-c", HOLDS]);
        command.arg(home.path().join("held.sock"));
        command.arg(home.program(program)).arg("credential-process");
        let child = ready(&mut command).await;
        let asking = i32::try_from(child.id().unwrap()).unwrap();
        assert_eq!(Facts::of(asking).files_of, 0, "{}", program.display());
    }
}

/// Ends a process that is nobody's child when dropped.
struct Ended(i32);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = kill_process(Pid::from_raw(self.0).unwrap(), Signal::KILL);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_rests_in_locked_pages_with_guards() {
    let world = World::start().await;
    let pid = world.daemon.as_ref().unwrap().pid();
    let before = locked_kib(pid);
    let (_, secret) = crate::api_keys::planted(&world, "ci");
    let set = world.ctl_with_input(&["login", "--api-key"], &secret).await;
    set.ok();
    let all_locked = before > 1024;
    assert!(
        all_locked || locked_kib(pid) > before,
        "{before} KiB before"
    );
    if !can_look("a look for the pages an API key is in") {
        return;
    }
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let smaps = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let canaries = Canaries::of([&secret]);
    let places = || {
        let seen = canaries.in_memory(pid);
        let mut places: Vec<_> = seen.into_iter().map(|seen| seen.mapping).collect();
        places.dedup();
        places
    };
    // Copies that libraries made on its way are gone with what held them.
    crate::gateway::files::until(|| places().len() == 1).await;
    let resting = &places()[0];
    let flags = flags(&smaps, resting);
    let is_kept_in = ["lo", "dd"].iter().all(|flag| flags.contains(flag));
    assert!(is_kept_in, "not locked, or in core files: {resting}");
    let lines: Vec<_> = maps.lines().collect();
    let at = lines.iter().position(|line| line == resting).unwrap();
    for neighbour in [lines[at - 1], lines[at + 1]] {
        assert!(neighbour.contains(" ---p "), "no guard: {neighbour}");
    }
}

/// The flags of a mapping of /proc/PID/smaps.
fn flags<'a>(smaps: &'a str, mapping: &str) -> Vec<&'a str> {
    let (_, after) = smaps.split_once(mapping).unwrap();
    let flags = after.lines().find_map(|line| line.strip_prefix("VmFlags:"));
    flags.unwrap().split_whitespace().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_limit_all_memory_is_locked() {
    let home = Home::new();
    let mut command = home.command("sh");
    command
        .args(["-c", "ulimit -l unlimited && exec \"$@\"", "sh"])
        .arg(binaries::quiltd());
    let mut trial = home.command("sh");
    let may = trial.args(["-c", "ulimit -l unlimited"]).output().await;
    if !may.unwrap().status.success() {
        // No program that could be installed would mend it.
        say(format_args!(
            "NOT RUN: a daemon without a limit: the tests may not lock that much"
        ));
        return;
    }
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    let all = locked_kib(daemon.pid());
    assert!(all > 4096, "{all} KiB");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_it_makes_is_its_users_alone() {
    let what = "a look at the daemon's files";
    let Some(user) = User::find(what).await else {
        return;
    };
    let home = Home::of(&user);
    // No directory that is there already keeps others out.
    for sub in ["run", "state", "config", "data"] {
        fs::set_permissions(
            home.path().join(sub),
            std::os::unix::fs::PermissionsExt::from_mode(0o755),
        )
        .unwrap();
    }
    let command = launch(&home, "", binaries::quiltd());
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    let stack = quilt_tests::fake_stack::FakeStack::bind(StackConfig::default()).await;
    let world = World {
        stack: stack.unwrap(),
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    let mut looked_at = Vec::new();
    for dir in ["run/quilt", "state/quilt"] {
        open_to_others(&world.home.path().join(dir), &mut looked_at);
    }
    for name in ["quiltd.sock", "sessions.json"] {
        assert!(
            looked_at.iter().any(|seen| seen.contains(name)),
            "{looked_at:?}"
        );
    }
    let open: Vec<_> = looked_at
        .iter()
        .filter(|seen| !seen.ends_with("00"))
        .collect();
    assert!(open.is_empty(), "{open:?}");
}

/// Every file and directory below one, with its mode.
fn open_to_others(path: &std::path::Path, into: &mut Vec<String>) {
    let metadata = fs::symlink_metadata(path).unwrap();
    if !metadata.is_symlink() {
        into.push(format!("{} {:o}", path.display(), metadata.mode() & 0o777));
    }
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            open_to_others(&entry.unwrap().path(), into);
        }
    }
}
