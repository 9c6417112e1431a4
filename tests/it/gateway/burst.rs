//! Large requests, many at once: what they cost the daemon, and that it comes
//! back.

use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use quilt_tests::fake_stack::{KeySeed, StackConfig};
use quilt_tests::harness::World;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout};
use tokio::task::JoinSet;

use super::files::until;
use super::{grant, set_up, status, with_grant};

const MIB: u64 = 1024;
const LARGE: usize = 15 * 1024 * 1024;

/// One that needs no room of its own.
const SMALL: usize = 60 * 1024;

/// What the daemon may grow by: the room for large bodies, twice that of small
/// ones, and the connections' buffers.
const GROWTH: u64 = 64 * MIB;

/// What it may keep afterwards.
const KEPT: u64 = 8 * MIB;

/// How a body is sent.
#[derive(Clone, Copy, Debug)]
enum Form {
    /// With its length.
    Whole,
    /// In chunks of this many bytes.
    Chunks(usize),
}

/// Sends a body until it is taken: one that is told to come
/// again does so.
async fn send(authority: String, lines: String, form: Form, body: Arc<Vec<u8>>) {
    loop {
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        let length = match form {
            Form::Whole => format!("Content-Length: {}", body.len()),
            Form::Chunks(_) => "Transfer-Encoding: chunked".to_owned(),
        };
        let head = format!(
            "POST /api/package_name_valid HTTP/1.1\r\n{lines}{length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        // It may be told to come again before all is sent.
        let _ = match form {
            Form::Whole => stream.write_all(&body).await,
            Form::Chunks(size) => in_chunks(&mut stream, &body, size).await,
        };
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        if !answer.is_empty() && status(&answer) == 404 {
            let all = format!("\"bytes\":{}", body.len());
            assert!(answer.contains(&all), "{answer}");
            return;
        }
        if !answer.is_empty() {
            assert_eq!(status(&answer), 503, "{answer}");
            assert!(answer.contains("retry-after: "), "{answer}");
            assert!(answer.contains("\"message\""), "{answer}");
        }
    }
}

async fn in_chunks(stream: &mut TcpStream, body: &[u8], size: usize) -> std::io::Result<()> {
    let mut wire = Vec::with_capacity(body.len() * 2);
    for chunk in body.chunks(size) {
        wire.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        wire.extend_from_slice(chunk);
        wire.extend_from_slice(b"\r\n");
    }
    wire.extend_from_slice(b"0\r\n\r\n");
    stream.write_all(&wire).await
}

async fn burst(world: &World, form: Form, size: usize, times: usize) {
    let (authority, token) = grant(world);
    let lines = with_grant(&authority, &token).join("\r\n") + "\r\n";
    let body = Arc::new(vec![b'x'; size]);
    let mut sending = JoinSet::new();
    for _ in 0..times {
        sending.spawn(send(
            authority.clone(),
            lines.clone(),
            form,
            Arc::clone(&body),
        ));
    }
    while let Some(sent) = sending.join_next().await {
        sent.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_bodies_is_bounded_in_sum_and_its_memory_comes_back() {
    for (form, size, times) in [
        (Form::Whole, LARGE, 40),
        (Form::Chunks(1000), LARGE, 10),
        (Form::Chunks(10), SMALL, 200),
    ] {
        let world = set_up(StackConfig::default()).await;
        let daemon = world.daemon.as_ref().unwrap();
        let before = daemon.resident_kib();
        burst(&world, form, size, times).await;
        let peak = daemon.peak_kib();
        let back = || daemon.resident_kib() <= before + KEPT;
        println!(
            "{form:?}: {before} KiB, at most {peak} KiB, then {} KiB",
            daemon.resident_kib()
        );
        assert!(
            peak <= before + GROWTH,
            "{form:?}: {before} KiB, then {peak} KiB"
        );
        until(back).await;
        println!("{form:?}: {} KiB in the end", daemon.resident_kib());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_request_does_not_wait_behind_large_ones() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let lines = with_grant(&authority, &token).join("\r\n");
    // Announced, and never sent: the room is theirs for a while.
    let mut waiting = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        let head = format!(
            "POST /api/package_name_valid HTTP/1.1\r\n{lines}\r\nContent-Length: {}\r\n\r\n",
            16 << 20
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b'x'; 1000]).await.unwrap();
        waiting.push(stream);
    }
    // Any of them: the grant's other requests are answered at once.
    let lines = with_grant(&authority, &token);
    let headers: Vec<&str> = lines.iter().map(String::as_str).collect();
    let query = "{\"query\": \"{ me { name } }\"}";
    for _ in 0..3 {
        let asked = super::raw(&authority, "POST /graphql", &headers, query);
        let answered = tokio::time::timeout(Duration::from_secs(15), asked).await;
        assert_eq!(answered.unwrap().0, 200);
    }
    drop(waiting);
}

/// Announces a large body on many connections, sends so much of it, and what
/// comes after that byte by byte. Told how many seconds to wait, it says what was
/// answered: `none` for nothing yet, `gone` where the answer went with the
/// connection, because more was sent.
const DRIP: &str = "
import select, socket, sys
port, token, count, announced, sent = int(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:])
head = (f'POST /api/package_name_valid HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n'
        f'Authorization: Bearer {token}\\r\\nContent-Type: application/json\\r\\n'
        f'Content-Length: {announced}\\r\\n\\r\\n').encode()
open_ones = []
for _ in range(count):
    connection = socket.create_connection(('127.0.0.1', port))
    connection.settimeout(10)
    try:
        connection.sendall(head + b'x' * sent)
    except OSError:
        # It is not read, or was answered already.
        pass
    open_ones.append(connection)
print('dripping', flush=True)
while not select.select([sys.stdin], [], [], 0.3)[0]:
    for connection in open_ones:
        connection.settimeout(0)
        try:
            connection.send(b'x')
        except OSError:
            pass
statuses, wait = [], int(sys.stdin.readline())
for connection in open_ones:
    connection.settimeout(wait)
    try:
        statuses.append(connection.recv(100).split()[1].decode())
    except (BlockingIOError, TimeoutError):
        statuses.append('none')
    except (OSError, IndexError):
        statuses.append('gone')
print(' '.join(statuses), flush=True)
";

/// A program that holds on to bodies of its own.
struct Dripping {
    _child: Child,
    stdin: ChildStdin,
    said: Lines<BufReader<ChildStdout>>,
}

impl Dripping {
    async fn begin(
        world: &World,
        token: &str,
        count: usize,
        announced: usize,
        sent: usize,
    ) -> Self {
        let (authority, _) = grant(world);
        let (_, port) = authority.rsplit_once(':').unwrap();
        let numbers = [count, announced, sent].map(|number| number.to_string());
        let mut child = world
            .home
            .command("python3")
            .args(["-I", "-c", DRIP, port, token])
            .args(numbers)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stdout.take().unwrap()).lines();
        assert_eq!(said.next_line().await.unwrap().unwrap(), "dripping");
        Self {
            stdin: child.stdin.take().unwrap(),
            _child: child,
            said,
        }
    }

    /// What its bodies were answered with by now.
    async fn answered(self) -> Vec<String> {
        self.answered_within(0).await
    }

    /// The same, each waited for so many seconds.
    async fn answered_within(mut self, seconds: u64) -> Vec<String> {
        let wait = format!("{seconds}\n");
        self.stdin.write_all(wait.as_bytes()).await.unwrap();
        let said = self.said.next_line().await.unwrap().unwrap();
        said.split(' ').map(str::to_owned).collect()
    }
}

/// Status of the answer to a body of so many bytes.
async fn sent(authority: &str, token: &str, size: usize) -> u16 {
    let lines = with_grant(authority, token);
    let headers: Vec<&str> = lines.iter().map(String::as_str).collect();
    let body = "x".repeat(size);
    super::raw(authority, "POST /api/package_name_valid", &headers, &body)
        .await
        .0
}

#[tokio::test(flavor = "multi_thread")]
async fn what_programs_announce_and_do_not_send_keeps_no_other_waiting() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let mut all = Vec::new();
    for _ in 0..3 {
        all.push(Dripping::begin(&world, &token, 4, 16 << 20, 1000).await);
        all.push(Dripping::begin(&world, &token, 4, 1 << 20, 70_000).await);
    }
    for size in [100_000, 1 << 20, LARGE] {
        assert_eq!(sent(&authority, &token, size).await, 404, "{size}");
    }
    // They are still there, but those that held what somebody waited for.
    for dripping in all {
        let answered = dripping.answered().await;
        let is_known = |status: &String| ["none", "gone", "408"].contains(&status.as_str());
        assert!(answered.iter().all(is_known), "{answered:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_nobody_knows_gets_no_room() {
    let world = set_up(StackConfig::default()).await;
    let (authority, _) = grant(&world);
    for sent in [0, 70_000] {
        let dripping = Dripping::begin(&world, "qk_of_nobody_at_all", 2, 16 << 20, sent).await;
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        let head = format!(
            "POST /api/package_name_valid HTTP/1.1\r\nHost: {authority}\r\n\
             Authorization: Bearer qk_of_nobody_at_all\r\nContent-Length: 100000\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 401");
        // But who knows when: and who sends on may lose the answer.
        let answered = dripping.answered_within(60).await;
        let is_refused = |status: &String| ["401", "gone"].contains(&status.as_str());
        assert!(answered.iter().all(is_refused), "{answered:?}");
    }
    // The control: one that somebody has does.
    let key = world.stack.control().add_key(&KeySeed::new("bob", "own"));
    let secret = key.unwrap().secret.clone();
    assert_eq!(sent(&authority, &secret, LARGE).await, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_holds_most_makes_room_for_who_has_none() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    // All the room there is, in two programs.
    let most = Dripping::begin(&world, &token, 1, 16 << 20, (16 << 20) - 1000).await;
    let less = Dripping::begin(&world, &token, 1, 9 << 20, (8 << 20) - 1000).await;
    assert_eq!(sent(&authority, &token, 2 << 20).await, 404);
    assert_eq!(less.answered().await, ["none"], "it has no more than half");
    let gone = most.answered_within(60).await;
    assert!(
        ["408", "503", "gone"].contains(&gone[0].as_str()),
        "{gone:?}"
    );
}
