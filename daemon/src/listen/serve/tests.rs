use std::collections::VecDeque;
use std::time::Duration;

use axum::extract::{Extension, Path};
use axum::routing::{get, post};
use bytes::Bytes;
use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use rustix::io::Errno;

mod slots;

/// Connections out of a channel, after a row of accept errors.
struct Channel {
    errors: VecDeque<io::Error>,
    arrivals: mpsc::Receiver<DuplexStream>,
}

#[derive(Clone)]
struct Tester(&'static str);

impl Caller for Tester {
    fn origin(&self) -> Origin {
        Origin::Unknown
    }
}

impl Stream for DuplexStream {
    fn has_unread(&self) -> bool {
        false
    }

    fn is_open(&self) -> bool {
        true
    }
}

impl Listener for Channel {
    type Io = DuplexStream;
    type Caller = Tester;

    async fn accept(&mut self) -> io::Result<(DuplexStream, Tester)> {
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        match self.arrivals.recv().await {
            Some(io) => Ok((io, Tester("tester"))),
            None => std::future::pending().await,
        }
    }
}

struct Bench {
    door: mpsc::Sender<DuplexStream>,
    shutdown: CancellationToken,
    served: JoinHandle<usize>,
}

impl Bench {
    fn new(limits: Limits) -> Self {
        Self::after(limits, VecDeque::new())
    }

    fn after(limits: Limits, errors: VecDeque<io::Error>) -> Self {
        let (door, arrivals) = mpsc::channel(8);
        let shutdown = CancellationToken::new();
        let listener = Channel { errors, arrivals };
        let served = serve(
            listener,
            ConnectionMeter::default(),
            router(),
            limits,
            ErrorResponders::problems(),
            shutdown.clone(),
        );
        let served = tokio::spawn(served);
        Self {
            door,
            shutdown,
            served,
        }
    }

    async fn connect(&self) -> DuplexStream {
        let (client, server) = duplex(64 * 1024);
        self.door.send(server).await.unwrap();
        client
    }

    /// Sends `request` on a connection of its own and reads to the end.
    async fn ask(&self, request: &str) -> String {
        let mut client = self.connect().await;
        // The server may hang up before it has read everything.
        let _ = client.write_all(request.as_bytes()).await;
        rest(&mut client).await
    }
}

async fn rest(client: &mut DuplexStream) -> String {
    let mut answer = Vec::new();
    let _ = client.read_to_end(&mut answer).await;
    String::from_utf8(answer).unwrap()
}

fn router() -> Router {
    let slow_stream = || async {
        let parts = futures_util::stream::unfold(0, |n| async move {
            tokio::time::sleep(Duration::from_mins(1)).await;
            (n < 3).then(|| {
                (
                    Ok::<_, Infallible>(Bytes::from(format!("part {n}\n"))),
                    n + 1,
                )
            })
        });
        Body::from_stream(parts)
    };
    Router::new()
        .route("/", get(|Extension(Tester(name))| async move { name }))
        .route(
            "/size",
            post(|body: Bytes| async move { body.len().to_string() }),
        )
        .route("/authenticated", get(authenticated))
        .route("/large", get(async || "x".repeat(128 * 1024) + "tester"))
        .route("/counted", get(counted))
        .route("/noted/{who}", get(noted))
        .route("/events", get(events))
        .route("/never", get(std::future::pending::<()>))
        .route("/stream", get(slow_stream))
}

/// How often a large answer was made.
static MADE: AtomicUsize = AtomicUsize::new(0);

async fn counted() -> String {
    MADE.fetch_add(1, Ordering::Relaxed);
    "x".repeat(64 * 1024)
}

/// Who was answered, in that order.
static ANSWERED: Mutex<Vec<String>> = Mutex::new(Vec::new());

async fn noted(Path(who): Path<String>) {
    ANSWERED.lock().push(who);
}

async fn events(Extension(slot): Extension<ConnectionSlot>) -> Body {
    match slot.stream() {
        Ok(()) => {
            let first = futures_util::stream::iter([Ok::<_, Infallible>("tester")]);
            let rest = futures_util::stream::pending();
            Body::from_stream(futures_util::StreamExt::chain(first, rest))
        }
        refused @ Err(_) => Body::from(format!("{refused:?}")),
    }
}

async fn authenticated(Extension(slot): Extension<ConnectionSlot>) -> &'static str {
    slot.authenticated("grant");
    "tester"
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
}

fn post_request(size: usize) -> String {
    let head = "POST /size HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n";
    format!("{head}content-length: {size}\r\n\r\n{}", "x".repeat(size))
}

#[tokio::test(start_paused = true)]
async fn hands_the_caller_to_the_handler() {
    let bench = Bench::new(Limits::default());
    let answer = bench.ask(&get_request("/")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.ends_with("tester"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn a_header_must_arrive_in_time() {
    let bench = Bench::new(Limits::default());
    let start = Instant::now();
    let mut client = bench.connect().await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: loc")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        start.elapsed().as_secs(),
        Limits::default().first_header_time.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn a_trickle_does_not_prolong_the_header() {
    let bench = Bench::new(Limits::default());
    let start = Instant::now();
    let mut client = bench.connect().await;
    while client.write_all(b"G").await.is_ok() {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    assert!(start.elapsed() < Limits::default().first_header_time * 2);
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_is_closed() {
    let bench = Bench::new(Limits::default());
    let start = Instant::now();
    let mut client = bench.connect().await;
    client
        .write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(
        start.elapsed().as_secs(),
        Limits::default().header_time.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn headers_are_bounded_in_size_and_number() {
    let bench = Bench::new(Limits::default());
    let long = format!(
        "GET / HTTP/1.1\r\nhost: localhost\r\nx: {}\r\n\r\n",
        "x".repeat(40_000)
    );
    let answer = bench.ask(&long).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65));
    let answer = bench.ask(&many).await;
    assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_told_as_a_problem() {
    let bench = Bench::new(Limits::default());
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(65));
    let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(65_536));
    for (status, request) in [(431, &*many), (414, &*long), (400, "not HTTP\r\n\r\n")] {
        let bench = if status == 414 {
            let header_bytes = 128 * 1024;
            &Bench::new(Limits {
                header_bytes,
                ..Limits::default()
            })
        } else {
            &bench
        };
        let answer = bench.ask(request).await;
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{head}");
        for line in [
            "content-type: application/problem+json",
            "connection: close",
            &format!("content-length: {}", body.len()),
        ] {
            assert_eq!(head.matches(line).count(), 1, "{line} in {head}");
        }
        assert_eq!(head.matches("content-length").count(), 1, "{head}");
        let problem: Problem = serde_json::from_str(body).unwrap();
        assert_eq!(
            (problem.status, problem.code),
            (status, ErrorCode::InvalidInput)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn bodies_are_bounded() {
    let bench = Bench::new(Limits {
        body_bytes: 1000,
        ..Limits::default()
    });
    let answer = bench.ask(&post_request(1000)).await;
    assert!(answer.ends_with("1000"), "{answer}");
    let answer = bench.ask(&post_request(1001)).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
    assert!(answer.contains(r#""code":"invalid_input""#), "{answer}");

    let head = "POST /size HTTP/1.1\r\nhost: localhost\r\ntransfer-encoding: chunked\r\n";
    let chunk = format!("258\r\n{}\r\n", "x".repeat(0x258));
    let chunked = format!("{head}connection: close\r\n\r\n{chunk}{chunk}0\r\n\r\n");
    let answer = bench.ask(&chunked).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_must_begin_in_time() {
    let bench = Bench::new(Limits::default());
    let start = Instant::now();
    let answer = bench.ask(&get_request("/never")).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
    assert!(answer.contains("application/problem+json"), "{answer}");
    assert_eq!(
        start.elapsed().as_secs(),
        Limits::default().request_time.as_secs()
    );
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_given_up() {
    let bench = Bench::new(Limits::default());
    let mut client = bench.connect().await;
    let request = post_request(100);
    client
        .write_all(&request.as_bytes()[..request.len() - 1])
        .await
        .unwrap();
    let answer = rest(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 504"), "{answer}");
}

#[tokio::test(start_paused = true)]
async fn an_answer_may_stream_beyond_every_time_limit() {
    let bench = Bench::new(Limits::default());
    let start = Instant::now();
    let answer = bench.ask(&get_request("/stream")).await;
    assert!(answer.contains("part 2"), "{answer}");
    assert!(start.elapsed() > Limits::default().request_time);
}

/// Asks for `path` and leaves the connection open after the answer.
async fn ask_and_stay(bench: &Bench, path: &str) -> DuplexStream {
    let mut client = bench.connect().await;
    let request = format!("GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n");
    client.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"tester") {
        answer.push(client.read_u8().await.unwrap());
    }
    client
}

#[tokio::test(start_paused = true)]
async fn accept_errors_slow_down_and_pass() {
    let full = || io::Error::from(Errno::MFILE);
    let gone = io::Error::from(Errno::CONNABORTED);
    let bench = Bench::after(Limits::default(), VecDeque::from([gone, full(), full()]));
    let start = Instant::now();
    let answer = bench.ask(&get_request("/")).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(start.elapsed().as_millis() / 10, 3);
}

#[tokio::test(start_paused = true)]
async fn shutdown_lets_requests_end_and_closes_idle_connections() {
    let bench = Bench::new(Limits {
        drain_time: Duration::from_mins(5),
        ..Limits::default()
    });
    let mut idle = bench.connect().await;
    let mut busy = bench.connect().await;
    busy.write_all(get_request("/stream").as_bytes())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.shutdown.cancel();
    assert_eq!(rest(&mut idle).await, "");
    assert!(rest(&mut busy).await.contains("part 2"));
    assert_eq!(bench.served.await.unwrap(), 0);
}

#[tokio::test(start_paused = true)]
async fn shutdown_cuts_off_what_outlasts_the_drain() {
    let bench = Bench::new(Limits::default());
    let mut busy = bench.connect().await;
    busy.write_all(get_request("/never").as_bytes())
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    bench.shutdown.cancel();
    assert_eq!(bench.served.await.unwrap(), 1);
    assert_eq!(rest(&mut busy).await, "");
}
