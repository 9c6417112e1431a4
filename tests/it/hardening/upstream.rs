//! A stack that sends its callers elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quilt_tests::harness::World;
use quilt_tests::stack::{Endpoint, Fault, FaultKind, StackConfig};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers every request with this head; counts them.
async fn server(head: String) -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            counted.fetch_add(1, Ordering::SeqCst);
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer =
                format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    (address, count)
}

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed_with_a_secret() {
    let world = World::with(StackConfig::default()).await;
    for status in [
        "301 Moved",
        "302 Found",
        "303 See Other",
        "307 Temporary",
        "308 Permanent",
    ] {
        let (elsewhere, arrived) = server("200 OK".to_owned()).await;
        let head = format!("{status}\r\nLocation: {elsewhere}/api/token");
        let (registry, asked) = server(head).await;
        // Who follows redirects does get there.
        let page = reqwest::Client::builder().no_proxy().build().unwrap();
        let form = [("refresh_token", "a-code")];
        let followed = page.post(format!("{registry}/api/token")).form(&form);
        followed.send().await.unwrap();
        assert_eq!(
            arrived.swap(0, Ordering::SeqCst),
            1,
            "the control: {status}"
        );

        let before = asked.load(Ordering::SeqCst);
        world.stack.control().update(|settings| {
            settings
                .config_overrides
                .insert("registryUrl".to_owned(), json!(registry));
        });
        let code = world.stack.control().login_code("alice").unwrap();
        world
            .ctl_with_input(&["login", "--code-stdin"], &code)
            .await
            .failed(5);
        assert!(
            asked.load(Ordering::SeqCst) > before,
            "the registry was asked"
        );
        assert_eq!(arrived.load(Ordering::SeqCst), 0, "{status} was followed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_quotes_the_token_does_not_reach_who_holds_a_grant() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&world);
    for (endpoint, path, status) in [
        (Endpoint::Graphql, "POST /graphql", 200),
        (Endpoint::Search, "GET /api/search", 403),
    ] {
        for arrives in [true, false] {
            let token = world.ctl(&["token"]).await.ok().trim().to_owned();
            let said = if arrives { "nothing secret" } else { &token };
            let body = json!({ "errors": [{ "message": said }] }).to_string();
            let fault = FaultKind::Status { status, body };
            let control = world.stack.control();
            let fault = control.plant(endpoint, Fault::always(fault));
            let mut stream = TcpStream::connect(&gateway).await.unwrap();
            let request = format!(
                "{path} HTTP/1.1\r\nHost: {gateway}\r\nAuthorization: Bearer {bearer}\r\n\
                 Content-Type: application/json\r\nContent-Length: 2\r\n\
                 Connection: close\r\n\r\n{{}}"
            );
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            control.clear_fault(fault);
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            assert_eq!(answer.contains(said), arrives, "{path} {status}: {answer}");
            world.login().await;
        }
    }
}
