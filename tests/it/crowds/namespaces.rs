//! Processes that have no number where they are looked at: `SO_PEERCRED` says
//! 0 of whom is outside one's pid namespace.

use quilt_tests::harness::{Daemon, Run, World, binaries};
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

/// In a network of its own the daemon's loopback is not there: a program that
/// could get nothing does not start, and by the socket all is well.
#[tokio::test(flavor = "multi_thread")]
async fn in_a_network_of_its_own_exec_says_so_before_the_program_starts() {
    let world = World::logged_in().await;
    let alone = async |args: &[&str]| -> Run {
        let mut command = world.home.command("unshare");
        command.args(["--map-root-user", "--net"]);
        command.arg(binaries::quiltctl()).arg("--no-autostart");
        command.env("QUILT_CATALOG", world.stack.catalog_url());
        command.args(args).output().await.unwrap().into()
    };
    let line = alone(&["exec", "--", "echo", "started"]).await.failed(4);
    assert!(line.contains("a network of its own"), "{line}");
    assert!(line.ends_with("; run: quiltctl exec --help"), "{line}");
    let help = alone(&["exec", "--help"]).await.ok();
    assert!(help.contains("exec --socket-only"), "{help}");
    let started = alone(&["exec", "--socket-only", "--", "echo", "started"]).await;
    assert_eq!(started.ok(), "started\n");
    alone(&["credential-process"]).await.ok();
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
