//! `kill -9` before every system call that changes something, and so after each
//! of those before it: of a refresh, a login, a logout, a grant, `setup` and its
//! `--undo`. Nothing is lost that was there, and nothing is left half done.
//!
//! Calls are counted for each kind and thread (strace(1), "inject"). Every
//! [`STEP`]th of a third of the kinds is tried, which a seed chooses, or with
//! `QUILT_SYSCALLS=1` all.
#![cfg(target_os = "linux")]
#![expect(clippy::print_stdout, reason = "a failure is repeated by its seed")]

use std::fs;
use std::path::Path;
use std::time::Duration;

use quilt_tests::fake_stack::{Endpoint, FakeStack, Rotation, StackConfig};
use quilt_tests::harness::toolchain::not_run;
use quilt_tests::harness::{Daemon, Home, World, binaries};

use crate::malformed::number;

/// The system calls that change what others see: files, and what is sent.
const KINDS: &[&str] = &[
    "openat",
    "/^rename",
    "/^unlink",
    "/^mkdir",
    "/^(f|fd)(data)?sync",
    "/^ftruncate",
    "/^p?writev?(64)?$",
    "/^send(to|msg)$",
    "/^f?chmod",
    "flock",
];

/// Which of the calls are tried without being asked for all.
const STEP: u64 = 5;

/// No operation makes more calls of one kind in one thread.
const MOST: u64 = 400;

/// What is done while the daemon is killed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Act {
    Refresh,
    Login,
    Logout,
    Grant,
    Undo,
}

/// A stack and a home; daemons come and go.
struct Ground {
    world: World,
}

impl Ground {
    async fn new(rotation: Rotation) -> Self {
        let mut config = StackConfig::default();
        config.settings.rotation = rotation;
        let stack = FakeStack::bind(config).await.unwrap();
        let world = World {
            stack,
            home: Home::new(),
            daemon: None,
        };
        Self { world }
    }

    async fn start(&mut self) {
        let args = ["--token-store", "file", "--log", "warn"];
        self.world.daemon = Some(Daemon::start(&self.world.home, &args).await);
    }

    /// Starts a daemon that is killed before its call of this number. It may
    /// not get as far as to listen.
    async fn start_doomed(&mut self, kind: &str, at: u64) -> tokio::process::Child {
        let home = &self.world.home;
        let mut command = home.command("strace");
        command
            // The tracer is nobody's parent: what is started is quiltd.
            .args(["-D", "-f", "-qq", "-o", "/dev/null"])
            .args(["-e", &format!("trace={kind}")])
            .args(["-e", &format!("inject={kind}:signal=KILL:when={at}")])
            .arg(home.program(binaries::quiltd()))
            .args(["--token-store", "file", "--log", "warn"])
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let stdout = child.stdout.take().unwrap();
        let lines = tokio::io::BufReader::new(stdout);
        // Its first line, or its end.
        let _ = tokio::io::AsyncBufReadExt::lines(lines).next_line().await;
        child
    }

    /// Before the act: what there is to lose. Answers what the SDK's files are
    /// where it is not led here.
    async fn prepare(&mut self, act: Act) -> Vec<(String, Vec<u8>)> {
        self.start().await;
        let world = &self.world;
        if world.ctl(&["whoami"]).await.code != 0 {
            world.login().await;
        }
        world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
        let plain = self.sdk();
        match act {
            Act::Login => drop(world.ctl(&["logout"]).await.ok()),
            Act::Undo => drop(world.ctl(&["setup", "quilt3"]).await.ok()),
            Act::Refresh | Act::Logout | Act::Grant => {}
        }
        assert!(self.world.daemon.take().unwrap().stop().await.success());
        self.world.stack.control().outdate_access_tokens();
        self.world.stack.control().reset_counts();
        plain
    }

    async fn act(&self, act: Act) -> i32 {
        let world = &self.world;
        let acting = async {
            match act {
                Act::Refresh => world.ctl(&["whoami"]).await.code,
                Act::Login => {
                    let code = world.stack.control().login_code("alice").unwrap();
                    let login = ["login", "--code-stdin"];
                    world.ctl_with_input(&login, &code).await.code
                }
                Act::Logout => world.ctl(&["logout"]).await.code,
                Act::Grant => world.ctl(&["setup", "quilt3"]).await.code,
                Act::Undo => world.ctl(&["setup", "quilt3", "--undo"]).await.code,
            }
        };
        tokio::time::timeout(Duration::from_mins(2), acting)
            .await
            .expect("an end")
    }

    fn stored(&self) -> Option<String> {
        let text = fs::read_to_string(self.world.home.sessions_file()).ok()?;
        let state: serde_json::Value = serde_json::from_str(&text).expect("never torn");
        let token = &state["sessions"][self.world.stack.catalog_url()]["refresh_token"];
        token.as_str().map(str::to_owned)
    }

    /// The SDK's files, as quilt3 would find them.
    fn sdk(&self) -> Vec<(String, Vec<u8>)> {
        let dir = self.world.home.config_yml();
        let entries = fs::read_dir(dir.parent().unwrap()).into_iter().flatten();
        let files = entries.map(|entry| entry.unwrap().path());
        let read = |path: &Path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, fs::read(path).unwrap_or_default())
        };
        let mut files: Vec<_> = files
            .map(|path| read(&path))
            .filter(|(name, _)| !name.contains(".backup.") && !name.starts_with('.'))
            .collect();
        files.sort();
        files
    }
}

/// Tries one call; answers whether the daemon was killed there.
async fn killed_at(ground: &mut Ground, act: Act, kind: &str, at: u64, strict: bool) -> bool {
    let context = format!("{act:?} killed at {kind} {at}");
    let plain = ground.prepare(act).await;
    let before = ground.stored();
    let mut child = ground.start_doomed(kind, at).await;
    let code = ground.act(act).await;
    let was_killed = matches!(child.try_wait(), Ok(Some(_)));
    child.kill().await.unwrap();
    let after = ground.stored();
    let rotated = ground.world.stack.control().calls(Endpoint::Token) > 0;
    ground.start().await;
    let world = &ground.world;
    let logged_in = world.ctl(&["logged-in"]).await.code == 0;
    match act {
        Act::Login => assert!(logged_in || code != 0, "{context}: it said done"),
        Act::Logout => assert!(!logged_in || code != 0, "{context}: it said done"),
        Act::Refresh | Act::Grant | Act::Undo => assert!(logged_in, "{context}"),
    }
    if logged_in {
        let run = world.ctl(&["whoami"]).await;
        // Between the stack's answer and the disk.
        let in_window = strict && rotated && before == after;
        assert!(run.code == 0 || in_window, "{context}: {run:?}");
        if run.code != 0 {
            world.login().await;
        }
    } else {
        world.login().await;
    }
    if act == Act::Grant {
        world.ctl(&["setup", "quilt3"]).await.ok();
    }
    if matches!(act, Act::Grant | Act::Undo) {
        world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
        assert_eq!(ground.sdk(), plain, "{context}");
    }
    let left = fs::read_dir(world.home.state()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<_> = left.filter(|name| name.starts_with(".sessions-")).collect();
    assert_eq!(left, [""; 0], "{context}: swept up");
    assert!(ground.world.daemon.take().unwrap().stop().await.success());
    was_killed
}

/// The seed, and which of the calls are tried: all where they are `few`.
fn step(few: bool) -> (u64, u64) {
    let all = few || number("QUILT_SYSCALLS").is_some();
    let step = if all { 1 } else { STEP };
    let seed = number("QUILT_SEED").unwrap_or_else(|| u64::from(getrandom::u32().unwrap()));
    println!("QUILT_SEED={seed}, every {step}th call");
    (seed, step)
}

/// Whether there is what kills at a system call; else it is said.
fn can_kill() -> bool {
    let found = std::process::Command::new("strace").arg("-V").output();
    if found.is_err() {
        not_run("kills at system calls", "there is no strace");
    }
    found.is_ok()
}

async fn kill_everywhere(rotation: Rotation, acts: &[Act]) {
    if !can_kill() {
        return;
    }
    let strict = rotation == Rotation::Strict;
    let (seed, step) = step(strict);
    let mut ground = Ground::new(rotation).await;
    let (mut tried, mut killed) = (0, 0);
    let pairs = KINDS
        .iter()
        .flat_map(|kind| acts.iter().map(move |act| (*kind, *act)));
    for (index, (kind, act)) in (0_u64..).zip(pairs) {
        if step > 1 && (seed + index) % 3 > 0 {
            continue;
        }
        let first = 1 + (seed ^ tried) % step;
        for at in (first..MOST).step_by(usize::try_from(step).unwrap()) {
            tried += 1;
            if !killed_at(&mut ground, act, kind, at, strict).await {
                break;
            }
            killed += 1;
        }
    }
    println!("{killed} kills in {tried} tries");
    assert!(killed > 0, "they come about");
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_call_a_daemon_loses_no_login() {
    let all = [Act::Refresh, Act::Login, Act::Logout, Act::Grant, Act::Undo];
    kill_everywhere(Rotation::Grace, &all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_tokens_work_once_a_login_is_lost_between_answer_and_disk_alone() {
    kill_everywhere(Rotation::Strict, &[Act::Refresh]).await;
}

/// `setup aws` and its `--undo` change files by themselves.
#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_call_setup_leaves_whole_files_and_can_be_run_again() {
    if !can_kill() {
        return;
    }
    let (seed, step) = step(true);
    let world = World::logged_in().await;
    let own = "# mine\n[default]\nregion = eu-west-1\n";
    let config = world.home.aws_config();
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, own).unwrap();
    world.ctl(&["setup", "aws"]).await.ok();
    let whole = fs::read_to_string(&config).unwrap();
    assert_ne!(whole, own);
    let mut killed = 0;
    let pairs = KINDS.iter().flat_map(|kind| {
        [&["setup", "aws"][..], &["setup", "aws", "--undo"]].map(|args| (*kind, args))
    });
    for (index, (kind, args)) in (0_u64..).zip(pairs) {
        if step > 1 && (seed + index) % 3 > 0 {
            continue;
        }
        let undoes = args.contains(&"--undo");
        let first = 1 + seed % step;
        for at in (first..MOST).step_by(usize::try_from(step).unwrap()) {
            let context = format!("{args:?} killed at {kind} {at}");
            world.ctl(&["setup", "aws", "--undo"]).await.ok();
            if undoes {
                world.ctl(&["setup", "aws"]).await.ok();
            }
            let mut command = world.home.command("strace");
            let run = command
                .env("QUILT_CATALOG", world.stack.catalog_url())
                .args([
                    "-f",
                    "-qq",
                    "-o",
                    "/dev/null",
                    "-e",
                    &format!("trace={kind}"),
                ])
                .args(["-e", &format!("inject={kind}:signal=KILL:when={at}")])
                .arg(binaries::quiltctl())
                .arg("--no-autostart")
                .args(args)
                .stdin(std::process::Stdio::null())
                .output()
                .await
                .unwrap();
            let text = fs::read_to_string(&config).unwrap();
            assert!(text == own || text == whole, "{context}: {text:?}");
            world.ctl(args).await.ok();
            let text = fs::read_to_string(&config).unwrap();
            assert_eq!(text, if undoes { own } else { &whole }, "{context}");
            if run.status.success() {
                break;
            }
            killed += 1;
        }
    }
    println!("{killed} kills");
    assert!(killed > 0, "they come about");
}
