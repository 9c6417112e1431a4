//! API keys over `quiltctl daemon restart`: kept, for every catalog, without a
//! failed call, on no disk, and for nobody but the daemon that follows.

#[cfg(target_os = "linux")]
mod pose;
mod startup;

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use quilt_proto::wire::{KeyOffer, Status, TokenKind};
use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, Host, KeySeed, StackConfig};
use quilt_tests::harness::{Canaries, Daemon, Home, Run, User, World, binaries, can_look};
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::api_keys::with_key;
use crate::upgrade::calling_over_a_restart;

/// A key of alice's at a stack.
fn key_at(stack: &FakeStack) -> String {
    let seed = KeySeed::new("alice", "service");
    stack.control().add_key(&seed).unwrap().secret
}

/// Sets a key, through quiltctl.
async fn set(world: &World, catalog: &str, key: &str) {
    let args = ["--catalog", catalog, "login", "--api-key"];
    world.ctl_with_input(&args, key).await.ok();
}

async fn status(world: &World) -> Status {
    let said = world.ctl(&["status", "--json"]).await.ok();
    serde_json::from_str(&said).unwrap()
}

/// The token of a catalog, and what kind it is.
async fn token(world: &World, catalog: &str) -> String {
    let token = world.ctl(&["--catalog", catalog, "token"]).await.ok();
    token.trim().to_owned()
}

/// Restarts the daemon; whoever runs then is nobody's child.
async fn restart(world: &World) -> Run {
    world.ctl(&["daemon", "restart"]).await
}

async fn end(world: World) {
    world.ctl(&["daemon", "stop"]).await.ok();
}

/// Everything in the files below a directory.
fn contents(dir: &Path) -> Vec<u8> {
    let mut all = Vec::new();
    for entry in fs::read_dir(dir).unwrap().flatten() {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            all.extend(contents(&entry.path()));
        } else if kind.is_file() {
            all.extend(fs::read(entry.path()).unwrap());
        }
    }
    all
}

/// The names in the state directory of sockets that keys go over.
fn key_sockets(home: &Home) -> Vec<String> {
    let names = fs::read_dir(home.state()).unwrap().flatten();
    let names = names.filter_map(|entry| entry.file_name().into_string().ok());
    let is_socket = |name: &String| {
        let kind = Path::new(name).extension();
        kind.is_some_and(|kind| kind == "sock") && name.starts_with('k')
    };
    names.filter(is_socket).collect()
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_catalog_and_the_login_outlive_a_restart() {
    let (world, _, first) = with_key().await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let third = FakeStack::bind(StackConfig::default()).await.unwrap();
    let second = key_at(&other);
    set(&world, other.catalog_url(), &second).await;
    let code = third.control().login_code("alice").unwrap();
    let args = ["--catalog", third.catalog_url(), "login", "--code-stdin"];
    world.ctl_with_input(&args, &code).await.ok();

    for _ in 0..2 {
        let before = status(&world).await.pid;
        let said = restart(&world).await;
        assert!(!said.stderr.contains("warning"), "{said:?}");
        assert_eq!(said.code, 0, "{said:?}");
        assert_ne!(status(&world).await.pid, before);
        assert_eq!(token(&world, world.stack.catalog_url()).await, first);
        assert_eq!(token(&world, other.catalog_url()).await, second);
        let args = ["--catalog", third.catalog_url(), "whoami"];
        assert!(world.ctl(&args).await.ok().contains("alice"));
        assert_eq!(key_sockets(&world.home), [""; 0]);
        let held = contents(world.home.path());
        assert!(!held.is_empty());
        for key in [&first, &second] {
            assert!(
                !held.windows(key.len()).any(|part| part == key.as_bytes()),
                "a key is in a file"
            );
        }
    }
    let session = world.client().session().await.unwrap();
    assert_eq!(session.status.kind, Some(TokenKind::ApiKey));
    // A key that was dropped does not come back.
    world.ctl(&["clear-api-key"]).await.ok();
    restart(&world).await.ok();
    world.ctl(&["token"]).await.failed(3);
    assert_eq!(token(&world, other.catalog_url()).await, second);
    end(world).await;
}

/// No daemon is ended for one that cannot be started.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_cannot_succeed_leaves_the_daemon_and_its_key() {
    use std::os::unix::fs::PermissionsExt;
    let (world, _, key) = with_key().await;
    let before = status(&world).await.pid;
    let state = world.home.state();
    let mode = |mode| fs::set_permissions(&state, fs::Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let line = restart(&world).await.failed(4);
    assert!(line.contains("run: chmod go-w "), "{line}");
    mode(0o700);
    let mut command = world.ctl_command(&["daemon", "restart"]);
    command.env("QUILTD_BIN", world.home.path().join("none"));
    let run: Run = command.output().await.unwrap().into();
    let line = run.failed(4);
    assert!(line.contains("run: unset QUILTD_BIN"), "{line}");
    assert_eq!(status(&world).await.pid, before);
    assert_eq!(token(&world, world.stack.catalog_url()).await, key);
    // The control.
    restart(&world).await.ok();
    assert_ne!(status(&world).await.pid, before);
    end(world).await;
}

/// Of many at once, each has the key of the one before, and says nothing else.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn restarts_at_once_follow_each_other() {
    let (world, _, key) = with_key().await;
    let (one, two, three) = tokio::join!(restart(&world), restart(&world), restart(&world));
    for run in [one, two, three] {
        assert!(!run.stderr.contains("warning"), "{run:?}");
        run.ok();
    }
    assert_eq!(token(&world, world.stack.catalog_url()).await, key);
    end(world).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_on_where_it_was_and_without_the_stack() {
    let (world, _, key) = with_key().await;
    world.ctl(&["credential-process"]).await.ok();
    let refuse = |refused| {
        for host in [Host::Catalog, Host::Registry] {
            world.stack.control().refuse(host, refused);
        }
    };
    refuse(true);
    world.ctl(&["whoami"]).await.failed(5);
    restart(&world).await.ok();
    assert_eq!(token(&world, world.stack.catalog_url()).await, key);
    refuse(false);
    world.ctl(&["whoami"]).await.ok();
    end(world).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn no_call_fails_over_a_restart_with_a_key() {
    const CALLERS: usize = 50;
    let (world, _, key) = with_key().await;
    let also = r#"test "$(quiltctl token)" = "$1" || echo "$caller has no key""#;
    let line = calling_over_a_restart(CALLERS, also);
    let mut command = world.home.command("sh");
    let bin = binaries::quiltctl();
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    command.args(["-c", &line, "sh", &key]).env("PATH", path);
    command.env("QUILT_CATALOG", world.stack.catalog_url());
    let run: Run = command.output().await.unwrap().into();
    assert_eq!(run.stdout, "", "{run:?}");
    assert!(run.stderr.contains("(pid "), "{run:?}");
    end(world).await;
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_key_is_left_in_memory_after_it_was_handed_over() {
    if !can_look("a look for API keys in the daemon's memory") {
        return;
    }
    let (world, _, key) = with_key().await;
    restart(&world).await.ok();
    let pid = i32::try_from(status(&world).await.pid).unwrap();
    let hits = || Canaries::of([key.as_str()]).in_memory(pid);
    assert!(!hits().is_empty(), "the control: a key in use is found");
    world.ctl(&["clear-api-key"]).await.ok();
    let deadline = Instant::now() + Duration::from_secs(5);
    while !hits().is_empty() && Instant::now() < deadline {
        tokio::task::yield_now().await;
    }
    assert_eq!(hits(), []);
    end(world).await;
}

/// A service manager as quiltd@USER has it: no socket wakes the daemon, and
/// after an exit with 75 it is started again, a second later.
#[cfg(target_os = "linux")]
const MANAGER: &str = "
while :; do
    sh -c 'SYSTEMD_EXEC_PID=$$ exec quiltd --token-store file' 2>>managed.log
    test $? = 75 || break
    echo again >>managed
    sleep 1
done";

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_a_service_manager_without_a_socket_stays_its_own() {
    let mut world = World::start().await;
    world.daemon.take().unwrap().stop().await;
    let bin = binaries::quiltctl();
    let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
    let sh = |line: &str| {
        let mut command = world.home.command("sh");
        command.args(["-c", line]).env("PATH", &path);
        command.env("QUILT_CATALOG", world.stack.catalog_url());
        command
    };
    let mut manager = sh(MANAGER).spawn().unwrap();
    let up = "until quiltctl --no-autostart status >/dev/null 2>&1; do sleep 0.05; done";
    assert!(sh(up).status().await.unwrap().success());
    let key = key_at(&world.stack);
    set(&world, world.stack.catalog_url(), &key).await;
    let before = status(&world).await.pid;
    // Whoever meets the gap starts none beside it.
    let run: Run = sh(&calling_over_a_restart(20, ":"))
        .output()
        .await
        .unwrap()
        .into();
    assert_eq!(run.stdout, "", "{run:?}");
    assert_ne!(status(&world).await.pid, before);
    let again = fs::read_to_string(world.home.path().join("managed")).unwrap();
    assert_eq!(again, "again\n");
    assert!(
        !world.home.state().join("quiltd.log").exists(),
        "one beside"
    );
    assert_eq!(token(&world, world.stack.catalog_url()).await, key);
    world.ctl(&["daemon", "stop"]).await.ok();
    manager.wait().await.unwrap();
}

/// What is offered to the next daemon is what a change under way leads to.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_being_changed_is_the_next_daemons_once_it_is() {
    let (world, _, old) = with_key().await;
    let control = world.stack.control();
    let held = control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold).after(2));
    let mut rotation = world.ctl_command(&["api-keys", "rotate", "--current"]);
    let rotation = tokio::spawn(async move { rotation.output().await.unwrap() });
    control
        .wait_for_counts(|now| now.operation("graphql:apiKeyCreate") > 0)
        .await;
    let mut restarting = world.ctl_command(&["daemon", "restart"]);
    let mut restarting = tokio::spawn(async move { restarting.output().await.unwrap() });
    // It waits for what is under way.
    let early = tokio::time::timeout(Duration::from_millis(500), &mut restarting).await;
    assert!(early.is_err(), "{early:?}");
    control.clear_fault(held);
    let rotated = Run::from(rotation.await.unwrap());
    let restarted = Run::from(restarting.await.unwrap());
    assert_eq!(
        (rotated.code, restarted.code),
        (0, 0),
        "{rotated:?} {restarted:?}"
    );
    let session = world.client().session().await.unwrap();
    assert_eq!(session.status.kind, Some(TokenKind::ApiKey));
    assert_ne!(token(&world, world.stack.catalog_url()).await, old);
    assert_eq!(control.key_count(), 1, "the old one is revoked");
    end(world).await;
}

/// A restart that somebody gave up leaves keys on their way, for a while.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn a_key_on_its_way_does_not_come_back_after_a_logout() {
    let (world, _, _) = with_key().await;
    let asked = |method: &'static str, path: &'static str| {
        let socket = world.home.socket();
        let mut command = world.home.command("curl");
        command
            .args(["-s", "-X", method, "--unix-socket"])
            .arg(socket);
        command.arg(format!("http://localhost{path}"));
        command
    };
    let offered = asked("POST", "/v1/handover").output().await.unwrap();
    let offer: KeyOffer = serde_json::from_slice(&offered.stdout).unwrap();
    let socket = offer.socket.unwrap();
    let mut carrier = world.home.command(offer.program.unwrap());
    carrier
        .args(["__carry-keys", &socket])
        .stdout(Stdio::piped());
    let mut carrier = carrier.spawn().unwrap();
    let mut said = BufReader::new(carrier.stdout.take().unwrap()).lines();
    assert!(said.next_line().await.unwrap().is_some(), "it has them");
    assert!(Path::new(&socket).exists(), "the control");
    world.ctl(&["logout"]).await.ok();
    assert!(!Path::new(&socket).exists());
    carrier.wait().await.unwrap();
    restart(&world).await.ok();
    world.ctl(&["token"]).await.failed(3);
    end(world).await;
}

/// One who starts the daemon anew without quiltctl is told what is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_follows_a_crash_has_no_key_and_says_so() {
    let (mut world, _, _) = with_key().await;
    world.crash_and_restart().await;
    let line = world.ctl(&["token"]).await.failed(3);
    assert!(line.contains("was forgotten"), "{line}");
    // Who logs in with a code does without it, from then on.
    world.login().await;
    for _ in 0..2 {
        let status = world.ctl(&["status"]).await.ok();
        assert!(!status.contains("run: "), "{status}");
        world.crash_and_restart().await;
    }
}

#[cfg(target_os = "linux")]
const OFFER: &str = "
import http.client, socket, sys
connection = http.client.HTTPConnection('localhost')
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect(sys.argv[1])
connection.request('POST', '/v1/handover')
print(connection.getresponse().read().decode())
";

/// What a daemon of an ordinary user offers to whoever asks it for its keys.
#[cfg(target_os = "linux")]
async fn offered(what: &str) -> Option<(World, String, KeyOffer)> {
    let user = User::find(what).await?;
    let world = World::of(&user, StackConfig::default()).await;
    let key = key_at(&world.stack);
    set(&world, world.stack.catalog_url(), &key).await;
    let offer = offer(&world).await;
    Some((world, key, offer))
}

#[cfg(target_os = "linux")]
async fn offer(world: &World) -> KeyOffer {
    // As the daemon's own user: it serves nobody else.
    let socket = world.home.socket().display().to_string();
    let said = world.home.python(OFFER, &[&socket]).await.ok();
    serde_json::from_str(&said).unwrap()
}

/// A daemon of its own in a home, started by quiltctl's rules.
async fn start_in(home: &Home, variables: &[(&str, &str)]) -> Daemon {
    Daemon::start_with(home, &["--token-store", "file"], variables).await
}
