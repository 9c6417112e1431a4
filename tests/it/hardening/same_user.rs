//! Programs of the same user that try to get at the daemon past its socket.

use std::collections::BTreeMap;

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::toolchain::{not_run, say};
use quilt_tests::harness::{Daemon, Home, User, World, binaries};
use tokio::process::Child;

use crate::programs::ready;

/// Tries everything on a process; how each attempt went, as JSON.
const ATTACK: &str = include_str!("attack.py");

/// Something in memory, for the taking. Where Yama (ptrace(2)) restricts
/// tracing to descendants, this process allows everybody.
const OPEN: &str = "
import ctypes, sys
ctypes.CDLL(None).prctl(0x59616d61, ctypes.c_ulong(-1), 0, 0, 0)
kept = 'in plain view: 0123456789abcdef'
print('ready', flush=True)
sys.stdin.read()
";

/// A process like the daemon that forbids nothing; ends when dropped.
async fn unprotected(home: &Home) -> Child {
    ready(home.command("python3").args(["-I", "-c", OPEN])).await
}

/// How every attempt on a process by another of its user went.
async fn attack(home: &Home, pid: u32) -> BTreeMap<String, String> {
    let said = home.python(ATTACK, &[&pid.to_string()]).await.ok();
    serde_json::from_str(&said).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_program_of_the_same_user_gets_into_the_daemon() {
    let what = "attacks by the same user";
    let Some(user) = User::find(what).await else {
        return;
    };
    let world = World::of(&user, StackConfig::default()).await;
    world.login().await;
    let control = unprotected(&world.home).await;
    let open = attack(&world.home, control.id().unwrap()).await;
    let pid = u32::try_from(world.daemon.as_ref().unwrap().pid()).unwrap();
    let tried = attack(&world.home, pid).await;
    let named = [
        "ptrace_attach",
        "ptrace_seize",
        "mem",
        "process_vm_readv",
        "pidfd_getfd",
    ];
    let impossible: Vec<_> = named
        .iter()
        .filter(|name| open[**name] != "gained")
        .collect();
    if !impossible.is_empty() {
        not_run(
            what,
            format_args!("nobody can do this here: {impossible:?}"),
        );
    }
    for (attempt, outcome) in &tried {
        assert_ne!(outcome, "gained", "{attempt}");
        if open[attempt] == "gained" {
            assert_eq!(outcome, "refused", "{attempt}");
        }
    }
    let possible = open.values().filter(|outcome| *outcome == "gained").count();
    assert!(possible > 30, "{open:?}");
    world.ctl(&["token"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_leaves_a_core_of_others_and_none_of_the_daemon() {
    let what = "a look for core files";
    let Some(user) = User::find(what).await else {
        return;
    };
    let home = Home::of(&user);
    // Cores are wanted, as far as the tests may want them.
    let wanted = |program: &str| {
        let mut command = home.command("sh");
        let program = home.program(program);
        command
            .args(["-c", "ulimit -c $(ulimit -H -c); exec \"$@\"", "sh"])
            .arg(program);
        command
    };
    let mut command = wanted("python3");
    let mut control = ready(command.args(["-I", "-c", OPEN])).await;
    let status = end(&mut control).await;
    if !std::os::unix::process::ExitStatusExt::core_dumped(&status) {
        // No program that could be installed would mend it.
        say(format_args!(
            "NOT RUN: {what}: this machine dumps no core of anything"
        ));
        return;
    }
    let command = wanted(binaries::quiltd().to_str().unwrap());
    let daemon = Daemon::start_by(command, &home, &["--token-store", "file"]).await;
    let status = daemon.abort().await;
    let signal = std::os::unix::process::ExitStatusExt::signal(&status);
    assert_eq!(signal, Some(6));
    let dumped = std::os::unix::process::ExitStatusExt::core_dumped(&status);
    assert!(!dumped, "the kernel dumped core");
}

/// Ends a process as a crash does.
async fn end(child: &mut Child) -> std::process::ExitStatus {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::ABORT).unwrap();
    child.wait().await.unwrap()
}
