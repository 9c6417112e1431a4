//! Crowds on the control socket: whoever asks is answered while they are there.

mod bodies;
mod exec;
mod namespaces;
mod scarce;

use std::process::Stdio;
use std::time::Duration;

use quilt_proto::ProfileName;
use quilt_proto::api::ReadCredentials;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout};

/// More than there are slots.
const MANY: usize = 700;

/// How long the daemon lets somebody be silent who has just connected.
const SILENCE: Duration = Duration::from_secs(5);

/// What crowds do.
const KINDS: &[&str] = &[
    "silent",
    "half-header",
    "large-header",
    "trickle",
    "half-body",
    "half-closed",
    "idle",
    "events",
    "pipelined",
    "asking",
    "unread",
];

/// Programs that connect and stay. They end with this value.
struct Crowd {
    _child: Child,
    stdin: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
    /// How many connections they made.
    made: usize,
}

impl Crowd {
    /// Returns once all have connected and done what they do.
    async fn gather(world: &World, place: &str, kind: &str, count: usize, who: &str) -> Self {
        Self::gather_with(world, place, kind, count, who, &[]).await
    }

    async fn gather_with(
        world: &World,
        place: &str,
        kind: &str,
        count: usize,
        who: &str,
        headers: &[&str],
    ) -> Self {
        let script = world.home.path().join("crowd.py");
        std::fs::write(&script, include_str!("crowd.py")).unwrap();
        let mut child = world
            .home
            .command("python3")
            .env("QUILT_CATALOG", world.stack.catalog_url())
            .arg(&script)
            .args([place, kind, &count.to_string(), who])
            .args(headers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        let made = said.next_line().await.unwrap().expect("a crowd");
        Self {
            stdin: child.stdin.take().unwrap(),
            _child: child,
            said,
            made: made.parse().unwrap(),
        }
    }

    /// How many of one process's connections are open, as it sees them.
    async fn open(&mut self) -> usize {
        self.stdin.write_all(b"?\n").await.unwrap();
        let open = self.said.next_line().await.unwrap().unwrap();
        open.parse().unwrap()
    }
}

/// What the daemon counts under a name that begins like this.
async fn counted(world: &World, name: &str) -> usize {
    let answer = world.ask("GET", "/metrics", "*/*", None).await;
    assert_eq!(answer.status, 200);
    let text = answer.text();
    let lines = text.lines().filter(|line| line.starts_with(name));
    lines
        .filter_map(|line| line.rsplit(' ').next()?.parse::<usize>().ok())
        .sum()
}

fn socket(world: &World) -> String {
    world.home.socket().display().to_string()
}

/// AWS credentials by every way there is to the socket, each within what
/// `credential_process` may take.
async fn vends(world: &World, context: &str) {
    let document = world.ctl(&["credential-process"]).await;
    assert!(
        document.stdout.contains("SecretAccessKey"),
        "{context}: {document:?}"
    );
    assert_eq!(document.code, 0, "{context}");
    let profile = ProfileName::default_profile();
    let within = world.client().with_timeout(Duration::from_secs(4));
    let vended = within.credentials(&profile).await;
    assert!(vended.is_ok(), "{context}: {vended:?}");
    let catalog = world.stack.catalog_url().to_owned();
    let blocking = quilt_client::blocking::Client::new(world.home.socket())
        .with_catalog(catalog)
        .with_timeout(Duration::from_secs(4));
    let vended =
        tokio::task::spawn_blocking(move || blocking.send(&ReadCredentials(profile.into())));
    let vended = vended.await.unwrap();
    assert!(vended.is_ok(), "{context}: {vended:?}");
}

async fn is_withstood(kind: &str, who: &str) {
    let context = &format!("{kind} from {who}");
    let world = World::logged_in().await;
    vends(&world, "without a crowd").await;
    let begun = std::time::Instant::now();
    let mut crowd = Crowd::gather(&world, &socket(&world), kind, MANY, who).await;
    vends(&world, context).await;
    // On a busy machine the first have been silent for too long before the last
    // are there, and go by themselves.
    let are_all_there = begun.elapsed() < SILENCE;
    // The probe works: all of them were there, more than there is room for.
    assert!(
        crowd.made >= MANY * 9 / 10,
        "{context}: {} made",
        crowd.made
    );
    // Who goes on asking keeps its slot: others of its program wait.
    let keeps_asking = matches!(kind, "pipelined" | "asking" | "unread");
    let least = if keeps_asking { 400 } else { MANY * 8 / 10 };
    let makes_way = kind != "half-closed" && !keeps_asking && are_all_there;
    let least_evicted = if makes_way { MANY / 10 } else { 0 };
    // Those that wait come in after those who are served, a crowd's bit by bit.
    let total = r#"quiltd_connections_accepted_total{listener="control""#;
    let end = std::time::Instant::now() + Duration::from_mins(1);
    loop {
        let accepted = counted(&world, total).await;
        let evicted = counted(&world, "quiltd_connections_evicted_total").await;
        if accepted > least && evicted >= least_evicted {
            break;
        }
        assert!(
            std::time::Instant::now() < end,
            "{context}: {accepted} accepted, {evicted} evicted"
        );
    }
    let open = counted(&world, r#"quiltd_connections_open{listener="control""#).await;
    assert!(open <= 512 + 64, "{context}: {open} open");
    if makes_way {
        assert!(open >= 400, "{context}: {open} open");
        if who == "one" {
            // Who is hung up on sees it a while later.
            let mut seen = crowd.open().await;
            while seen > 512 + 64 && std::time::Instant::now() < end {
                seen = crowd.open().await;
            }
            assert!((400..=512 + 64).contains(&seen), "{context}: {seen} seen");
        }
    }
    for _ in 0..5 {
        vends(&world, context).await;
    }
    drop(crowd);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_crowd_of_one_process_keeps_a_vend_waiting() {
    for kind in KINDS {
        is_withstood(kind, "one").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_crowd_of_many_processes_keeps_a_vend_waiting() {
    // Many programs that ask are no crowd: each has its turn.
    for kind in KINDS.iter().filter(|kind| **kind != "asking") {
        is_withstood(kind, "many").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_take_long_keep_nobody_waiting() {
    let world = World::logged_in().await;
    vends(&world, "without a crowd").await;
    let hang = Fault::always(FaultKind::Hang);
    world.stack.control().plant(Endpoint::Graphql, hang);
    for (who, reason) in [("one", "excess"), ("many", "late")] {
        let crowd = Crowd::gather(&world, &socket(&world), "slow", MANY, who).await;
        assert_eq!(crowd.made, MANY);
        // On a quick machine some are answered before anybody is late.
        let turned_away =
            format!(r#"quiltd_connections_evicted_total{{listener="control",reason="{reason}""#);
        let end = std::time::Instant::now() + Duration::from_mins(1);
        let mut asked = 0;
        while asked < 5 || counted(&world, &turned_away).await == 0 {
            vends(&world, "slow requests").await;
            asked += 1;
            assert!(
                std::time::Instant::now() < end,
                "{who}: nobody was {reason}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_of_events_have_a_quota_and_watch_still_works() {
    let world = World::logged_in().await;
    let _crowd = Crowd::gather(&world, &socket(&world), "events", MANY, "one").await;
    let mut watch = world.ctl_command(&["watch", "--json"]);
    let mut watch = watch.stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(watch.stdout.take().unwrap()).lines();
    let first = lines.next_line().await.unwrap().expect("a first status");
    assert!(first.contains("\"catalogs\""), "{first}");
    watch.kill().await.unwrap();
    // This process has a share of its own.
    let mut streams = Vec::new();
    let refused = loop {
        let mut stream = Stream::ask(&world).await;
        match stream.status().await {
            200 => streams.push(stream),
            429 => break stream,
            status => panic!("{status}"),
        }
        assert!(streams.len() < 100, "there is no quota");
    };
    assert!(streams.len() >= 2, "{}", streams.len());
    let head = refused.head.to_ascii_lowercase();
    assert!(head.contains("\r\nretry-after: "), "{head}");
    assert!(head.contains("application/problem+json"), "{head}");
    // And gets it back.
    streams.clear();
    let mut again = Stream::ask(&world).await;
    while again.status().await != 200 {
        again = Stream::ask(&world).await;
    }
}

/// A stream of events, or what is said in its place.
struct Stream {
    socket: tokio::net::UnixStream,
    head: String,
}

impl Stream {
    async fn ask(world: &World) -> Self {
        let mut socket = tokio::net::UnixStream::connect(world.home.socket())
            .await
            .unwrap();
        let request = b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
        socket.write_all(request).await.unwrap();
        Self {
            socket,
            head: String::new(),
        }
    }

    async fn status(&mut self) -> u16 {
        use tokio::io::AsyncReadExt;
        while !self.head.contains("\r\n\r\n") {
            let byte = self.socket.read_u8().await.unwrap();
            self.head.push(char::from(byte));
        }
        self.head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

/// Crowds that are gone leave nothing behind.
#[tokio::test(flavor = "multi_thread")]
async fn slots_come_back() {
    let world = World::logged_in().await;
    for kind in ["idle", "events", "unread"] {
        let crowd = Crowd::gather(&world, &socket(&world), kind, MANY, "one").await;
        drop(crowd);
        while counted(&world, "quiltd_connections_open{").await > 1 {
            tokio::task::yield_now().await;
        }
    }
    vends(&world, "after all").await;
}
