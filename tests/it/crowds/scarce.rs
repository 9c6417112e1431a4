//! Where descriptors are scarce.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quilt_proto::Secret;
use quilt_proto::api::{Login, ReadSession, SessionQuery};
use quilt_proto::wire::LoginCode;
use quilt_tests::harness::{Daemon, World, binaries};
use serde_json::json;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;

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

/// Any host may be named as a catalog: what was asked there leaves nothing open,
/// and logins that wait for a browser make way for each other.
#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_anybody_may_name_take_no_descriptors() {
    let mut world = World::logged_in().await;
    restart(&mut world, "64", "64").await;
    vends(&world, "before").await;
    let descriptors = || {
        let pid = world.daemon.as_ref().unwrap().pid();
        let open = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
        open.count()
    };
    let before = descriptors();
    let (port, asked) = patient_catalog().await;
    for host in 1..100 {
        let catalog = format!("http://127.0.1.{host}:{port}").parse().unwrap();
        let query = SessionQuery {
            login_url: true,
            ..SessionQuery::default()
        };
        let client = world.client().with_catalog(&catalog);
        client.send(&ReadSession(query)).await.unwrap();
    }
    assert!(asked.load(Ordering::SeqCst) >= 99);
    let before_logins = asked.load(Ordering::SeqCst);
    for host in 1..50 {
        let catalog = format!("http://127.0.2.{host}:{port}").parse().unwrap();
        let code = LoginCode {
            code: Secret::new("code"),
            accept_registry: None,
            page_registry: None,
        };
        // What is answered there is no login, but it is asked.
        let client = world.client().with_catalog(&catalog);
        client.send(&Login(code)).await.unwrap_err();
    }
    let asked = asked.load(Ordering::SeqCst) - before_logins;
    assert!(asked >= 49, "{asked} asked");
    vends(&world, "after").await;
    let after = descriptors();
    assert!(after < before + 8, "{before} before, {after} after");
}

/// A catalog on every loopback address, which hangs up on nobody: its port, and
/// how often it was asked.
async fn patient_catalog() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let counted = Arc::clone(&counted);
            // Whoever is named is the registry, too.
            let here = format!("http://{}", stream.local_addr().unwrap());
            let body = json!({ "registryUrl": here, "region": "eu-west-1" }).to_string();
            let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length:";
            let answer = format!("{head} {}\r\n\r\n{body}", body.len());
            tokio::spawn(async move {
                let mut stream = BufReader::new(stream);
                let (mut line, mut length) = (String::new(), 0);
                while stream.read_line(&mut line).await.is_ok_and(|read| read > 0) {
                    let given = line.to_ascii_lowercase();
                    if let Some(given) = given.strip_prefix("content-length:") {
                        length = given.trim().parse().unwrap();
                    }
                    if line == "\r\n" {
                        stream.read_exact(&mut vec![0; length]).await.unwrap();
                        counted.fetch_add(1, Ordering::SeqCst);
                        stream.write_all(answer.as_bytes()).await.unwrap();
                        length = 0;
                    }
                    line.clear();
                }
            });
        }
    });
    (port, asked)
}
