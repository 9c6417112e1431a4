//! Which headers the gateway lets through, either way.

use std::collections::BTreeSet;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};

use super::{exchange, grant, raw, set_up, with_grant};

/// What other software believes of who asks, from where, for what.
const MISLEADING: &[&str] = &[
    "X-Forwarded-For: 10.0.0.1",
    "x-forwarded-host: evil.example",
    "X-FORWARDED-PROTO: http",
    "X-Forwarded-Port: 1",
    "X-Forwarded-Server: evil.example",
    "X-Forwarded-Prefix: /evil",
    "X-Forwarded-User: root",
    "X-Forwarded-Access-Token: x",
    "X_Forwarded_For: 10.0.0.1",
    "Forwarded: for=10.0.0.1;host=evil.example",
    "FORWARDED: by=evil.example",
    "X-Real-IP: 10.0.0.1",
    "x-real-ip: 10.0.0.2",
    "X-Client-IP: 10.0.0.1",
    "True-Client-IP: 10.0.0.1",
    "CF-Connecting-IP: 10.0.0.1",
    "X-Envoy-External-Address: 10.0.0.1",
    "Via: 1.1 evil.example",
    "Max-Forwards: 0",
    "X-HTTP-Method-Override: DELETE",
    "X-HTTP-Method: DELETE",
    "X-Method-Override: DELETE",
    "X-Original-URL: /api/token",
    "X-Original-Host: evil.example",
    "X-Rewrite-URL: /api/token",
    "X-Host: evil.example",
    "Remote-User: root",
    "X-Remote-User: root",
    "X-Amzn-Oidc-Identity: root",
    "X-Api-Key: x",
    "Cookie: session=x",
    "Proxy-Authorization: Basic eA==",
    "Proxy-Connection: keep-alive",
    "Keep-Alive: timeout=1",
    "TE: trailers",
    "Content-Encoding: identity",
    "Range: bytes=0-1",
    "If-None-Match: *",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "X-Whatever: x",
];

#[tokio::test(flavor = "multi_thread")]
async fn only_what_is_about_the_body_goes_upstream() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let grant = with_grant(&authority, &token);
    let allowed = [
        "ACCEPT: application/json",
        "Accept-Language: en",
        "User-Agent: quilt-python/8.0",
    ];
    let mut headers: Vec<&str> = grant.iter().map(String::as_str).collect();
    headers.extend(allowed);
    headers.extend(MISLEADING);
    for (request, body) in [
        ("POST /graphql", "{\"query\": \"{ me { name } }\"}"),
        ("POST /api/package_name_valid", "{}"),
        ("GET /api/search", ""),
    ] {
        raw(&authority, request, &headers, body).await;
        let seen = world.stack.control().requests().pop().unwrap();
        assert_eq!(format!("{} {}", seen.method, seen.path), request);
        let names: BTreeSet<&str> = seen.headers.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = BTreeSet::from([
            "accept",
            "accept-encoding",
            "accept-language",
            "authorization",
            "content-type",
            "host",
            "user-agent",
        ]);
        if !body.is_empty() {
            expected.insert("content-length");
        }
        assert_eq!(names, expected, "{request}");
        assert_eq!(seen.header("accept"), ["application/json"]);
        assert_eq!(seen.header("user-agent"), ["quilt-python/8.0"]);
        assert_eq!(seen.header("accept-language"), ["en"]);
        assert_ne!(seen.header("authorization"), [format!("Bearer {token}")]);
    }
    // The probe: sent to the stack itself, every one of them is seen there.
    let stack = world.stack.registry_url().strip_prefix("http://").unwrap();
    headers[0] = "Host: localhost";
    exchange(stack, "POST /api/package_name_valid", &headers, "{}").await;
    let seen = world.stack.control().requests().pop().unwrap();
    for line in MISLEADING {
        let (name, value) = line.split_once(": ").unwrap();
        let values = seen.header(&name.to_ascii_lowercase());
        assert!(values.contains(&value), "{line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_is_allowed_arrives_as_it_is() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let grant = with_grant(&authority, &token);
    let mut headers: Vec<&str> = grant.iter().map(String::as_str).collect();
    headers.push("Accept: application/x, */*");
    raw(&authority, "GET /api/search", &headers, "").await;
    let seen = world.stack.control().requests().pop().unwrap();
    assert_eq!(seen.header("accept"), ["application/x, */*"]);
    assert_eq!(seen.header("content-type"), ["application/json"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_is_encoded_is_refused_unread() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let grant = with_grant(&authority, &token);
    for coding in ["gzip", "Deflate", "identity, br", "x"] {
        let coding = format!("content-encoding: {coding}");
        let mut headers: Vec<&str> = grant.iter().map(String::as_str).collect();
        headers.push(&coding);
        for request in ["POST /graphql", "POST /api/package_name_valid"] {
            let before = world.stack.control().requests().len();
            let (status, body) = raw(&authority, request, &headers, "{}").await;
            assert_eq!(status, 415, "{body}");
            assert_eq!(world.stack.control().requests().len(), before);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_plants_nothing() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let grant = with_grant(&authority, &token);
    let headers: Vec<&str> = grant.iter().map(String::as_str).collect();
    let planted = [
        ("Set-Cookie", "session=x; Path=/"),
        ("set-cookie2", "session=x"),
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Credentials", "true"),
        ("Access-Control-Allow-Private-Network", "true"),
        ("Cross-Origin-Resource-Policy", "cross-origin"),
        ("Timing-Allow-Origin", "*"),
        ("Alt-Svc", "h2=\"evil.example:443\""),
        ("Strict-Transport-Security", "max-age=1"),
        ("Public-Key-Pins", "x"),
        ("Clear-Site-Data", "\"*\""),
        ("Location", "http://evil.example/"),
        ("Content-Location", "http://evil.example/"),
        ("Refresh", "0; url=http://evil.example/"),
        ("Link", "<http://evil.example/>; rel=preload"),
        ("Service-Worker-Allowed", "/"),
        ("SourceMap", "http://evil.example/"),
        ("WWW-Authenticate", "Basic realm=x"),
        ("Proxy-Authenticate", "Basic realm=x"),
        ("Server-Timing", "x;dur=1"),
        ("Upgrade", "h2c"),
        ("X-Whatever", "x"),
    ];
    let allowed = [
        ("ETag", "\"1\""),
        ("Last-Modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("Retry-After", "7"),
        ("X-Request-Id", "abc"),
    ];
    let both = planted.iter().chain(&allowed);
    let fault = FaultKind::Headers {
        headers: both
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect(),
    };
    let control = world.stack.control();
    control.plant(Endpoint::Search, Fault::always(fault));
    let request = "GET /api/search?index=_all&action=search&query=iris&size=1";
    let (head, body) = exchange(&authority, request, &headers, "").await;
    assert!(body.contains("iris"), "{body}");
    let names = |head: &str| -> BTreeSet<String> {
        let lines = head.lines().skip(1);
        lines
            .map(|line| line.split(':').next().unwrap().to_ascii_lowercase())
            .collect()
    };
    for (name, value) in allowed {
        let line = format!("{}: {value}", name.to_ascii_lowercase());
        assert!(head.contains(&line), "{head}");
    }
    let expected = [
        "cache-control",
        "connection",
        "content-length",
        "content-type",
        "date",
        "etag",
        "last-modified",
        "retry-after",
        "x-content-type-options",
        "x-request-id",
    ];
    assert_eq!(names(&head), expected.map(str::to_owned).into());
    // The probe: the stack itself does say all that.
    let stack = world.stack.registry_url().strip_prefix("http://").unwrap();
    let bearer = world.ctl(&["token"]).await.ok();
    let bearer = format!("Authorization: Bearer {}", bearer.trim());
    let (head, _) = exchange(stack, request, &["Host: x", &bearer], "").await;
    for (name, _) in planted {
        assert!(
            names(&head).contains(&name.to_ascii_lowercase()),
            "{name}: {head}"
        );
    }
    // A redirect leads nowhere.
    control.clear_faults();
    control.plant(Endpoint::Search, Fault::always(FaultKind::status(302)));
    let (status, body) = raw(&authority, request, &headers, "").await;
    assert_eq!(status, 503, "{body}");
    assert!(body.contains("redirected elsewhere"), "{body}");
}
