//! Bodies at the control socket that do not end.

use std::sync::Arc;
use std::time::Duration;

use quilt_tests::harness::World;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::Barrier;

use super::vends;

const BODIES: usize = 200;
const LARGE: usize = 1024 * 1024;

/// What the daemon may grow by: the room for bodies, as much again for pieces
/// that are not full, and the connections' buffers.
const GROWTH: u64 = 48 * 1024;

/// How long a body is sent for: one that is not read stops where it is.
const SENDING: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn bodies_without_an_end_take_up_little_and_a_vend_does_not_wait() {
    let world = World::logged_in().await;
    let daemon = world.daemon.as_ref().unwrap();
    vends(&world, "nobody").await;
    let before = daemon.resident_kib();
    let (sent, seen) = (Barrier::new(BODIES + 1), Barrier::new(BODIES + 1));
    let barriers = Arc::new((sent, seen));
    let mut sending = tokio::task::JoinSet::new();
    for _ in 0..BODIES {
        let (barriers, socket) = (Arc::clone(&barriers), world.home.socket());
        sending.spawn(async move {
            let mut stream = UnixStream::connect(socket).await.unwrap();
            let head = format!(
                "POST /v1/search HTTP/1.1\r\nHost: localhost\r\n\
                 Content-Type: application/json\r\nContent-Length: {LARGE}\r\n\r\n"
            );
            stream.write_all(head.as_bytes()).await.unwrap();
            let body = vec![b'x'; LARGE - 1];
            let whole = tokio::time::timeout(SENDING, stream.write_all(&body)).await;
            barriers.0.wait().await;
            barriers.1.wait().await;
            whole.is_ok()
        });
    }
    barriers.0.wait().await;
    let peak = daemon.peak_kib();
    vends(&world, "bodies without an end").await;
    barriers.1.wait().await;
    let sent = sending.join_all().await;
    let whole = sent.into_iter().filter(|is_whole| *is_whole).count();
    println!("{before} KiB, then {peak} KiB; {whole} of {BODIES} were sent whole");
    assert!(whole > 0, "the control: bodies are read");
    assert!(peak <= before + GROWTH, "{before} KiB, then {peak} KiB");
}
