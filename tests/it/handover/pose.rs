//! Programs that pose as the daemon that follows, of the same user and of
//! another one.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use quilt_proto::wire::AuditEntry;
use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::toolchain::not_run;
use quilt_tests::harness::{Daemon, Run, Users, World, binaries};

use super::{key_at, offer, offered, set};
use crate::api_keys::with_key;
use crate::gateway::files::until;

/// Knocks, and does all that a successor does; prints what it gets. With an
/// argument, somebody else speaks on the connection of a process that runs that
/// program by then.
const POSE: &str = "
import os, socket, sys, time
path, genuine = sys.argv[1], sys.argv[2:]
s = socket.socket(socket.AF_UNIX)
s.connect(path)
if genuine:
    s.set_inheritable(True)
    if os.fork():
        os.execv(genuine[0], genuine)
    end = time.time() + 5
    exe = '/proc/%d/exe' % os.getppid()
s.settimeout(5)
print('connected', flush=True)
line = s.makefile().readline()
print('greeting', line, flush=True)
if line:
    b = socket.socket(socket.AF_UNIX)
    b.connect(os.path.join(os.path.dirname(path), line.split()[1]))
    b.settimeout(5)
    print('got', b.makefile().read(), flush=True)
print('end', flush=True)
";

/// Says that it was loaded.
const LOADED: &str = "
#include <stdio.h>
#include <stdlib.h>
__attribute__((constructor)) static void loaded(void) {
    FILE *f = fopen(getenv(\"LOADED_TO\"), \"w\");
    if (f) fclose(f);
}
";

async fn refused(run: &Run, why: &str, world: &World, key: &str) {
    let said = format!("{}{}", run.stdout, run.stderr);
    assert!(!said.contains(key), "the key was given away: {said}");
    assert!(!said.contains("carried"), "{said}");
    // It is hung up on before it is written down why.
    until(|| world.log().contains(why)).await;
}

/// quiltd as it carries keys.
async fn carry(world: &World, program: &Path, path: &str, variables: &[(&str, &str)]) -> Run {
    let mut command = world.home.command(program);
    command.args(["__carry-keys", path]);
    command.envs(variables.iter().copied()).stdin(Stdio::null());
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    // One that was given them waits for a minute for the daemon that follows.
    let mut line = String::new();
    {
        use tokio::io::{AsyncBufReadExt, BufReader};
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).await.unwrap();
    }
    child.start_kill().ok();
    let mut run: Run = child.wait_with_output().await.unwrap().into();
    run.stdout = line;
    run
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_of_the_same_user_gets_no_keys() {
    let what = "posing as the daemon that follows";
    let Some((world, key, offer)) = offered(what).await else {
        return;
    };
    let path = offer.socket.unwrap();
    let genuine = world.home.program(binaries::quiltd());

    // Any program.
    let run = world.home.python(POSE, &[&path]).await;
    assert!(run.stdout.contains("connected"), "{run:?}");
    refused(&run, "which is not expected", &world, &key).await;

    super::offer(&world).await;
    // The right program at one end, somebody else at the other.
    let run = world
        .home
        .python(
            POSE,
            &[
                &path,
                &genuine.display().to_string(),
                "--socket",
                "/nowhere/s",
            ],
        )
        .await;
    assert!(run.stdout.contains("connected"), "{run:?}");
    refused(&run, "", &world, &key).await;

    super::offer(&world).await;
    // A copy, which its user may have changed.
    let copy = world.home.path().join("quiltd");
    binaries::copy(&genuine, &copy);
    world.home.give(&copy);
    let run = carry(&world, &copy, &path, &[]).await;
    refused(&run, "/quiltd, which is not expected", &world, &key).await;

    // The program itself, with code of somebody else's in it.
    let library = loaded(&world).await;
    let mark = world.home.path().join("mark");
    let variables = [
        ("LD_PRELOAD", library.to_str().unwrap()),
        ("LOADED_TO", mark.to_str().unwrap()),
    ];
    super::offer(&world).await;
    let run = carry(&world, &genuine, &path, &variables).await;
    assert!(mark.exists(), "the control: it was loaded: {run:?}");
    refused(&run, "has code from", &world, &key).await;

    super::offer(&world).await;
    // The program itself, traced.
    let traced = world
        .home
        .command("strace")
        .args(["-f", "-qq", "-e", "trace=none", "-o", "/dev/null"])
        .arg(&genuine)
        .args(["__carry-keys", &path])
        .output()
        .await
        .unwrap();
    let run: Run = traced.into();
    if run.stderr.contains("ptrace") {
        not_run(what, format_args!("nobody may trace here: {}", run.stderr));
    } else {
        refused(&run, "is being traced", &world, &key).await;
    }

    // The control: the program itself is given them, once.
    let offer = super::offer(&world).await;
    assert_eq!(offer.socket.as_deref(), Some(&*path));
    let run = carry(&world, &genuine, &path, &[]).await;
    assert_eq!(run.stdout, "carried\n", "{run:?}");
    let run = carry(&world, &genuine, &path, &[]).await;
    assert_eq!(run.stdout, "", "a second time: {run:?}");
    world.ctl(&["token"]).await.ok();
}

/// Calls itself quiltd, and gives a key as the daemon before does; prints what
/// is said to that.
const GIVER: &str = "
import ctypes, json, os, socket, sys
path, catalog, registry, key = sys.argv[1:]
ctypes.CDLL(None).prctl(15, b'quiltd', 0, 0, 0)
os.umask(0o177)
def listen(name):
    place = os.path.join(os.path.dirname(path), name)
    s = socket.socket(socket.AF_UNIX)
    s.bind(place)
    s.listen(1)
    s.settimeout(60)
    return s, place
first, place = listen('k0.sock')
second, _ = listen('k1.sock')
os.rename(place, path)
visitor, _ = first.accept()
visitor.send(b'quiltd-keys-1 k1.sock\\n')
taker, _ = second.accept()
given = {'catalog': catalog, 'registry': registry, 'key': key}
taker.send(json.dumps({'program': None, 'keys': [given]}).encode())
taker.shutdown(socket.SHUT_WR)
print(taker.recv(64).decode(), flush=True)
";

/// Starts the daemon as soon as keys are offered there.
async fn start_once_there(world: &World, path: &str) -> Run {
    while !Path::new(path).exists() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    world.ctl(&["daemon", "start"]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_poses_as_the_daemon_before_moves_no_registry_and_is_noted() {
    let what = "posing as the daemon before";
    let Some((world, key, offer)) = offered(what).await else {
        return;
    };
    let elsewhere = FakeStack::bind(StackConfig::default()).await.unwrap();
    let path = offer.socket.unwrap();
    world.ctl(&["daemon", "stop"]).await.ok();
    fs::remove_file(&path).ok();
    let (catalog, registry) = (world.stack.catalog_url(), elsewhere.registry_url());
    let arguments = [&*path, catalog, registry, &key];
    let started = start_once_there(&world, &path);
    let (giver, started) = tokio::join!(world.home.python(GIVER, &arguments), started);
    started.ok();
    assert_eq!(giver.ok().trim(), "kept", "the control: it was taken over");
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), key);
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    let asked = elsewhere.control().requests();
    assert!(asked.is_empty(), "{asked:?}");
    let noted = world.ctl(&["audit", "--json"]).await.ok();
    let noted: Vec<AuditEntry> = serde_json::from_str(&noted).unwrap();
    let is_it = |entry: &&AuditEntry| {
        entry.request.as_deref() == Some("from the daemon before")
            && entry.catalog_url.as_deref() == Some(catalog)
            && entry.pid.is_some()
    };
    assert!(noted.iter().any(|entry| is_it(&entry)), "{noted:?}");
    world.ctl(&["daemon", "stop"]).await.ok();
}

/// The same, a byte at a time.
const SLOW_GIVER: &str = "
import ctypes, os, socket, sys, time
ctypes.CDLL(None).prctl(15, b'quiltd', 0, 0, 0)
os.umask(0o177)
first = socket.socket(socket.AF_UNIX)
place = os.path.join(os.path.dirname(sys.argv[1]), 'k0.sock')
first.bind(place)
first.listen(1)
first.settimeout(60)
os.rename(place, sys.argv[1])
visitor, _ = first.accept()
sent = 0
try:
    while True:
        visitor.send(b'q')
        sent += 1
        time.sleep(1)
except OSError:
    print(sent, flush=True)
";

/// Each byte comes well within the time for one, and all of them never.
#[tokio::test(flavor = "multi_thread")]
async fn who_offers_keys_slowly_does_not_hold_the_next_daemon_up() {
    let what = "posing as the daemon before, slowly";
    let Some((world, _, offer)) = offered(what).await else {
        return;
    };
    let path = offer.socket.unwrap();
    world.ctl(&["daemon", "stop"]).await.ok();
    fs::remove_file(&path).ok();
    let started = start_once_there(&world, &path);
    let arguments = [&*path];
    let giver = world.home.python(SLOW_GIVER, &arguments);
    let (giver, started) = tokio::join!(giver, started);
    started.ok();
    let sent: u32 = giver.ok().trim().parse().unwrap();
    assert!((2..20).contains(&sent), "the control: it was met: {sent}");
    world.ctl(&["daemon", "stop"]).await.ok();
}

/// A library, made by the machine's C compiler.
async fn loaded(world: &World) -> PathBuf {
    let source = world.home.path().join("loaded.c");
    fs::write(&source, LOADED).unwrap();
    let library = world.home.path().join("loaded.so");
    let made = tokio::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-o"])
        .args([&library, &source])
        .output()
        .await
        .unwrap();
    let made: Run = made.into();
    made.ok();
    world.home.give(&library);
    library
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_gets_no_keys() {
    let Some(users) = Users::find("posing as another user's next daemon").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    let key = key_at(&world.stack);
    set(&world, world.stack.catalog_url(), &key).await;
    let path = offer(&world).await.socket.unwrap();
    let pose = async || -> Run {
        let mut command = users.b.command("python3", Path::new("/"));
        let output = command.args(["-I", "-c", POSE, &path]).output();
        output.await.unwrap().into()
    };
    // As it is, nobody gets there.
    let run = pose().await;
    assert!(!run.stdout.contains("connected"), "{run:?}");
    // With the way open, it is seen who comes.
    for place in world.home.state().ancestors() {
        if place.starts_with(world.home.path()) {
            fs::set_permissions(place, Permissions::from_mode(0o755)).unwrap();
        }
    }
    fs::set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    let run = pose().await;
    assert!(run.stdout.contains("connected"), "{run:?}");
    refused(&run, "is another user's", &world, &key).await;
}

/// The daemon was started from where others may put another program by now.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_carried_by_no_program_that_others_could_put_there() {
    for (mode, is_run) in [(0o777, false), (0o755, true)] {
        let (mut world, _, _) = with_key().await;
        world.daemon.take().unwrap().stop().await;
        let bin = world.home.path().join("bin");
        let (program, mark) = (bin.join("quiltd"), world.home.path().join("mark"));
        fs::create_dir(&bin).unwrap();
        binaries::copy(binaries::quiltd(), &program);
        world.home.give(&bin);
        let command = world.home.command(&program);
        let args = ["--token-store", "file"];
        world.daemon = Some(Daemon::start_by(command, &world.home, &args).await);
        let key = key_at(&world.stack);
        set(&world, world.stack.catalog_url(), &key).await;
        fs::remove_file(&program).unwrap();
        binaries::script(&program, &format!("#!/bin/sh\n: >'{}'\n", mark.display()));
        fs::set_permissions(&bin, Permissions::from_mode(mode)).unwrap();
        let run = world.ctl(&["daemon", "restart"]).await;
        assert_eq!(mark.exists(), is_run, "{mode:o}: {run:?}");
        let is_told = run.stderr.contains("can be written by");
        assert_eq!(is_told, !is_run, "{run:?}");
        world.ctl(&["daemon", "stop"]).await;
    }
}
