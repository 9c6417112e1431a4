//! Requests: to the daemon, and of GraphQL through the gateway.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::Router;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::{Builder, Runtime};
use tokio_util::sync::CancellationToken;

use super::is_a_line;
use crate::api;
use crate::app::{App, Config};
use crate::gateway::GraphqlRequest;
use crate::listen::BrowserGuard;
use crate::stack::{Forward, Payload};
use crate::token_store::StoreChoice;

/// A daemon without a socket.
struct Served {
    runtime: Runtime,
    router: Router,
    _dir: TempDir,
}

fn served() -> &'static Served {
    static SERVED: OnceLock<Served> = OnceLock::new();
    SERVED.get_or_init(|| {
        let dir = super::files::dir();
        let at = |name: &str| -> PathBuf { dir.path().join(name) };
        let config = Config {
            settings: at("quiltd.toml"),
            token_store: StoreChoice::Memory,
            state_dir: at("state"),
            python_sdk_dir: at("sdk"),
        };
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let stop = CancellationToken::new();
        let app = App::build(config, Vec::new(), at("quiltd.sock"), stop);
        let app = Arc::new(runtime.block_on(app).expect("a daemon"));
        let router = api::router(Arc::clone(&app));
        let router = api::metered(router, &app, BrowserGuard::of_control());
        Served {
            runtime,
            router,
            _dir: dir,
        }
    })
}

/// Whether something could reach what is not the daemon's own: another host, a
/// directory of packages, programs that `doctor` runs.
fn reaches_out(data: &[u8]) -> bool {
    let text = String::from_utf8_lossy(data).to_ascii_lowercase();
    let names = ["packages", "%", "catalog", "doctor", "console"];
    names.iter().any(|name| text.contains(name))
        || text.matches("http").count() > text.matches("http/1.").count()
}

/// A connection on which this is all that comes.
pub(super) fn http(data: &[u8]) {
    if reaches_out(data) {
        return;
    }
    let Served {
        runtime, router, ..
    } = served();
    let answer = runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(1 << 20);
        let service = TowerToHyperService::new(router.clone());
        let serving = hyper::server::conn::http1::Builder::new()
            .half_close(true)
            .serve_connection(TokioIo::new(server), service);
        let asking = async {
            let _ = client.write_all(data).await;
            let _ = client.shutdown().await;
            let mut answer = Vec::new();
            let _ = client.read_to_end(&mut answer).await;
            answer
        };
        let both = async {
            tokio::select! {
                answer = asking => answer,
                () = async { let _ = serving.await; std::future::pending::<()>().await } => {
                    Vec::new()
                }
            }
        };
        // A stream of events has no end.
        let answer = tokio::time::timeout(Duration::from_secs(5), both).await;
        answer.unwrap_or_default()
    });
    let answer = String::from_utf8_lossy(&answer);
    assert!(
        answer.is_empty() || answer.starts_with("HTTP/1."),
        "{answer}"
    );
    assert!(!answer.contains("HTTP/1.1 500"), "{answer}");
}

/// A GraphQL request of a program that has a grant.
pub(super) fn graphql(data: &[u8]) {
    let json = http::HeaderValue::from_static("application/json");
    let request = Forward {
        method: http::Method::POST,
        target: "/graphql".to_owned(),
        headers: http::HeaderMap::from_iter([(http::header::CONTENT_TYPE, json)]),
        body: Payload::from(data.to_vec()),
    };
    let asked = served().runtime.block_on(GraphqlRequest::by(&request));
    let asked = asked.expect("one of GraphQL");
    is_a_line(&asked.to_string());
    // A field of a query is none, whatever its name.
    let (said, harmless) = (asked.to_string(), asked.leaves_logins_alone().is_ok());
    let makes_keys = said.starts_with("mutation apiKeyCreate");
    assert!(!(harmless && makes_keys), "{said}");
}
