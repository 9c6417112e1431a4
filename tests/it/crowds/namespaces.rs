//! Processes that have no number where they are looked at: `SO_PEERCRED` says
//! 0 of whom is outside one's pid namespace.

use quilt_tests::harness::{Daemon, World, binaries};
use tokio::process::Command;

use super::{Crowd, counted, socket, vends};

/// `program` in a pid namespace of its own.
fn namespaced(world: &World, program: &std::path::Path) -> Command {
    let mut command = world.home.command("unshare");
    command
        .args(["--map-root-user", "--pid", "--fork", "--mount-proc"])
        .arg("--kill-child")
        .arg(program);
    command
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_work_in_a_pid_namespace_of_their_own() {
    let world = World::logged_in().await;
    // The probe works: the daemon cannot be seen from there.
    let mut number = namespaced(&world, "sh".as_ref());
    let number = number.args(["-c", "echo $$"]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&number.stdout), "1\n", "{number:?}");
    for command in [
        &["credential-process"][..],
        &["status", "--json"],
        &["token"],
        &["logged-in"],
        &["whoami"],
    ] {
        let run = namespaced(&world, binaries::quiltctl())
            .env("QUILT_CATALOG", world.stack.catalog_url())
            .arg("--no-autostart")
            .args(command)
            .output()
            .await
            .unwrap();
        assert!(run.status.success(), "{command:?}: {run:?}");
        assert!(!run.stdout.is_empty(), "{command:?}");
    }
}

/// A daemon in a container, its users outside: they are one caller to it.
#[tokio::test(flavor = "multi_thread")]
async fn callers_without_a_number_share_and_are_all_served() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    let command = namespaced(&world, binaries::quiltd());
    let daemon = Daemon::start_by(command, &world.home, &["--token-store", "file"]).await;
    world.daemon = Some(daemon);
    vends(&world, "without a crowd").await;
    let log = world.ctl(&["audit", "--json"]).await.ok();
    let entries: Vec<serde_json::Value> = serde_json::from_str(&log).unwrap();
    let vended = entries
        .iter()
        .rfind(|entry| entry["action"] == "credentials");
    assert!(vended.unwrap()["pid"].is_null(), "it sees no number: {log}");
    for kind in ["silent", "idle", "events", "unread"] {
        let crowd = Crowd::gather(&world, &socket(&world), kind, 700, "many").await;
        assert!(crowd.made >= 600, "{}", crowd.made);
        vends(&world, kind).await;
    }
    assert!(counted(&world, "quiltd_connections_evicted_total").await > 500);
}
