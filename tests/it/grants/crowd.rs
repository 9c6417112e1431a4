//! Programs that connect and keep silent do not keep others out.

use std::time::Duration;

use quilt_tests::harness::World;
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{ask, grant, place};

/// More than the endpoint serves at once.
const CROWD: usize = 700;

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_without_a_grant_does_not_keep_its_holder_waiting() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    let (authority, path) = place(&grant);
    let begun = format!("GET {path} HTTP/1.1\r\nHost: ");
    // One of the holder's own, which has been there longest and rests.
    let mut resting = TcpStream::connect(&authority).await.unwrap();
    let token = grant.token.expose();
    let whole = format!("{begun}{authority}\r\nAuthorization: {token}\r\n\r\n");
    answered(&mut resting, &whole).await;
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut silent = TcpStream::connect(&authority).await.unwrap();
        silent.write_all(begun.as_bytes()).await.unwrap();
        crowd.push(silent);
    }
    assert_eq!(ask(&grant).await.0, 200);
    answered(&mut resting, &whole).await;
    // It was not for their silence that some of the crowd had to go.
    assert!(
        world
            .log()
            .contains("evicted a connection that asks nothing")
    );
    drop(crowd);
}

/// Sends a request on a connection that stays, and reads the answer.
async fn answered(stream: &mut TcpStream, request: &str) {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A document ends in one brace.
    while !answer.ends_with(b"}") {
        let read = stream.read_buf(&mut answer).await.unwrap();
        assert_ne!(read, 0, "{}", String::from_utf8_lossy(&answer));
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "));
}

/// Long enough for any connection that is made at all.
const LATE: Duration = Duration::from_secs(30);

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_while_others_wait_to_be_accepted_is_not_put_off() {
    let world = World::logged_in().await;
    let grant = grant(&world, 60).await;
    let (authority, _) = place(&grant);
    let most = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap();
    let most: usize = most.trim().parse().unwrap();
    let daemon = world.daemon.as_ref().unwrap().pid();
    let daemon = Pid::from_raw(daemon).unwrap();
    // Accepts nobody: as it is while a crowd keeps it busy.
    kill_process(daemon, Signal::STOP).unwrap();
    let mut crowd = Vec::new();
    for _ in 0..CROWD.min(most) {
        // The system answers for it; beyond the line that it keeps, it does not.
        let connected = tokio::time::timeout(LATE, TcpStream::connect(&authority)).await;
        let Ok(connected) = connected else { break };
        crowd.push(connected.unwrap());
    }
    kill_process(daemon, Signal::CONT).unwrap();
    assert_eq!(crowd.len(), CROWD.min(most));
    assert_eq!(ask(&grant).await.0, 200);
}
