//! What GraphQL gets through the gateway, and how it is noted.

use std::process::Stdio;
use std::time::Duration;

use quilt_proto::api::{AuditQuery, ReadAudit, ReadGateway};
use quilt_proto::state_files::{GRANTS, SDK_RECORD};
use quilt_proto::wire::AuditEntry;
use quilt_tests::fake_stack::{Counts, Endpoint, FakeStack, Fault, FaultKind, StackConfig};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Daemon, Run, World};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{grant, once, raw, set_up, with_grant};
use crate::sessions::second_daemon;

const RESTRICT: &[&str] = &["setup", "quilt3", "--without-api-keys"];
const ASK: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/ask.py");

/// The real quilt3, doing one thing.
async fn ask(world: &World, args: &[&str]) -> (u32, Run) {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Sdk));
    let python = python.await.unwrap().expect("Python 3 is there");
    let mut command = world.home.command(python.program("python"));
    command
        .arg(ASK)
        .args(args)
        .env("QUILT_DISABLE_USAGE_METRICS", "True")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let pid = child.id().unwrap();
    (pid, child.wait_with_output().await.unwrap().into())
}

/// Posts a body to `/graphql` with the grant.
async fn post(world: &World, body: &str) -> (u16, String) {
    let (authority, token) = grant(world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    raw(&authority, "POST /graphql", &headers, body).await
}

/// What the audit says of the gateway's requests, oldest first.
async fn registry(world: &World) -> Vec<AuditEntry> {
    let mut entries = world
        .client()
        .send(&ReadAudit(AuditQuery::default()))
        .await
        .unwrap();
    entries.retain(|entry| entry.action == "registry");
    entries
}

/// Documents that make a key, each in another way.
fn keys_made() -> Vec<String> {
    let create = "apiKeyCreate(input: {name: \"x\", expiresInDays: 365}) { __typename }";
    let documents = [
        format!("mutation {{ {create} }}"),
        format!("mutation me {{ me: {create} }}"),
        format!("mutation {{ ...A }} fragment A on Mutation {{ ... {{ k: {create} }} }}"),
        format!("mutation {{ ... on Mutation @include(if: true) {{ {create} }} }}"),
        format!("# {{ me }}\r mutation,{{ # }}\n {create} }}"),
    ];
    let mut bodies: Vec<_> = documents
        .iter()
        .map(|text| json!({ "query": text }).to_string())
        .collect();
    bodies.push(bodies[0].replace("apiKey", "\\u0061pi\\u004bey"));
    bodies.push(bodies[0].replace("\"query\"", "\"\\u0071uery\""));
    let several = format!("query A {{ me {{ name }} }} mutation B {{ {create} }}");
    bodies.push(json!({"query": several, "operationName": "B"}).to_string());
    bodies
}

/// Bodies that other readers may take for something else.
const UNCLEAR: &[&str] = &[
    r#"{"query": "{ me { name } }", "query": "mutation { apiKeyCreate }"}"#,
    r#"{"query": "query A { me { name } } mutation B { apiKeyCreate }"}"#,
    r#"[{"query": "{ me { name } }"}, {"query": "mutation { apiKeyCreate }"}]"#,
    r#"{"extensions": {"persistedQuery": {"version": 1, "sha256Hash": "x"}}}"#,
    r#"{"query": "{ me { name } }", "id": "x"}"#,
    r#"{"query": "mutation { admin { apiKeys { revoke(id: \"x\") { __typename } } } }"}"#,
    r#"{"query": "mutation { apiKeyRevoke(id: \"x\") { __typename } }"}"#,
    r#"{"query": "mutation { whatever }"}"#,
    r#"{"query": "mutation { "}"#,
    "\u{feff}{\"query\": \"{ me { name } }\"}",
    "query={me{name}}",
    "",
];

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_made_with_the_grant_unless_that_is_kept_back() {
    let world = set_up(StackConfig::default()).await;
    let control = world.stack.control();
    // Each of them does make one, where nothing is kept back.
    for body in keys_made() {
        let before = control.key_count();
        let (status, said) = post(&world, &body).await;
        assert_eq!(status, 200, "{said}");
        assert_eq!(control.key_count(), before + 1, "{body}: {said}");
    }
    let noted = registry(&world).await;
    let requests: Vec<_> = noted.iter().flat_map(|entry| &entry.request).collect();
    for request in &requests {
        assert_eq!(*request, "POST /graphql mutation apiKeyCreate");
    }

    world.ctl(RESTRICT).await.ok();
    let (keys, seen) = (control.key_count(), control.requests().len());
    let refused = keys_made();
    for body in refused
        .iter()
        .map(String::as_str)
        .chain(UNCLEAR.iter().copied())
    {
        let (status, said) = post(&world, body).await;
        assert_eq!(status, 403, "{body}: {said}");
        let answer: Value = serde_json::from_str(&said).unwrap();
        let message = answer["errors"][0]["message"].as_str().unwrap();
        assert!(message.contains("without API keys"), "{message}");
        assert!(
            message.ends_with("; run: quiltctl setup quilt3 --help"),
            "{message}"
        );
        assert_eq!(answer["message"], message);
    }
    assert_eq!(control.key_count(), keys);
    assert_eq!(
        control.requests().len(),
        seen,
        "nothing of it went upstream"
    );
    let denied = registry(&world).await;
    let denied: Vec<_> = denied
        .iter()
        .filter(|entry| entry.outcome == "denied")
        .collect();
    let of_create = denied
        .iter()
        .filter(|entry| entry.request.as_deref() == Some("POST /graphql mutation apiKeyCreate"));
    let times: u64 = of_create.map(|entry| entry.count).sum();
    assert_eq!(times, refused.len() as u64, "{denied:?}");

    // What is harmless goes on.
    let create = "apiKeyCreate(input: {name: \"x\"}) { __typename }";
    let two = format!("query A {{ me {{ name }} }} mutation B {{ {create} }}");
    let two = json!({"query": two, "operationName": "A"}).to_string();
    for body in [
        r#"{"query": "{ me { name apiKeys { id } } }"}"#,
        &two,
        r#"{"query": "mutation { switchRole(roleName: \"no\") { __typename } }"}"#,
    ] {
        let (status, said) = post(&world, body).await;
        assert!(status == 200 && !said.contains("errors"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_other_way_to_ask_gets_past() {
    let world = set_up(StackConfig::default()).await;
    world.ctl(RESTRICT).await.ok();
    let (authority, token) = grant(&world);
    let [host, bearer, _] = with_grant(&authority, &token);
    let json = "Content-Type: application/json";
    let seen = world.stack.control().requests().len();
    let query = r#"{"query": "{ me { name } }"}"#;
    for (expected, request, kinds, body) in [
        (
            403,
            "GET /graphql?query=mutation%7BapiKeyCreate%7D",
            &[][..],
            "",
        ),
        (
            403,
            "GET /graphql?query=%7Bme%7Bname%7D%7D&query=mutation%7BapiKeyCreate%7D",
            &[],
            "",
        ),
        (
            403,
            "HEAD /graphql?query=mutation%7BapiKeyCreate%7D",
            &[],
            "",
        ),
        (
            403,
            "POST /graphql?query=mutation%7BapiKeyCreate%7D",
            &[json],
            query,
        ),
        (
            403,
            "POST /graphql",
            &["Content-Type: application/graphql"],
            "mutation{apiKeyCreate}",
        ),
        (
            403,
            "POST /graphql",
            &["Content-Type: multipart/form-data; boundary=x"],
            query,
        ),
        (403, "POST /graphql", &["Content-Type: text/plain"], query),
        (
            403,
            "POST /graphql",
            &["Content-Type: application/json; charset=utf-7"],
            query,
        ),
        (
            403,
            "POST /graphql",
            &[json, "Content-Type: text/plain"],
            query,
        ),
        (403, "POST /graphql", &[], query),
        (403, "PUT /graphql", &[json], query),
        (
            415,
            "POST /graphql",
            &[json, "Content-Encoding: gzip"],
            query,
        ),
        (404, "POST /graphql/", &[json], query),
        (404, "POST /%67raphql", &[json], query),
        (404, "POST /api/graphql", &[json], query),
        (404, "POST /api/connect/authorize", &[json], "{}"),
    ] {
        let mut headers = vec![host.as_str(), bearer.as_str()];
        headers.extend(kinds);
        let (status, said) = raw(&authority, request, &headers, body).await;
        assert_eq!(status, expected, "{request} {kinds:?}: {said}");
    }
    assert_eq!(world.stack.control().requests().len(), seen);
    let headers = [
        host.as_str(),
        bearer.as_str(),
        "Content-Type: Application/JSON; Charset=UTF-8",
    ];
    let (status, said) = raw(&authority, "POST /graphql", &headers, query).await;
    assert!(status == 200 && said.contains("alice"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_before_the_answer_is_noted_all_the_same() {
    let world = set_up(StackConfig::default()).await;
    let control = world.stack.control();
    let held = control.plant(Endpoint::Graphql, Fault::always(FaultKind::Hold));
    let body = keys_made().remove(0);
    let (authority, token) = grant(&world);
    let lines = with_grant(&authority, &token).join("\r\n");
    let length = body.len();
    let request =
        format!("POST /graphql HTTP/1.1\r\n{lines}\r\nContent-Length: {length}\r\n\r\n{body}");
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let in_flight = |counts: &Counts| {
        let graphql = counts.endpoints.get(&Endpoint::Graphql);
        graphql.is_some_and(|count| count.in_flight > 0)
    };
    control.wait_for_counts(in_flight).await;
    drop(stream);
    control.clear_fault(held);
    let noted = async {
        loop {
            let noted = registry(&world).await;
            if let [entry] = &noted[..] {
                return entry.request.clone().unwrap();
            }
        }
    };
    let noted = tokio::time::timeout(Duration::from_mins(1), noted).await;
    assert_eq!(noted.unwrap(), "POST /graphql mutation apiKeyCreate");
    assert_eq!(control.key_count(), 1);
}

/// A request whose body has not come yet has the right that there is when it has.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_on_its_way_has_no_right_that_was_taken_back() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let create = keys_made().remove(0);
    let begin = async || {
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        let headers = with_grant(&authority, &token).join("\r\n");
        let length = create.len();
        let head = format!("POST /graphql HTTP/1.1\r\n{headers}\r\nContent-Length: {length}");
        let begun = format!("{head}\r\nConnection: close\r\n\r\n{}", &create[..9]);
        stream.write_all(begun.as_bytes()).await.unwrap();
        stream
    };
    let end = async |mut stream: TcpStream| {
        stream.write_all(&create.as_bytes()[9..]).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    };
    let undisturbed = begin().await;
    assert!(end(undisturbed).await.contains("APIKeyCreated"));
    let keys = world.stack.control().key_count();
    let restricted = begin().await;
    world.ctl(RESTRICT).await.ok();
    let answer = end(restricted).await;
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    let undone = begin().await;
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    let answer = end(undone).await;
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert_eq!(world.stack.control().key_count(), keys);
}

/// An older copy of one file does not lift what the other says.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_back_is_noted_twice() {
    let mut world = set_up(StackConfig::default()).await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let kept = [GRANTS, SDK_RECORD].map(|name| world.home.state().join(name));
    let older = kept.each_ref().map(|kept| std::fs::read(kept).unwrap());
    world.ctl(RESTRICT).await.ok();
    let newer = kept.each_ref().map(|kept| std::fs::read(kept).unwrap());
    let create = keys_made().remove(0);
    assert_eq!(post(&world, &create).await.0, 403);
    for older_one in 0..2 {
        world.daemon.take().unwrap().stop().await;
        for (which, kept) in kept.iter().enumerate() {
            let text = if which == older_one { &older } else { &newer };
            std::fs::write(kept, &text[which]).unwrap();
        }
        world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
        // Another program may have had the port meanwhile.
        super::files::until(|| std::net::TcpStream::connect(grant(&world).0).is_ok()).await;
        assert_eq!(post(&world, &create).await.0, 403);
        // Nor does the grant that another catalog gets give more.
        for catalog in [other.catalog_url(), world.stack.catalog_url()] {
            world.ctl(&["config", catalog]).await.ok();
        }
        assert_eq!(post(&world, &create).await.0, 403);
    }
    world.ctl(&["setup", "quilt3"]).await.ok();
    assert_eq!(
        post(&world, &create).await.0,
        200,
        "the control: it is lifted"
    );
}

/// What is kept back by one daemon is kept back by the other of the same home,
/// also from grants that the other has given.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_back_here_is_kept_back_at_another_daemon() {
    let world = set_up(StackConfig::default()).await;
    let (here, earlier) = grant(&world);
    let (_second, socket) = second_daemon(&world).await;
    let set_up_there = ["setup", "quilt3", "--socket", &socket];
    world.ctl(&set_up_there).await.ok();
    let (there, own) = grant(&world);
    assert_ne!(here, there);
    let create = keys_made().remove(0);
    let status_of = async |token: &str| {
        let headers = with_grant(&there, token);
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        raw(&there, "POST /graphql", &headers, &create).await.0
    };
    for token in [&earlier, &own] {
        assert_eq!(status_of(token).await, 200);
    }
    world.ctl(RESTRICT).await.ok();
    for token in [&earlier, &own] {
        assert_eq!(status_of(token).await, 403);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keeping_back_is_told_survives_and_is_lifted() {
    let mut world = set_up(StackConfig::default()).await;
    let create = keys_made().remove(0);
    let status_of = async |world: &World| post(world, &create).await.0;
    assert_eq!(status_of(&world).await, 200);
    let (_, token) = grant(&world);
    let said = world.ctl(RESTRICT).await.ok();
    assert!(said.contains("are kept back now"), "{said}");
    assert_eq!(grant(&world).1, token, "programs that run have it");
    assert_eq!(status_of(&world).await, 403);
    let again = world.ctl(RESTRICT).await;
    assert!(again.stdout.contains("already uses"), "{again:?}");
    assert!(!again.stdout.contains("kept back"), "{again:?}");
    let listed = world.ctl(&["status"]).await.ok();
    assert!(listed.contains("registry without API keys"), "{listed}");

    world.crash_and_restart().await;
    assert!(world.client().send(&ReadGateway).await.unwrap().listening);
    assert_eq!(status_of(&world).await, 403);
    // What mends it keeps it.
    let id = world.client().status().await.unwrap().grants[0].id.clone();
    let other = World::start().await;
    world.ctl(&["config", other.stack.catalog_url()]).await.ok();
    let gateway = world.client().send(&ReadGateway).await.unwrap();
    assert!(gateway.without_api_keys);
    assert_eq!(status_of(&world).await, 403, "led to another catalog");
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    assert_eq!(status_of(&world).await, 403);
    world.ctl(&["grants", "revoke", &id]).await.ok();
    std::fs::write(super::sdk_file(&world, "auth.json"), "{}").unwrap();
    let status = world.ctl(&["status"]).await;
    let mend = "run: quiltctl setup quilt3 --without-api-keys";
    assert!(status.stderr.contains(mend), "{}", status.stderr);
    world.ctl(RESTRICT).await.ok();
    assert_eq!(status_of(&world).await, 403);

    // With no grant left, by any way, it is not forgotten: what gives a new one
    // gives no more than before.
    let kept = world.home.state().join("grants.json");
    for way in ["revoke", "gone", "broken"] {
        match way {
            "revoke" => {
                for grant in world.client().status().await.unwrap().grants {
                    world.ctl(&["grants", "revoke", &grant.id]).await.ok();
                }
            }
            "gone" => std::fs::remove_file(&kept).unwrap(),
            _ => {
                std::fs::write(&kept, "{").unwrap();
                world.crash_and_restart().await;
            }
        }
        let status = world.ctl(&["status"]).await;
        assert!(status.stderr.contains(mend), "{way}: {}", status.stderr);
        for catalog in [&other, &world].map(|it| it.stack.catalog_url()) {
            world.ctl(&["config", catalog]).await.ok();
            assert_eq!(status_of(&world).await, 403, "{way}");
            let gateway = world.client().send(&ReadGateway).await.unwrap();
            assert!(gateway.without_api_keys, "{way}");
        }
    }

    let whole = world.ctl(&["setup", "quilt3"]).await;
    assert!(whole.stdout.contains("no longer kept back"), "{whole:?}");
    assert!(whole.stderr.contains(mend), "{whole:?}");
    assert_eq!(status_of(&world).await, 200);
    let listed = world.ctl(&["status"]).await.ok();
    assert!(!listed.contains("without API keys"), "{listed}");
    once(&world).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn quilt3_makes_keys_or_shows_why_not_and_is_named() {
    let world = set_up(StackConfig::default()).await;
    let (pid, run) = ask(&world, &["create-key", "mine"]).await;
    assert!(run.ok().starts_with("qk_"));
    world.ctl(RESTRICT).await.ok();
    let (refused, run) = ask(&world, &["create-key", "other"]).await;
    assert_ne!(run.code, 0);
    let last = run.stderr.trim().lines().last().unwrap();
    assert!(last.contains("apiKeyCreate is kept back"), "{}", run.stderr);
    assert!(
        last.ends_with("run: quiltctl setup quilt3 --help"),
        "{last}"
    );

    let noted = registry(&world).await;
    let noted: Vec<_> = noted
        .iter()
        .map(|entry| {
            (
                entry.outcome.as_str(),
                entry.request.as_deref().unwrap(),
                entry.pid,
            )
        })
        .collect();
    let request = "POST /graphql mutation apiKeyCreate";
    assert_eq!(
        noted,
        [
            ("ok", request, Some(pid)),
            ("denied", request, Some(refused))
        ]
    );
    for entry in registry(&world).await {
        let program = entry.program.unwrap();
        let name = program.rsplit('/').next().unwrap();
        assert!(name.starts_with("python3"), "{program}");
    }
    let table = world.ctl(&["audit"]).await.ok();
    assert!(table.contains(request), "{table}");
    assert!(table.contains(" python3"), "{table}");
}
