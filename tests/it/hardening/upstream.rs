//! A stack that sends its callers elsewhere.

use std::sync::{Arc, Mutex};

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Daemon, Run, World};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::roles;

/// A server that answers every request with the same head.
struct Server {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(head: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&asked);
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let read = stream.read(&mut request).await.unwrap_or_default();
                let request = String::from_utf8_lossy(&request[..read]).to_lowercase();
                noted.lock().unwrap().push(request);
                let answer =
                    format!("HTTP/1.1 {head}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { address, asked }
    }

    /// Leads whoever asks to the other one, by this status.
    async fn leading_to(status: &str, other: &Self) -> Self {
        let head = format!("{status}\r\nLocation: {}/api/token", other.address);
        Self::start(head).await
    }

    /// The requests since the last call, in lower case.
    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }
}

const REDIRECTS: [&str; 5] = [
    "301 Moved",
    "302 Found",
    "303 See Other",
    "307 Temporary",
    "308 Permanent",
];

#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_is_followed_with_a_secret() {
    let world = World::with(StackConfig::default()).await;
    for status in REDIRECTS {
        let elsewhere = Server::start("200 OK".to_owned()).await;
        let registry = Server::leading_to(status, &elsewhere).await;
        // Who follows redirects does get there.
        let page = reqwest::Client::builder().no_proxy().build().unwrap();
        let form = [("refresh_token", "a-code")];
        let followed = page.post(format!("{}/api/token", registry.address));
        followed.form(&form).send().await.unwrap();
        assert_eq!(elsewhere.asked().len(), 1, "the control: {status}");
        registry.asked();

        lead_to(&world, &registry);
        log_in(&world).await.failed(5);
        assert!(!registry.asked().is_empty(), "the registry was asked");
        assert!(elsewhere.asked().is_empty(), "{status} was followed");
    }
}

/// Has the catalog name this registry.
fn lead_to(world: &World, registry: &Server) {
    world.stack.control().update(|settings| {
        settings
            .config_overrides
            .insert("registryUrl".to_owned(), json!(registry.address));
    });
}

async fn log_in(world: &World) -> Run {
    let code = world.stack.control().login_code("alice").unwrap();
    world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
}

/// The same of AWS, for each service that gets credentials.
#[tokio::test(flavor = "multi_thread")]
async fn no_redirect_of_aws_is_followed() {
    let settings = format!("[profiles.lake]\nrole_arn = '{}'\n", roles::arn("lake"));
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let asks: [(&str, &[&str]); 3] = [
        (
            "AWS_ENDPOINT_URL_STS",
            &["credential-process", "--profile", "lake"],
        ),
        (
            "AWS_ENDPOINT_URL_S3",
            &["packages", "list", "s3://some-bucket"],
        ),
        ("QUILTD_CONSOLE_ENDPOINT", &["console", "--json"]),
    ];
    for (variable, ask) in asks {
        for status in ["302 Found", "307 Temporary"] {
            let elsewhere = Server::start("200 OK".to_owned()).await;
            let aws = Server::leading_to(status, &elsewhere).await;
            client.get(&aws.address).send().await.unwrap();
            assert_eq!((aws.asked().len(), elsewhere.asked().len()), (1, 1));
            let variables = [(variable, aws.address.as_str())];
            let world = roles::world_at(StackConfig::default(), &settings, &variables).await;
            let run = world.ctl(ask).await;
            assert_ne!(run.code, 0, "{variable}, {status}: {run:?}");
            assert!(!aws.asked().is_empty(), "{variable}, {status}: {run:?}");
            assert!(elsewhere.asked().is_empty(), "{variable}: {status}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cookie_of_a_stack_comes_back_to_it() {
    let head = "503 Unavailable\r\nSet-Cookie: session=canary; Path=/";
    let registry = Server::start(head.to_owned()).await;
    // The control: who keeps cookies sends it.
    let keeps = "import sys, urllib.request as r\n\
                 o = r.build_opener(r.ProxyHandler({}), r.HTTPCookieProcessor())\n\
                 for _ in range(2):\n    try: o.open(sys.argv[1])\n    except r.HTTPError: pass";
    let mut python = tokio::process::Command::new("python3");
    let python = python.args(["-c", keeps, &registry.address]);
    assert!(python.status().await.unwrap().success());
    assert!(registry.asked()[1].contains("session=canary"));

    let world = World::with(StackConfig::default()).await;
    lead_to(&world, &registry);
    log_in(&world).await.failed(5);
    log_in(&world).await.failed(5);
    let asked = registry.asked();
    assert!(asked.len() >= 2, "{asked:?}");
    assert!(asked.iter().all(|request| !request.contains("cookie")));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_on_the_local_network_is_asked_for_anything() {
    let mut world = World::start().await;
    world.daemon.take().unwrap().stop().await;
    let metadata = Server::start("200 OK".to_owned()).await;
    let sts = world.stack.sts_url().to_owned();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", &*sts),
        ("AWS_EC2_METADATA_DISABLED", "false"),
        ("AWS_EC2_METADATA_SERVICE_ENDPOINT", &*metadata.address),
        ("AWS_CONTAINER_CREDENTIALS_FULL_URI", &*metadata.address),
    ];
    let args = ["--token-store", "file"];
    world.daemon = Some(Daemon::start_with(&world.home, &args, &variables).await);
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    // A client of AWS's that is given no credentials looks for some there.
    roles::set(
        &world.home,
        &format!("[profiles.lake]\nrole_arn = '{}'\n", roles::arn("lake")),
    );
    world
        .ctl(&["credential-process", "--profile", "lake"])
        .await
        .ok();
    world.ctl(&["doctor"]).await;
    assert_eq!(metadata.asked(), [""; 0]);
    // The control: whoever asks there is counted.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    client.get(&metadata.address).send().await.unwrap();
    assert_eq!(metadata.asked().len(), 1);
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
