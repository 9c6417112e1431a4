//! Where descriptors are scarce.

use quilt_tests::harness::{Daemon, World, binaries};

use super::{Crowd, counted, socket, vends};

/// A daemon that may have so many descriptors by itself, and so many if it asks.
async fn restart(world: &mut World, soft: &str, hard: &str) {
    world.daemon.take().unwrap().stop().await;
    let mut command = world.home.command("sh");
    let limited = format!(r#"ulimit -S -n {soft} && ulimit -H -n {hard} && exec "$0" "$@""#);
    command.args(["-c", &limited]).arg(binaries::quiltd());
    let daemon = Daemon::start_by(command, &world.home, &["--token-store", "file"]).await;
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", daemon.pid())).unwrap();
    let files = limits
        .lines()
        .find(|line| line.starts_with("Max open files"));
    let words: Vec<_> = files.unwrap().split_whitespace().collect();
    assert_eq!(words[3..5], [hard, hard], "all that it may");
    world.daemon = Some(daemon);
}

#[tokio::test(flavor = "multi_thread")]
async fn crowds_are_withstood_with_few_descriptors() {
    let mut world = World::logged_in().await;
    restart(&mut world, "64", "64").await;
    vends(&world, "without a crowd").await;
    let open = counted(&world, "quiltd_connections_open{").await;
    assert!(open < 64);
    for kind in ["silent", "half-header", "idle", "events", "unread"] {
        for who in ["one", "many"] {
            let crowd = Crowd::gather(&world, &socket(&world), kind, 200, who).await;
            let context = format!("{kind} from {who}");
            for _ in 0..5 {
                vends(&world, &context).await;
            }
            assert!(crowd.made >= 150, "{context}: {} made", crowd.made);
            // What is not the limiter's still has descriptors.
            world.client().me().await.unwrap();
            world.client().status().await.unwrap();
        }
    }
    assert!(counted(&world, "quiltd_connections_evicted_total").await > 500);
    assert!(
        !world.log().contains("cannot accept connections"),
        "{}",
        world.log()
    );
}

/// The kernel has the table grow by doubling, and each time a program with
/// threads waits for all processors: by then it is as large as a crowd needs.
#[tokio::test(flavor = "multi_thread")]
async fn the_table_of_descriptors_has_grown_before_there_is_a_crowd() {
    fn size(pid: impl std::fmt::Display) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
        line.unwrap().trim().parse().unwrap()
    }
    let mut world = World::logged_in().await;
    let pid = world.daemon.as_ref().unwrap().pid();
    assert!(size(pid) >= 16 * 1024, "{}", size(pid));
    assert!(size("self") < 16 * 1024, "nobody else needs it");
    restart(&mut world, "48", "256").await;
    let pid = world.daemon.as_ref().unwrap().pid();
    // What it got from the program that started it is no larger.
    assert!(size(pid) < 16 * 1024, "as far as the limit goes");
}
