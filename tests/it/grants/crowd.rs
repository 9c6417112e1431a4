//! Programs that connect and keep silent do not keep others out.

use quilt_tests::harness::World;
use tokio::io::AsyncWriteExt;
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
    let mut crowd = Vec::new();
    for _ in 0..CROWD {
        let mut silent = TcpStream::connect(&authority).await.unwrap();
        silent.write_all(begun.as_bytes()).await.unwrap();
        crowd.push(silent);
    }
    assert_eq!(ask(&grant).await.0, 200);
    // It was not for their silence that some of the crowd had to go.
    assert!(
        world
            .log()
            .contains("evicted a connection that asks nothing")
    );
    drop(crowd);
}
