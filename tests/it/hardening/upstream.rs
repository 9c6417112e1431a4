//! A stack that sends its callers elsewhere.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Daemon, World};
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
async fn nobody_on_the_local_network_is_asked_for_anything() {
    let mut world = World::start().await;
    world.daemon.take().unwrap().stop().await;
    let (metadata, asked) = server("200 OK".to_owned()).await;
    let variables = [
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*metadata),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*metadata),
    ];
    let args = ["--token-store", "file"];
    world.daemon = Some(Daemon::start_with(&world.home, &args, &variables).await);
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    world.ctl(&["doctor"]).await;
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    // The control: whoever asks there is counted.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(&metadata).send().await.unwrap();
    assert_eq!(asked.load(Ordering::SeqCst), 1);
}

/// What the gateway answers to a request with a grant.
async fn carried(gateway: &str, bearer: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "{request} HTTP/1.1\r\nHost: {gateway}\r\nAuthorization: Bearer {bearer}\r\n\
         Accept-Encoding: gzip\r\nContent-Type: application/json\r\n\
         Content-Length: 2\r\nConnection: close\r\n\r\n{{}}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_quotes_the_token_does_not_reach_who_holds_a_grant() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&world);
    // Longer than what is looked into before it is passed on.
    let long = " ".repeat(300 * 1024);
    for (endpoint, path, status, before) in [
        (Endpoint::Graphql, "POST /graphql", 200, ""),
        (Endpoint::Graphql, "POST /graphql", 500, ""),
        (Endpoint::Graphql, "POST /graphql", 200, &long),
        (Endpoint::Search, "GET /api/search", 403, ""),
        (Endpoint::Search, "GET /api/search", 403, &long),
        (Endpoint::Search, "GET /api/search", 500, ""),
        (Endpoint::Search, "GET /api/search", 503, &long),
        (Endpoint::Search, "GET /api/search", 200, ""),
        (Endpoint::Search, "GET /api/search", 200, &long),
    ] {
        for arrives in [true, false] {
            let token = world.ctl(&["token"]).await.ok().trim().to_owned();
            let said = if arrives { "nothing secret" } else { &token };
            let body = json!({ "errors": [{ "message": format!("{before}{said}") }] });
            let fault = FaultKind::Status {
                status,
                body: body.to_string(),
            };
            let control = world.stack.control();
            let fault = control.plant(endpoint, Fault::always(fault));
            let answer = carried(&gateway, &bearer, path).await;
            control.clear_fault(fault);
            assert!(answer.starts_with("HTTP/1.1 "), "{answer}");
            let length = before.len();
            assert_eq!(answer.contains(said), arrives, "{path} {status} {length}");
            // Nor most of it.
            let beginning = &token[..token.len() / 2];
            assert!(!answer.contains(beginning), "{path} {status} {length}");
            world.login().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_cannot_be_looked_into_does_not_reach_who_holds_a_grant() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&world);
    let request = "GET /api/search?index=_all&action=search&query=iris&size=1";
    for (coding, arrives) in [("identity", true), ("gzip", false), ("identity, x", false)] {
        let headers = vec![("Content-Encoding".to_owned(), coding.to_owned())];
        let control = world.stack.control();
        let planted = FaultKind::Headers { headers };
        let planted = control.plant(Endpoint::Search, Fault::always(planted));
        let answer = carried(&gateway, &bearer, request).await;
        control.clear_fault(planted);
        assert_eq!(answer.contains("iris"), arrives, "{coding}: {answer}");
        // Nobody asked for it, whatever the client would take.
        let asked = control.requests().pop().unwrap();
        assert_eq!(asked.header("accept-encoding"), ["identity"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_beside_an_answer_gives_the_token_to_who_holds_a_grant() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&world);
    let control = world.stack.control();
    let request = "GET /api/search?index=_all&action=search&query=iris&size=1";
    let token = world.ctl(&["token"]).await.ok().trim().to_owned();
    let header = |value: &str| FaultKind::Headers {
        headers: vec![("Content-Language".to_owned(), value.to_owned())],
    };
    let reason = |reason: &str| FaultKind::ReasonPhrase {
        reason: reason.to_owned(),
    };
    for (kind, is_whole) in [
        (header("en"), true),
        (header(&token), false),
        (reason("Fine"), true),
        (reason(&token), true),
    ] {
        let planted = control.plant(Endpoint::Search, Fault::always(kind));
        let answer = carried(&gateway, &bearer, request).await;
        control.clear_fault(planted);
        assert_eq!(answer.contains("iris"), is_whole, "{answer}");
        assert!(!answer.contains(&token), "{answer}");
    }
    // The probe works: the stack says such words, to whoever asks it.
    control.plant(Endpoint::Config, Fault::always(reason("Otherwise")));
    let url = format!("{}/config.json", world.stack.catalog_url());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let direct = client.get(&url).send().await.unwrap();
    let said = direct.extensions().get::<hyper::ext::ReasonPhrase>();
    assert_eq!(said.unwrap().as_bytes(), b"Otherwise");
}
