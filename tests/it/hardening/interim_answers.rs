//! A catalog that answers with interim answers without end (RFC 9110, 15.2): HTTP
//! has its client read on for as long as they come.

use std::time::Duration;

use quilt_tests::harness::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// More of them at once than the daemon has threads for all else.
const FLOODS: usize = 3;

/// A catalog of that kind, which says when a request of it is being flooded.
async fn flooding_catalog(flooded: mpsc::UnboundedSender<()>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let catalog = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let flooded = flooded.clone();
            tokio::spawn(async move {
                let interim = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(200);
                let mut request = Vec::with_capacity(4096);
                if stream
                    .read_buf(&mut request)
                    .await
                    .is_ok_and(|read| read > 0)
                {
                    let mut sent = 0;
                    while stream.write_all(&interim).await.is_ok() {
                        sent += 1;
                        if sent == 1000 {
                            let _ = flooded.send(());
                        }
                    }
                }
            });
        }
    });
    catalog
}

#[tokio::test(flavor = "multi_thread")]
async fn they_keep_nobody_else_waiting_and_are_read_for_no_longer_than_others() {
    let world = World::logged_in().await;
    world.ctl(&["credential-process"]).await.ok();
    let (flooded, mut floods) = mpsc::unbounded_channel();
    let mut asks = Vec::new();
    for _ in 0..FLOODS {
        let catalog = flooding_catalog(flooded.clone()).await;
        let mut ask = world.ctl_command(&["config", &catalog]);
        ask.kill_on_drop(true);
        asks.push(tokio::spawn(async move { ask.output().await.unwrap() }));
    }
    for _ in 0..FLOODS {
        let begun = tokio::time::timeout(Duration::from_mins(1), floods.recv());
        begun.await.expect("the flood began");
    }
    for _ in 0..5 {
        // These give up by themselves, soon.
        world.ctl(&["credential-process"]).await.ok();
        world.ctl(&["whoami"]).await.ok();
    }
    assert!(
        !asks.iter().any(JoinHandle::is_finished),
        "the floods go on"
    );
    for ask in asks {
        let said = String::from_utf8(ask.await.unwrap().stderr).unwrap();
        assert!(said.contains("in time"), "{said}");
    }
}
