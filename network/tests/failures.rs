//! Every kind of failure, made by a real listener, beside the same request
//! where all is well.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "tests fail by panicking"
)]

#[allow(unreachable_pub, reason = "tests elsewhere use them, too")]
mod servers;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use quilt_network::{Clients, Failure, Network, Settings};
use quilt_proto::NetworkFailure as Kind;
use reqwest::{Client, Method, Request, Response};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use url::Url;

use servers::{Authority, Days, Proxy, Socks, Tls};

/// Settings that trust an authority, and ask a proxy if there is one.
fn settings(dir: &TempDir, authority: Option<&Authority>, proxy: Option<&str>) -> Settings {
    let bundle = authority.map(|authority| {
        let path = dir.path().join("ca.pem");
        std::fs::write(&path, authority.pem()).unwrap();
        path
    });
    Settings {
        ca_bundle: bundle.into_iter().collect(),
        proxy: Some(proxy.map(|proxy| proxy.parse().unwrap())),
        no_proxy: Some(String::new()),
    }
}

async fn get(clients: &Clients, client: &Client, url: &Url) -> reqwest::Result<Response> {
    let request = Request::new(Method::GET, url.clone());
    clients.execute(client, request).await
}

async fn ask_with(settings: Settings, url: &str) -> Result<String, Failure> {
    ask_by(&clients(settings), url).await
}

fn clients(settings: Settings) -> Clients {
    let network = Arc::new(Network::new(move || settings.clone()));
    Clients::new(&network, |builder| {
        builder
            .connect_timeout(Duration::from_secs(2))
            .timeout(Duration::from_secs(4))
    })
}

async fn ask_by(clients: &Clients, url: &str) -> Result<String, Failure> {
    let url = url.parse().unwrap();
    let lost = |error: reqwest::Error| clients.failure(&url, &error);
    let answer = get(clients, &clients.of(&url)?, &url).await;
    answer.map_err(lost)?.text().await.map_err(lost)
}

async fn ask(
    authority: Option<&Authority>,
    proxy: Option<&str>,
    url: &str,
) -> Result<String, Kind> {
    let dir = tempfile::tempdir().unwrap();
    let answer = ask_with(settings(&dir, authority, proxy), url).await;
    answer.map_err(|failure| failure.kind())
}

#[tokio::test(flavor = "multi_thread")]
async fn certificates_are_told_apart() {
    let ours = Authority::new();
    let theirs = Authority::new();
    let good = Tls::start(&ours, "localhost", Days::Now).await;
    let at = |tls: &Tls| format!("https://localhost:{}/", tls.port);
    assert_eq!(
        ask(Some(&ours), None, &at(&good)).await,
        Ok("well".to_owned())
    );
    assert_eq!(
        ask(Some(&theirs), None, &at(&good)).await,
        Err(Kind::UnknownCertificate)
    );
    assert_eq!(
        ask(None, None, &at(&good)).await,
        Err(Kind::UnknownCertificate)
    );
    for (days, name, kind) in [
        (Days::Past, "localhost", Kind::ExpiredCertificate),
        (Days::Future, "localhost", Kind::FutureCertificate),
        (Days::Now, "other.example", Kind::WrongCertificateName),
    ] {
        let tls = Tls::start(&ours, name, days).await;
        assert_eq!(ask(Some(&ours), None, &at(&tls)).await, Err(kind));
    }
    let alone = Tls::self_signed("localhost").await;
    assert_eq!(
        ask(None, None, &at(&alone)).await,
        Err(Kind::UnknownCertificate)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_of_this_machine_leads_nowhere_else() {
    let port = servers::plain().await;
    // Most systems ask a name server for it, who may say what it likes.
    for name in ["nobody.localhost", "localhost", "127.0.0.1"] {
        let answer = ask(None, None, &format!("http://{name}:{port}/")).await;
        assert!(answer.is_ok(), "{name}: {answer:?}");
    }
    // The probe works: any other name is looked up.
    let answer = ask(None, None, &format!("https://nobody.invalid:{port}/")).await;
    assert_eq!(answer, Err(Kind::NameNotFound));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_cannot_be_read_is_named() {
    let ours = Authority::new();
    let tls = Tls::start(&ours, "localhost", Days::Now).await;
    let missing = Settings {
        ca_bundle: vec!["/nowhere/corp.pem".into()],
        ..Settings::default()
    };
    let url = format!("https://localhost:{}/", tls.port);
    let failure = ask_with(missing, &url).await.unwrap_err().to_string();
    assert!(
        failure.contains("/nowhere/corp.pem") && failure.contains("cannot be read"),
        "{failure}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_is_mended_counts_at_the_next_request() {
    let ours = Authority::new();
    let tls = Tls::start(&ours, "localhost", Days::Now).await;
    let dir = tempfile::tempdir().unwrap();
    let there = settings(&dir, Some(&ours), None);
    let bundle = there.ca_bundle[0].clone();
    std::fs::remove_file(&bundle).unwrap();
    let clients = clients(there);
    let url = format!("https://localhost:{}/", tls.port);
    for _ in 0..2 {
        let failure = ask_by(&clients, &url).await.unwrap_err();
        assert!(
            matches!(failure, Failure::UnknownCertificate { .. }),
            "{failure}"
        );
    }
    std::fs::write(&bundle, ours.pem()).unwrap();
    // The failure before it had it read for this one.
    let last = ask_by(&clients, &url).await;
    assert!(last.is_ok(), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_spoken_at_a_port_is_told_apart() {
    let ours = Authority::new();
    let tls = Tls::start(&ours, "localhost", Days::Now).await;
    let plain = servers::plain().await;
    let silent = servers::silent().await;
    let rude = servers::rude().await;
    let closed = servers::closed().await;
    let at = |scheme: &str, port: u16| format!("{scheme}://localhost:{port}/");
    for (url, kind) in [
        (at("https", plain), Kind::NotTls),
        (at("http", tls.port), Kind::UnexpectedTls),
        (at("https", rude), Kind::TlsFailed),
        (at("http", rude), Kind::BrokenAnswer),
        (at("https", silent), Kind::ConnectTimeout),
        (at("http", silent), Kind::Timeout),
        (at("http", closed), Kind::ConnectionRefused),
        (at("https", closed), Kind::ConnectionRefused),
        (
            "https://no-such-host.invalid/".to_owned(),
            Kind::NameNotFound,
        ),
    ] {
        assert_eq!(ask(Some(&ours), None, &url).await, Err(kind), "{url}");
    }
    assert_eq!(
        ask(None, None, &at("http", plain)).await,
        Ok("well".to_owned())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn proxies_are_told_apart_from_whom_they_lead_to() {
    const URL: &str = "https://stack.test/";
    let ours = Authority::new();
    let stack = Tls::start(&ours, "stack.test", Days::Now).await;
    let ask = async |proxy: &str| ask(Some(&ours), Some(proxy), URL).await;

    let open = Proxy::start(stack.port, None).await;
    assert_eq!(
        ask(&format!("http://localhost:{}", open.port)).await,
        Ok("well".to_owned())
    );
    assert_eq!(open.asked(), ["stack.test:443"]);

    let locked = Proxy::start(stack.port, Some("me:secret")).await;
    let at = |user: &str| format!("http://{user}localhost:{}", locked.port);
    assert_eq!(ask(&at("me:secret@")).await, Ok("well".to_owned()));
    assert_eq!(ask(&at("")).await, Err(Kind::ProxyPassword));
    assert_eq!(ask(&at("me:wrong@")).await, Err(Kind::ProxyPassword));

    let refusing = Proxy::refusing().await;
    let at = format!("http://localhost:{}", refusing.port);
    assert_eq!(ask(&at).await, Err(Kind::ProxyRefused));
    let closed = servers::closed().await;
    let unreachable = Err(Kind::ProxyUnreachable);
    assert_eq!(
        ask(&format!("http://localhost:{closed}")).await,
        unreachable
    );
    assert_eq!(ask("http://no-such-proxy.invalid:3128").await, unreachable);
    // Nobody knows the name but the proxy; without it there is no way.
    let dir = tempfile::tempdir().unwrap();
    let direct = ask_with(settings(&dir, Some(&ours), None), URL).await;
    assert_eq!(direct.unwrap_err().kind(), Kind::NameNotFound);
    // What lies behind it is still told apart.
    let foreign = Tls::start(&Authority::new(), "stack.test", Days::Now).await;
    let open = Proxy::start(foreign.port, None).await;
    let at = format!("http://localhost:{}", open.port);
    assert_eq!(ask(&at).await, Err(Kind::UnknownCertificate));
}

#[tokio::test(flavor = "multi_thread")]
async fn socks_is_spoken() {
    const URL: &str = "https://stack.test/";
    let ours = Authority::new();
    let stack = Tls::start(&ours, "stack.test", Days::Now).await;
    let ask = async |proxy: &str| ask(Some(&ours), Some(proxy), URL).await;

    let open = Socks::start(Some(stack.port), None).await;
    assert_eq!(
        ask(&format!("socks5h://localhost:{}", open.port)).await,
        Ok("well".to_owned())
    );
    assert_eq!(open.asked(), ["stack.test:443"]);
    // Without the h the name is looked up here, where nobody knows it.
    assert_eq!(
        ask(&format!("socks5://localhost:{}", open.port)).await,
        Err(Kind::NameNotFound)
    );
    let locked = Socks::start(Some(stack.port), Some(("me", "secret"))).await;
    let at = |user: &str| format!("socks5h://{user}localhost:{}", locked.port);
    assert_eq!(ask(&at("me:secret@")).await, Ok("well".to_owned()));
    assert_eq!(ask(&at("")).await, Err(Kind::ProxyPassword));
    assert_eq!(ask(&at("me:wrong@")).await, Err(Kind::ProxyPassword));
    let refusing = Socks::start(None, None).await;
    assert_eq!(
        ask(&format!("socks5h://localhost:{}", refusing.port)).await,
        Err(Kind::ProxyRefused)
    );
    let closed = servers::closed().await;
    assert_eq!(
        ask(&format!("socks5h://localhost:{closed}")).await,
        Err(Kind::ProxyUnreachable)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_settings_count_from_the_next_request_on() {
    let ours = Authority::new();
    let tls = Tls::start(&ours, "localhost", Days::Now).await;
    let dir = tempfile::tempdir().unwrap();
    let current = Arc::new(std::sync::Mutex::new(Settings::default()));
    let network = {
        let current = Arc::clone(&current);
        Arc::new(Network::new(move || current.lock().unwrap().clone()))
    };
    let clients = Clients::new(&network, |builder| builder);
    let url: Url = format!("https://localhost:{}/", tls.port).parse().unwrap();
    let ask = async || get(&clients, &clients.of(&url).unwrap(), &url).await;
    assert!(ask().await.is_err());
    *current.lock().unwrap() = settings(&dir, Some(&ours), None);
    assert!(ask().await.is_ok());
}

/// Where something keeps its connections open, and how many there were so far.
async fn counting() -> (Url, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let connections = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            count.fetch_add(1, Relaxed);
            tokio::spawn(async move {
                let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
                // A request comes in one piece.
                while stream
                    .read(&mut [0; 4096])
                    .await
                    .is_ok_and(|length| length > 0)
                {
                    stream.write_all(answer).await.unwrap();
                }
            });
        }
    });
    (url.parse().unwrap(), connections)
}

/// So that nobody is held up by a connection that is flooded.
#[test]
fn connections_are_not_served_where_they_are_asked_for() {
    let served = tokio::runtime::Runtime::new().unwrap();
    let (url, connections) = served.block_on(counting());
    let runs = |network: Network| {
        let clients = Clients::new(&Arc::new(network), |builder| builder);
        let before = connections.load(Relaxed);
        for _ in 0..2 {
            // Whatever it serves ends with it.
            let asks = tokio::runtime::Builder::new_current_thread();
            let asks = { asks }.enable_all().build().unwrap();
            asks.block_on(async {
                let answer = get(&clients, &clients.of(&url).unwrap(), &url).await;
                assert_eq!(answer.unwrap().text().await.unwrap(), "hi");
            });
        }
        connections.load(Relaxed) - before
    };
    assert_eq!(runs(Network::default().with_threads()), 1);
    // The control.
    assert_eq!(runs(Network::default()), 2);
}
