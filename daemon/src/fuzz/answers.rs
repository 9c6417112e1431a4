//! Answers: of the daemon to its clients, of a stack, of S3.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::OnceLock;

use parking_lot::Mutex;
use quilt_proto::wire::{ApiKeyFilter, NewApiKey};
use quilt_proto::{CatalogUrl, Problem, RegistryUrl, Secret, Timestamp};
use tokio::runtime::{Builder, Runtime};

use super::is_a_line;
use crate::stack::{self, Scope, StackClient};

/// A problem document (RFC 9457) as clients read it.
pub(super) fn problem(data: &[u8]) {
    let Ok(problem) = serde_json::from_slice::<Problem>(data) else {
        return;
    };
    is_a_line(&problem.to_string());
    let text = serde_json::to_vec(&problem).expect("it can be written");
    let again: Problem = serde_json::from_slice(&text).expect("it can be read again");
    let text_again = serde_json::to_vec(&again).expect("it can be written");
    assert_eq!(text, text_again);
}

/// What S3 says of a failure.
pub(super) fn s3(data: &[u8]) {
    crate::package::fuzz_refusal(data);
}

/// A registry that answers every request with the same.
struct Registry {
    runtime: Runtime,
    client: StackClient,
    url: String,
}

static ANSWER: Mutex<Vec<u8>> = Mutex::new(Vec::new());

fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(|| {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(stream);
            }
        });
        Registry {
            runtime: Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
            client: StackClient::default(),
            url,
        }
    })
}

fn answer(mut stream: std::net::TcpStream) {
    let mut asked = Vec::new();
    let mut part = [0; 4096];
    // To the end of the head; bodies are small enough to come with it, or late
    // enough not to matter.
    while !asked.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut part) {
            Ok(0) | Err(_) => return,
            Ok(length) => asked.extend_from_slice(&part[..length]),
        }
    }
    let answer = ANSWER.lock().clone();
    let _ = stream.write_all(&answer);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    while matches!(stream.read(&mut part), Ok(1..)) {}
}

/// An answer of a stack. The first byte says to what, the second with which
/// status, or that the rest is the whole answer, head included.
pub(super) fn stack(data: &[u8]) {
    let [what, status, body @ ..] = data else {
        return;
    };
    let status = match status % 8 {
        0..=2 => 200,
        3 => 400,
        4 => 401,
        5 => 403,
        6 => 503,
        _ => 0,
    };
    let mut bytes = if status == 0 {
        b"HTTP/1.1 ".to_vec()
    } else {
        let length = body.len();
        format!(
            "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {length}\r\n\r\n"
        )
        .into_bytes()
    };
    bytes.extend_from_slice(body);
    *ANSWER.lock() = bytes;
    let Registry {
        runtime,
        client,
        url,
    } = registry();
    let at: RegistryUrl = url.parse().expect("a registry's URL");
    let catalog: CatalogUrl = url.parse().expect("a catalog's URL");
    let secret = Secret::new("canary-0123456789abcdef");
    let asked = client.registry(&at, &secret);
    let failed = runtime.block_on(async {
        Some(match what % 8 {
            0 => stack::tokens::exchange(client, &at, &secret).await.err()?,
            1 => asked.me().await.err()?,
            2 => stack::credentials::issue(asked, Timestamp::now())
                .await
                .err()?,
            3 => client.discover(&catalog).await.err()?,
            4 => {
                let filter = ApiKeyFilter::default();
                asked.api_keys(Scope::Own, &filter).await.err()?
            }
            5 => {
                let new = NewApiKey {
                    name: "made".to_owned(),
                    expires_in_days: 1,
                };
                asked.create_api_key(&new).await.err()?
            }
            6 => asked.switch_role("role").await.err()?,
            _ => {
                let now = Timestamp::from_unix(1_800_000_000);
                let endpoint = format!("{url}/token");
                let asked = stack::tokens::refresh(client, &endpoint, "client", &secret, now);
                asked.await.err()?
            }
        })
    });
    if let Some(error) = failed {
        let said = error.to_string();
        is_a_line(&said);
        assert!(!said.contains(secret.expose()), "{said:?}");
    }
}
