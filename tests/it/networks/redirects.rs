//! Where redirects of `config.json` are followed to. That nothing secret goes
//! with one is seen in `hardening/upstream.rs`.

use std::sync::{Arc, Mutex};

use quilt_proto::NetworkFailure as Kind;
use quilt_tests::harness::World;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::Machine;

/// Leads every request to `target`, and keeps what it was sent.
async fn leading(status: &'static str, target: String) -> (u16, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let sent = Arc::clone(&seen);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = [0; 16 * 1024];
            let length = stream.read(&mut bytes).await.unwrap_or(0);
            let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
            seen.lock().unwrap().push(text);
            let answer = format!(
                "HTTP/1.1 {status}\r\nLocation: {target}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (port, sent)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_is_read_where_it_has_moved_to() {
    let world = World::start().await;
    let moved = format!("{}/config.json", world.stack.catalog_url());
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        let (port, seen) = leading(status, moved.clone()).await;
        let run = world
            .ctl(&["config", &format!("http://127.0.0.1:{port}")])
            .await;
        // It says whose configuration it is, and that is another catalog's.
        assert!(
            run.code == 0 || run.stderr.contains("another catalog"),
            "{status}: {run:?}"
        );
        assert_eq!(seen.lock().unwrap().len(), 1);
    }
    // Not to where it could be read on the way, and not in circles.
    let machine = Machine::start("", &[]).await;
    let (port, _) = leading("302 Found", "http://catalog.example/config.json".to_owned()).await;
    assert_eq!(
        machine.kind(&format!("http://127.0.0.1:{port}")).await,
        Some(Kind::Redirected)
    );
    // Nor with a name and password that are somebody else's words.
    let with_password = moved.replace("http://", "http://user:password@");
    let (port, _) = leading("302 Found", with_password).await;
    assert_eq!(
        machine.kind(&format!("http://127.0.0.1:{port}")).await,
        Some(Kind::Redirected)
    );
    let (port, seen) = leading("302 Found", "/config.json".to_owned()).await;
    assert_eq!(
        machine.kind(&format!("http://127.0.0.1:{port}")).await,
        Some(Kind::Redirected)
    );
    let asked = seen.lock().unwrap().len();
    assert!((2..40).contains(&asked), "{asked} requests");
}
