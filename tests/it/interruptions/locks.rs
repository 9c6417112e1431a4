//! Locks that somebody else holds and does not let go.

use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Daemon, World, binaries};
use rustix::process::{Pid, Signal, kill_process};

use super::{hold, in_time, locks};
use crate::sessions::second_daemon;

/// A world in which every lock was taken once.
async fn used() -> World {
    let world = World::logged_in().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    world
}

/// Does everything while the lock whose name begins so is held.
async fn with_held(kind: &str) {
    let mut world = used().await;
    world.stack.control().outdate_access_tokens();
    let names = locks(&world);
    let found = names.iter().find(|name| name.starts_with(kind));
    let name = found.expect(kind).as_str();
    let held = hold(&world, name);
    let code = world.stack.control().login_code("alice").unwrap();
    let configure = ["config", world.stack.catalog_url()];
    // All at once, so that what may wait waits together.
    let all = async {
        tokio::join!(
            world.ctl(&["whoami"]),
            world.ctl(&["credential-process"]),
            world.ctl(&["setup", "quilt3", "--without-api-keys"]),
            world.ctl(&["grants", "list"]),
            world.ctl(&["exec", "--", "true"]),
            world.ctl_with_input(&["login", "--code-stdin"], &code),
            world.ctl_with_input(&["login", "--api-key"], "qk_abcdefghijklmnop"),
            world.ctl(&configure),
        )
    };
    let asking = in_time(name, all);
    let looking = async {
        for _ in 0..20 {
            in_time(name, world.ctl(&["status"])).await.ok();
            in_time(name, world.client().health()).await.unwrap();
        }
    };
    tokio::join!(asking, looking);
    let daemon = world.daemon.take().unwrap();
    assert!(in_time(name, daemon.stop()).await.success(), "{name}");
    drop(held);
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.ctl(&["whoami"]).await.ok();
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    world.ctl(&["logout"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_lock_that_others_hold_hangs_anything_for_good() {
    tokio::join!(
        with_held("grants."),
        with_held("sessions."),
        with_held("catalogs."),
        with_held("rotation-"),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_waits_for_a_lock_has_ended_the_login_already() {
    let world = used().await;
    world.ctl(&["token"]).await.ok();
    let names = locks(&world);
    let name = names.iter().find(|name| name.starts_with("sessions."));
    let held = hold(&world, name.unwrap());
    let mut logout = world.ctl_command(&["logout"]);
    let mut leaving = logout.kill_on_drop(true).spawn().unwrap();
    in_time("the end of the login", async {
        while world.ctl(&["token"]).await.code != 3 {}
    })
    .await;
    assert!(leaving.try_wait().unwrap().is_none(), "it waits");
    drop(held);
    assert!(in_time("the lock", leaving.wait()).await.unwrap().success());
    world.ctl(&["logged-in"]).await.code_is(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_that_cannot_start_yet_can_be_stopped() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    let held = hold(&world, "sessions.lock");
    let mut command = world.home.command(binaries::quiltd());
    let mut child = command
        .args(["--token-store", "file", "--log", "info"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    // Its signals are watched for before it looks for its logins.
    let caught = || {
        let status = format!("/proc/{}/status", pid.as_raw_nonzero());
        let status = std::fs::read_to_string(status).unwrap();
        let mut lines = status.lines();
        let mask = lines.find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
        let mask = u64::from_str_radix(mask.trim(), 16).unwrap();
        mask & (1 << (Signal::TERM.as_raw() - 1)) != 0
    };
    in_time("signals", async {
        while !caught() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    kill_process(pid, Signal::TERM).unwrap();
    let output = in_time("an end", child.wait()).await.unwrap();
    let mut stderr = String::new();
    let mut pipe = child.stderr.take().unwrap();
    tokio::io::AsyncReadExt::read_to_string(&mut pipe, &mut stderr)
        .await
        .unwrap();
    assert!(output.success(), "{stderr}");
    assert!(stderr.contains("SIGTERM"), "{stderr}");
    assert!(!stderr.contains("does not let go"), "{stderr}");
    drop(held);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_daemon_that_holds_the_lock_is_named_and_not_the_stack() {
    let world = World::logged_in().await;
    let (second, socket) = second_daemon(&world).await;
    let control = world.stack.control();
    control.outdate_access_tokens();
    control.reset_counts();
    let held = control.plant(Endpoint::Token, Fault::always(FaultKind::Hold));
    let mut there = world.ctl_command(&["whoami", "--socket", &socket]);
    let asking = tokio::spawn(async move { there.output().await });
    control
        .wait_for_counts(|now| now.calls(Endpoint::Token) == 1)
        .await;
    let pid = Pid::from_raw(second.pid()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    for args in [&["whoami"][..], &["credential-process"]] {
        let run = world.ctl(args).await;
        assert_eq!(run.stdout, "", "{run:?}");
        assert!(
            run.stderr
                .contains(&format!("process {} holds", second.pid()))
                && run.stderr.contains("rotation-")
                && !run.stderr.contains("takes too long"),
            "{run:?}"
        );
    }
    kill_process(pid, Signal::CONT).unwrap();
    control.clear_fault(held);
    asking.await.unwrap().unwrap();
    world.ctl(&["whoami"]).await.ok();
    // A stack that is slow is still said to be.
    control.outdate_access_tokens();
    control.plant(Endpoint::Token, Fault::always(FaultKind::Hold));
    let run = world.ctl(&["whoami"]).await;
    assert!(run.stderr.contains("takes too long"), "{run:?}");
    control.clear_faults();
}
