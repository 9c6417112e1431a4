//! Large requests, many at once: what they cost the daemon, and that it comes
//! back.

use std::sync::Arc;
use std::time::Duration;

use quilt_tests::harness::World;
use quilt_tests::stack::StackConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
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
