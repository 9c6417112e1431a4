//! A catalog that answers with interim answers without end (RFC 9110, 15.2): HTTP
//! has its client read on for as long as they come.

use quilt_tests::harness::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// More of them at once than the daemon has threads.
const FLOODS: usize = 3;

/// A catalog of that kind, and word of each request that is being flooded.
async fn flooding_catalog() -> (String, mpsc::UnboundedReceiver<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let catalog = format!("http://{}", listener.local_addr().unwrap());
    let (flooded, floods) = mpsc::unbounded_channel();
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
    (catalog, floods)
}

#[tokio::test(flavor = "multi_thread")]
async fn they_keep_nobody_else_waiting_and_are_read_for_no_longer_than_others() {
    let world = World::logged_in().await;
    world.ctl(&["credential-process"]).await.ok();
    let (catalog, mut floods) = flooding_catalog().await;
    let asks = (0..FLOODS).map(|_| {
        let mut ask = world.ctl_command(&["config", &catalog]);
        ask.kill_on_drop(true);
        tokio::spawn(async move { ask.output().await.unwrap() })
    });
    let asks: Vec<_> = asks.collect();
    for _ in 0..FLOODS {
        floods.recv().await.unwrap();
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
