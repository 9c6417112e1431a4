//! One daemon for a user on a machine, whatever the environment; and one that
//! is stopped, which answers nobody.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
use quilt_proto::api::ReadStatus;
#[cfg(target_os = "linux")]
use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Home, Run, Users, binaries};
use rustix::process::{Pid, Signal, kill_process};

/// The place in the state directory.
fn state_socket(home: &Home) -> PathBuf {
    home.state().join("quiltd.sock")
}

/// `quiltctl` as cron starts it: without a runtime directory.
async fn bare(home: &Home, args: &[&str]) -> Run {
    run(home, args, None).await
}

/// The same in a login shell.
async fn shell(home: &Home, args: &[&str]) -> Run {
    run(home, args, Some(&home.path().join("run"))).await
}

async fn run(home: &Home, args: &[&str], runtime: Option<&Path>) -> Run {
    let mut command = home.command(binaries::quiltctl());
    command.env("QUILTD_BIN", home.program(binaries::quiltd()));
    command.args(args).env_remove("XDG_RUNTIME_DIR");
    if let Some(runtime) = runtime {
        command.env("XDG_RUNTIME_DIR", runtime);
    }
    command.output().await.unwrap().into()
}

fn pid_of(status: &str) -> u64 {
    let status: serde_json::Value = serde_json::from_str(status).unwrap();
    status["pid"].as_u64().unwrap()
}

fn pid_at(socket: &Path) -> Option<u32> {
    Client::new(socket)
        .send(&ReadStatus)
        .ok()
        .map(|status| status.pid)
}

/// Waits for what is about to happen.
async fn until(what: &str, happened: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(1);
    while !happened() {
        assert!(Instant::now() < deadline, "it never came about: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Names of files below a directory that are there for locks and sockets.
fn left(dir: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().is_dir() {
            found.extend(left(&entry.path()));
        } else if name.contains(".sock") || name.starts_with("daemon-") {
            found.insert(name);
        }
    }
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_started_it_everybody_finds_it() {
    for starts_in_shell in [true, false] {
        let home = Home::new();
        let started = if starts_in_shell {
            shell(&home, &["status", "--json"]).await
        } else {
            bare(&home, &["status", "--json"]).await
        };
        let pid = pid_of(&started.ok());
        assert_eq!(pid_of(&bare(&home, &["status", "--json"]).await.ok()), pid);
        assert_eq!(pid_of(&shell(&home, &["status", "--json"]).await.ok()), pid);
        // And programs that know no more than where it usually is.
        assert_eq!(pid_at(&state_socket(&home)).map(u64::from), Some(pid));
        if starts_in_shell {
            assert_eq!(pid_at(&home.socket()).map(u64::from), Some(pid));
        }
        bare(&home, &["daemon", "stop"]).await.ok();
        assert_eq!(left(home.path()), BTreeSet::new());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_directory_that_is_not_there_costs_nothing() {
    let home = Home::new();
    let gone = home.path().join("run/user/1000");
    let started = run(&home, &["status", "--json"], Some(&gone)).await;
    let pid = pid_of(&started.ok());
    assert_eq!(pid_of(&bare(&home, &["status", "--json"]).await.ok()), pid);
    assert!(!gone.exists(), "it is nobody's to make");
    bare(&home, &["daemon", "stop"]).await.ok();

    // There, but for others.
    let home = Home::new();
    let file = home.path().join("run/quilt");
    fs::write(&file, "").unwrap();
    let line = shell(&home, &["status"]).await.failed(4);
    assert!(
        line.to_lowercase().contains("not a directory"),
        "what is odd is said: {line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_directory_that_cannot_be_written_costs_nothing() {
    let home = Home::new();
    // Read-only for root, too.
    let mount = "mount -t tmpfs -o ro,mode=700 none \"$XDG_RUNTIME_DIR\" && exec \"$@\"";
    let mut command = home.in_mounts_of_its_own(mount);
    command
        .arg(binaries::quiltctl())
        .args(["status", "--json"])
        .env("QUILTD_BIN", binaries::quiltd());
    let output = command.output().await.unwrap();
    let pid = pid_of(&Run::from(output).ok());
    assert_eq!(pid_of(&bare(&home, &["status", "--json"]).await.ok()), pid);
    bare(&home, &["daemon", "stop"]).await.ok();
}

/// As where somebody has set it to /tmp: whoever comes first has the name there.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_directory_that_others_may_write_to_costs_nothing() {
    for mode in [0o1777, 0o777, 0o3775, 0o2770] {
        let home = Home::new();
        let runtime = home.path().join("everybodys");
        fs::create_dir(&runtime).unwrap();
        fs::set_permissions(&runtime, fs::Permissions::from_mode(mode)).unwrap();
        // Whoever was there before cannot be made to go.
        fs::write(runtime.join("quilt"), "").unwrap();
        let started = run(&home, &["status", "--json"], Some(&runtime)).await;
        let pid = pid_of(&started.ok());
        assert_eq!(pid_of(&bare(&home, &["status", "--json"]).await.ok()), pid);
        bare(&home, &["daemon", "stop"]).await.ok();
    }
}

/// As after `su`, which leaves the variable as it was; to root everything there
/// is open, the other daemon's socket, too.
#[tokio::test(flavor = "multi_thread")]
async fn a_runtime_directory_of_somebody_else_costs_nothing() {
    let Some(users) = Users::find_real("the runtime directory of another user").await else {
        return;
    };
    let theirs = Home::of(&users.b);
    let _daemon = Daemon::start(&theirs, &["--token-store", "memory"]).await;
    fs::set_permissions(theirs.path(), fs::Permissions::from_mode(0o711)).unwrap();
    let runtime = theirs.path().join("run");
    let before = left(&runtime);
    assert!(!before.is_empty());
    let mut homes = vec![Home::of(&users.a)];
    if rustix::process::getuid().is_root() {
        homes.push(Home::new());
    }
    for home in homes {
        let started = run(&home, &["status", "--json"], Some(&runtime)).await;
        let pid = pid_of(&started.ok());
        assert_eq!(pid_of(&bare(&home, &["status", "--json"]).await.ok()), pid);
        let restarted = run(&home, &["daemon", "restart"], Some(&runtime)).await;
        assert_eq!(restarted.code, 0, "{restarted:?}");
        bare(&home, &["daemon", "stop"]).await.ok();
        assert_eq!(left(&runtime), before);
    }
}

/// As `sudo -E` and `su -m` leave it, containers that run as some number, and
/// jobs without any: the command named gives a home, and all works.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_no_home_is_mended_by_the_command_named() {
    let Some(users) = Users::find_real("the home of another user").await else {
        return;
    };
    let theirs = Home::of(&users.b);
    let _daemon = Daemon::start(&theirs, &["--token-store", "memory"]).await;
    let own = Home::of(&users.a);
    let quiltd = own.program(binaries::quiltd());
    let tools = own.path().join("tools");
    fs::create_dir(&tools).unwrap();
    std::os::unix::fs::symlink(own.program(binaries::quiltctl()), tools.join("quiltctl")).unwrap();
    let path = format!("{}:/usr/bin:/bin", tools.display());
    let sh = async |home: Option<&Path>, line: &str| -> Run {
        let mut command = own.command("sh");
        command.env_clear().env("PATH", &path);
        command.env("QUILTD_BIN", &quiltd);
        if let Some(home) = home {
            command.env("HOME", home);
        }
        let output = command.args(["-c", line]).output().await.unwrap();
        output.into()
    };
    // The probe works: in the user's own home there is nothing to mend.
    let fine = sh(
        Some(own.path()),
        "quiltctl daemon start && quiltctl daemon stop",
    )
    .await;
    fine.ok();
    let open = theirs.path().to_owned();
    let is_known = sh(None, "quiltctl logged-in").await.code == 3;
    for (home, mode) in [
        (Some(open.as_path()), 0o700),
        (Some(open.as_path()), 0o755),
        (Some(Path::new("/nonexistent")), 0o700),
        (Some(Path::new("/")), 0o700),
        (None, 0o700),
    ] {
        if home.is_none() && is_known {
            // The account has one, and that is taken.
            continue;
        }
        fs::set_permissions(&open, fs::Permissions::from_mode(mode)).unwrap();
        let status = sh(home, "quiltctl status").await;
        assert_ne!(status.code, 0, "{home:?} {mode:o}: {status:?}");
        let (_, hint) = status.stderr.trim_end().rsplit_once("; run: ").unwrap();
        assert!(hint.starts_with("export HOME="), "{home:?}: {hint}");
        // Doctor finds it as well, and names the same.
        let found = sh(home, "quiltctl doctor").await;
        let said = format!("{}{}", found.stdout, found.stderr);
        assert!(
            found.code != 0 && said.contains(hint),
            "{home:?} {mode:o}: {said}"
        );
        let line = format!("{hint} && quiltctl status && quiltctl daemon stop");
        sh(home, &line).await.ok();
    }
}

/// As homes in builds, sandboxes and on batch nodes are: nothing but `HOME`, and
/// that with more bytes than a socket's address can have.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_is_longer_than_an_address_is_like_any_other() {
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let home = Home::new();
    let deep = home.path().join("a-home-far-down/".repeat(12));
    fs::create_dir_all(&deep).unwrap();
    let ctl = async |args: &[&str]| -> Run {
        let mut command = home.command(binaries::quiltctl());
        command.env_clear().env("PATH", "/usr/bin:/bin");
        command
            .env("HOME", &deep)
            .env("QUILT_CATALOG", stack.catalog_url());
        let key = stack.control().add_key(&KeySeed::new("alice", "ci"));
        command.env("QUILT_API_KEY", key.unwrap().secret);
        command.args(args).output().await.unwrap().into()
    };
    ctl(&["login", "--api-key-env"]).await.ok();
    ctl(&["credential-process"]).await.ok();
    let exec = ["exec", "--socket-only", "--"];
    let below = binaries::quiltctl().to_str().unwrap();
    ctl(&[&exec[..], &[below, "credential-process"]].concat())
        .await
        .ok();
    // What the next daemon is told goes by a socket, too.
    ctl(&["daemon", "restart"]).await.ok();
    let token = ctl(&["token"]).await.ok();
    assert!(token.starts_with("qk_"), "{token}");
    ctl(&["daemon", "stop"]).await.ok();
    assert_eq!(left(&deep), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_outlives_the_runtime_directory_and_is_there_when_that_is_back() {
    let home = Home::new();
    let daemon = Daemon::start(&home, &["--token-store", "memory"]).await;
    let pid = u32::try_from(daemon.pid()).unwrap();
    let runtime = home.path().join("run");
    fs::remove_dir_all(&runtime).unwrap();
    until("it notices", || {
        daemon.log().contains("the socket was deleted")
    })
    .await;
    let status = shell(&home, &["--no-autostart", "status", "--json"]).await;
    assert_eq!(pid_of(&status.ok()), u64::from(pid));
    fs::create_dir(&runtime).unwrap();
    fs::set_permissions(&runtime, fs::Permissions::from_mode(0o700)).unwrap();
    until("it is back", || home.socket().exists()).await;
    let (socket, asked) = (home.socket(), home.socket());
    until("it answers there", || pid_at(&asked) == Some(pid)).await;
    daemon.stop().await;
    assert!(!socket.exists());
    assert_eq!(left(home.path()), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_machines_that_share_a_home_have_a_daemon_each() {
    let home = Home::new();
    let without = [("XDG_RUNTIME_DIR", "")];
    let here = Daemon::start_with(&home, &["--token-store", "file"], &without).await;
    let there = Daemon::on_another_machine_with(&home, &["--token-store", "file"], &without).await;
    let status = bare(&home, &["--no-autostart", "status", "--json"]).await;
    let pid = u64::try_from(here.pid()).unwrap();
    assert_eq!(pid_of(&status.ok()), pid, "each finds its own");
    let sockets = fs::read_dir(home.state()).unwrap().flatten();
    let sockets = sockets.map(|entry| entry.path());
    let sockets: Vec<_> = sockets
        .filter(|it| it.extension() == Some("sock".as_ref()))
        .collect();
    assert_eq!(sockets.len(), 2, "{sockets:?}");
    let mut pids: Vec<_> = sockets.iter().filter_map(|socket| pid_at(socket)).collect();
    pids.sort_unstable();
    pids.dedup();
    assert_eq!(pids.len(), 2, "{sockets:?}");
    there.stop().await;
    here.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_fails_leaves_no_lock_behind() {
    let home = Home::new();
    let daemon = Daemon::start(&home, &["--token-store", "memory"]).await;
    let before = left(home.path());
    assert!(before.contains("quiltd.sock.lock"), "{before:?}");
    let elsewhere = home.path().join("elsewhere/quiltd.sock");
    let mut second = home.command(binaries::quiltd());
    let second = second
        .arg("--socket")
        .arg(&elsewhere)
        .output()
        .await
        .unwrap();
    assert_eq!(second.status.code(), Some(1), "{second:?}");
    assert_eq!(left(home.path()), before);
    let line = shell(&home, &["--socket", elsewhere.to_str().unwrap(), "status"]).await;
    let line = line.failed(4);
    assert!(line.contains("another quiltd"), "{line}");
    assert_eq!(left(home.path()), before);
    daemon.stop().await;
    assert_eq!(left(home.path()), BTreeSet::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_daemon_is_said_to_be_and_the_command_named_wakes_it() {
    let home = Home::new();
    let daemon = Daemon::start(&home, &["--token-store", "memory"]).await;
    let pid = Pid::from_raw(daemon.pid()).unwrap();
    let number = pid.as_raw_nonzero();
    shell(&home, &["status"]).await.ok();
    kill_process(pid, Signal::STOP).unwrap();
    let says = format!("quiltd (pid {number}) is stopped");
    let hint = format!("; run: kill -CONT {number}");
    let commands: [&[&str]; 5] = [
        &["status"],
        &["token"],
        &["credential-process"],
        &["logout", "--all"],
        &["daemon", "start"],
    ];
    for command in commands {
        let args = [&["--no-autostart"], command].concat();
        // Far from the minute that an answer may take.
        let answered = tokio::time::timeout(Duration::from_secs(30), shell(&home, &args)).await;
        let answered = answered.unwrap_or_else(|_| panic!("{command:?} waits"));
        if command == ["daemon", "start"] && answered.code == 0 {
            continue;
        }
        let line = answered.failed(4);
        assert!(
            line.contains(&says) && line.ends_with(&hint),
            "{command:?}: {line}"
        );
    }
    // Programs in Rust are told the same, and no later.
    let client = quilt_client::Client::new(home.socket());
    let told = tokio::time::timeout(Duration::from_secs(30), client.status()).await;
    let told = told.expect("an answer in time").unwrap_err();
    let is_told = matches!(told, quilt_client::Error::Stopped { pid } if i32::try_from(pid) == Ok(number.get()));
    assert!(is_told, "{told:?}");
    let said = shell(&home, &["doctor", "--json"]).await.stdout;
    assert!(said.contains(&format!("kill -CONT {number}")), "{said}");
    let mut wake = home.command("sh");
    let woken = wake
        .args(["-c", hint.strip_prefix("; run: ").unwrap()])
        .status()
        .await;
    assert!(woken.unwrap().success());
    shell(&home, &["status"]).await.ok();
    // A stop needs no waking.
    kill_process(pid, Signal::STOP).unwrap();
    shell(&home, &["daemon", "stop"]).await.ok();
}

/// In a container the daemon calls itself 1, which is another process outside.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_in_a_container_is_stopped_from_outside() {
    let home = Home::new();
    let mut command = home.command("unshare");
    if !rustix::process::getuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--pid", "--fork", "--kill-child"]);
    command.arg(binaries::quiltd());
    let daemon = Daemon::start_by(command, &home, &["--token-store", "memory"]).await;
    let status = shell(&home, &["--no-autostart", "status", "--json"])
        .await
        .ok();
    assert_eq!(pid_of(&status), 1, "it is in a namespace of its own");
    let run = shell(&home, &["daemon", "stop"]).await;
    assert!(!run.stderr.contains("kill"), "{run:?}");
    run.ok();
    assert!(!home.socket().exists());
    drop(daemon);
}
