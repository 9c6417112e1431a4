//! Raw requests: what the gateway carries, and for whom.

use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;
use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, KeySeed, StackConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{grant, raw, set_up, with_grant};
use crate::sessions::second_daemon;

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_grant_gets_anything() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let host = format!("Host: {authority}");
    let bearer = format!("Authorization: Bearer {token}");
    let calls = world.stack.control().calls(Endpoint::Graphql);
    let cases: &[(u16, &[&str])] = &[
        (403, &["Host: rebound.example", &bearer]),
        (403, &["Host: localhost", &bearer]),
        (403, &[&host, &bearer, "Origin: null"]),
        (403, &[&host, &bearer, "Sec-Fetch-Site: same-origin"]),
        (403, &[&host, &bearer, "Referer: http://127.0.0.1/"]),
        (401, &[&host]),
        (401, &[&host, "Authorization: Bearer "]),
        (401, &[&host, "Authorization: Basic eA=="]),
        (401, &[&host, &bearer, &bearer]),
    ];
    for (expected, headers) in cases {
        for request in [
            "GET /api/auth/get_credentials",
            "POST /graphql",
            "GET /api/search",
        ] {
            let (status, body) = raw(&authority, request, headers, "").await;
            // Too many refusals are not explained any more.
            assert!(
                status == *expected || status == 429,
                "{status} {request} {headers:?}"
            );
            assert!(!body.contains("SecretAccessKey"), "{body}");
        }
    }
    // A grant of credentials is none of the registry, nor the reverse.
    let other = CreateGrant(GrantRequest::default());
    let other = world.client().send(&other).await.unwrap();
    let foreign = format!("Authorization: Bearer {}", other.token.expose());
    let (status, _) = raw(&authority, "POST /graphql", &[&host, &foreign], "").await;
    assert!(status == 401 || status == 429);
    let container = other.uri.strip_prefix("http://").unwrap();
    let (container, path) = container.split_once('/').unwrap();
    let headers = [
        format!("Host: {container}"),
        format!("Authorization: {token}"),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let (status, _) = raw(container, &format!("GET /{path}"), &headers, "").await;
    assert!(status == 401 || status == 429);
    assert_eq!(world.stack.control().calls(Endpoint::Graphql), calls);
    assert!(!world.log().contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_carries_the_registrys_paths_and_no_others() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: bearer {token}"),
        "Content-Type: application/json".to_owned(),
        "Cookie: mine=1".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    for outside in [
        "GET /",
        "GET /config.json/x",
        "GET /api/../login",
        "GET /api/%2e%2e/login",
    ] {
        let (status, _) = raw(&authority, outside, &headers, "").await;
        assert!([404, 422].contains(&status), "{status} for {outside}");
    }
    // What would be worth something off this machine, and what echoes.
    let seen = world.stack.control().requests().len();
    for kept in [
        "GET /api/code",
        "POST /api/refresh",
        "POST /api/logout",
        "POST /api/connect/authorize",
        "POST /api/users/reset_password",
        "POST /api/graphql",
        "POST /api/v1/graphql",
        "GET /api/me",
        "GET /api/nowhere",
        "GET /api/search/",
        "GET /api/auth/get_credential%73",
        "TRACE /api/search",
    ] {
        let (status, _) = raw(&authority, kept, &headers, "").await;
        assert_eq!(status, 404, "{kept}");
    }
    assert_eq!(world.stack.control().requests().len(), seen);
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let refused = |request: &str, code: &str| {
        let entries: Vec<Value> = serde_json::from_str(&audit).unwrap();
        let is_it = |entry: &&Value| entry["request"] == request && entry["outcome"] == code;
        assert!(
            entries.iter().any(|entry| is_it(&entry)),
            "{request}: {audit}"
        );
    };
    refused("POST /api/connect/authorize", "not_found");
    for page in ["GET /login", "GET /code"] {
        let (_, body) = raw(&authority, page, &headers, "").await;
        assert!(body.contains("quiltctl login"), "{body}");
    }
    let query = json!({"query": "{ me { name role { name } } }"}).to_string();
    let (status, body) = raw(&authority, "POST /graphql", &headers, &query).await;
    assert_eq!(status, 200);
    assert!(body.contains("alice"), "{body}");
    // As the registry says it: status and words.
    let bad = "GET /api/search?index=_all&action=freeform&body=%7B%22query%22%3A%7B%22x%22%3A%7B%7D%7D%7D&size=1";
    let (status, body) = raw(&authority, bad, &headers, "").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("unknown query"), "{body}");
    let (status, body) = raw(&authority, "GET /api/nowhere", &headers, "").await;
    assert_eq!(status, 404, "{body}");
    // A code pasted into quilt3 goes nowhere, and the user is told.
    let form = [
        "Content-Type: application/x-www-form-urlencoded",
        headers[0],
    ];
    let tokens = world.stack.control().calls(Endpoint::Token);
    let (status, body) = raw(&authority, "POST /api/token", &form, "refresh_token=x").await;
    assert_eq!(status, 200);
    assert!(body.contains("run: quiltctl login"), "{body}");
    let own = format!("refresh_token={token}");
    let (status, body) = raw(&authority, "POST /api/token", &form, &own).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, answer["access_token"].as_str()),
        (200, Some(token.as_str()))
    );
    assert_eq!(world.stack.control().calls(Endpoint::Token), tokens);
    // Of a form no more is taken than a token needs.
    let padded = |length: usize| format!("{own}&more={}", "x".repeat(length));
    let (status, _) = raw(&authority, "POST /api/token", &form, &padded(8 * 1024)).await;
    assert_eq!(status, 200, "the control");
    let (status, body) = raw(&authority, "POST /api/token", &form, &padded(32 * 1024)).await;
    assert_eq!(status, 413, "{body}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_names_each_request_without_its_query() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let long = format!("GET /api/{}", "x".repeat(5000));
    let search = "GET /api/search?query=canary&size=1";
    for request in ["POST /graphql", search, search, &long] {
        raw(&authority, request, &headers, "{}").await;
    }
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let entries: Vec<Value> = serde_json::from_str(&audit).unwrap();
    let registry = |entry: &&Value| entry["action"] == "registry";
    let mut noted: Vec<_> = entries
        .iter()
        .filter(registry)
        .map(|entry| entry["request"].as_str().unwrap())
        .collect();
    let long = noted.iter().position(|request| request.ends_with('…'));
    assert_eq!(
        noted.remove(long.unwrap()).chars().count(),
        "GET ".len() + 201
    );
    // The same once more is one line more.
    let graphql = "POST /graphql (it names a document instead of holding it)";
    let expected = [graphql, "GET /api/search", "GET /api/search"];
    assert_eq!(noted, expected, "{audit}");
    assert!(!audit.contains("canary") && !audit.contains(&token));
    let table = world.ctl(&["audit"]).await.ok();
    assert!(table.contains("POST /graphql"), "{table}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_switched_through_it_flushes_credentials() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: Bearer {token}"),
        "Content-Type: application/json".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    for spelt in [
        "mutation { switchRole(roleName: ROLE) { __typename } }",
        "mutation { ...F } fragment F on Mutation { x: switchRole(roleName: ROLE) { __typename } }",
        "mutation { \\u0073witchRole(roleName: ROLE) { __typename } }",
    ] {
        let before = world.ctl(&["credential-process"]).await.ok();
        let roles = world.client().me().await.unwrap();
        let other = roles
            .roles
            .iter()
            .find(|role| Some(*role) != roles.role.as_ref())
            .unwrap();
        let query = spelt.replace("ROLE", &format!("\\\"{other}\\\""));
        let query = format!("{{\"query\": \"{query}\"}}");
        let (status, body) = raw(&authority, "POST /graphql", &headers, &query).await;
        assert!(status == 200 && body.contains("\"Me\""), "{body}");
        assert_ne!(world.ctl(&["credential-process"]).await.ok(), before);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_to_a_program_ends_the_login_or_rotates_its_tokens() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let control = world.stack.control();
    let rotations = control.calls(Endpoint::Token);
    // What looks like an answer to nobody, made by the program itself.
    let query = json!({"query": "{ me: __type(name: \"Nope\") { name } }"}).to_string();
    for _ in 0..3 {
        let (status, body) = raw(&authority, "POST /graphql", &headers, &query).await;
        assert_eq!((status, body.as_str()), (200, "{\"data\":{\"me\":null}}"));
    }
    let forbidden = FaultKind::Status {
        status: 403,
        body: "{\"message\": \"not for you\"}".to_owned(),
    };
    control.plant(Endpoint::Search, Fault::always(forbidden.clone()));
    for _ in 0..5 {
        let (status, body) = raw(&authority, "GET /api/search", &headers, "").await;
        assert_eq!(status, 403);
        assert!(body.contains("not for you"), "{body}");
    }
    assert_eq!(control.calls(Endpoint::Token), rotations);
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_key_is_not_asked_with_in_a_loop() {
    let world = set_up(StackConfig::default()).await;
    let key = world.stack.control().add_key(&KeySeed::new("alice", "ci"));
    let key = key.unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], &key.secret)
        .await
        .ok();
    world.stack.control().revoke_key(&key.id);
    let (authority, token) = grant(&world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    for _ in 0..5 {
        let (status, body) = raw(
            &authority,
            "GET /api/search?index=_all&action=search&query=iris&size=1",
            &headers,
            "",
        )
        .await;
        assert_eq!(status, 401, "{body}");
    }
    world.ctl(&["search", "iris"]).await.failed(6);
    assert!(world.stack.control().calls(Endpoint::Search) <= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_are_carried_and_larger_ones_told() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let padded =
        |size: usize| json!({"query": "{ me { name } }", "x": "y".repeat(size)}).to_string();
    let (status, body) = raw(&authority, "POST /graphql", &headers, &padded(5 << 20)).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");
    // Told before it is sent, so the sender may be hung up on in the middle.
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let head = format!(
        "POST /graphql HTTP/1.1\r\n{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        headers.join("\r\n"),
        17 << 20
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

/// What is still on its way when somebody logs out, here or through another daemon,
/// is cut off: its connection would keep the token that was sent on it.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_its_way_ends_with_the_login() {
    for (begins, elsewhere) in [(true, false), (true, true), (false, false)] {
        let world = set_up(StackConfig::default()).await;
        let (authority, token) = grant(&world);
        let fault = if begins {
            FaultKind::SlowDrip { ms: 200 }
        } else {
            FaultKind::Hang
        };
        let control = world.stack.control();
        control.plant(Endpoint::Search, Fault::always(fault));
        let mut stream = TcpStream::connect(&authority).await.unwrap();
        let headers = with_grant(&authority, &token).join("\r\n");
        let request = format!("GET /api/search?action=search HTTP/1.1\r\n{headers}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        if begins {
            stream.read_exact(&mut [0; 1]).await.unwrap();
        } else {
            control
                .wait_for_counts(|now| now.calls(Endpoint::Search) > 0)
                .await;
        }
        if elsewhere {
            let (_second, socket) = second_daemon(&world).await;
            world.ctl(&["logout", "--socket", &socket]).await.ok();
            // Noticed at the next request.
            world.ctl(&["token"]).await.failed(3);
        } else {
            world.ctl(&["logout"]).await.ok();
        }
        // However it is told: an end, a reset, or a refusal in words.
        let mut rest = Vec::new();
        let ended = async {
            let mut piece = [0; 1024];
            while let Ok(read @ 1..) = stream.read(&mut piece).await {
                rest.extend_from_slice(&piece[..read]);
                if rest.windows(9).any(|it| it == b"not logged") || rest.starts_with(b"HTTP/1.1 4")
                {
                    break;
                }
            }
        };
        let limit = std::time::Duration::from_secs(5);
        let in_time = tokio::time::timeout(limit, ended).await;
        assert!(in_time.is_ok(), "begins: {begins}, elsewhere: {elsewhere}");
        assert!(!rest.ends_with(b"\r\n0\r\n\r\n"), "not as if that were all");
    }
}

/// Whoever is told that a grant is revoked is told that it gets nothing more.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_on_its_way_ends_with_the_grant() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    // The listener stays, for the other grant.
    let other = StackConfig::default();
    let other = FakeStack::bind(other).await.unwrap();
    let code = other.control().login_code("alice").unwrap();
    let login = ["login", "--code-stdin", "--catalog", other.catalog_url()];
    world.ctl_with_input(&login, &code).await.ok();
    let grants = world.client().status().await.unwrap().grants;
    let own = grants
        .iter()
        .find(|it| it.catalog_url.as_str() == world.stack.catalog_url());
    let control = world.stack.control();
    control.plant(Endpoint::Search, Fault::always(FaultKind::Hang));
    let mut stream = TcpStream::connect(&authority).await.unwrap();
    let headers = with_grant(&authority, &token).join("\r\n");
    let request = format!("GET /api/search?action=search HTTP/1.1\r\n{headers}\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    control
        .wait_for_counts(|now| now.calls(Endpoint::Search) > 0)
        .await;
    world
        .ctl(&["grants", "revoke", &own.unwrap().id])
        .await
        .ok();
    let mut answer = [0; 12];
    let limit = std::time::Duration::from_secs(5);
    let answered = tokio::time::timeout(limit, stream.read_exact(&mut answer));
    answered.await.expect("cut off").unwrap();
    assert!(answer.starts_with(b"HTTP/1.1 40"), "{answer:?}");
    TcpStream::connect(&authority)
        .await
        .expect("the listener is there");
}

/// Who asks with a grant at an address that is another catalog's is noted.
#[tokio::test(flavor = "multi_thread")]
async fn a_grant_at_another_catalogs_address_is_noted() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = with_grant(&authority, &token);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let elsewhere = "POST /catalogs/elsewhere.example/graphql";
    let (status, body) = raw(&authority, elsewhere, &headers, "{}").await;
    assert_eq!(status, 401, "{body}");
    assert!(body.contains("of another catalog"), "{body}");
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let entries: Vec<Value> = serde_json::from_str(&audit).unwrap();
    let noted = entries
        .iter()
        .any(|it| it["action"] == "registry" && it["outcome"] == "denied");
    assert!(noted, "{audit}");
}
