use axum::body::Body;
use http::StatusCode;
use http_body_util::BodyExt;

use super::*;

/// What a request is refused with, or 200.
async fn status(target: &str, headers: &[(&str, &str)]) -> StatusCode {
    let mut request = Request::builder().uri(target);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let request = request.body(Body::empty()).unwrap();
    let Some(response) = BrowserGuard::of_control().refusal(&request) else {
        return StatusCode::OK;
    };
    let status = response.status();
    assert_eq!(status, StatusCode::FORBIDDEN);
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let problem: Problem = serde_json::from_slice(&body).unwrap();
    assert_eq!(problem.code, ErrorCode::Denied);
    assert!(!problem.detail.contains("evil"), "{problem}");
    status
}

#[tokio::test]
async fn serves_the_hosts_it_knows() {
    assert_eq!(status("/", &[("host", "localhost")]).await, 200);
    assert_eq!(status("/", &[("host", "LocalHost")]).await, 200);
    assert_eq!(
        status("http://localhost/", &[("host", "localhost")]).await,
        200
    );
}

#[tokio::test]
async fn refuses_foreign_hosts() {
    for headers in [
        &[][..],
        &[("host", "")],
        &[("host", "evil.example")],
        &[("host", "localhost.evil.example")],
        &[("host", "localhost:80")],
        &[("host", "user@localhost")],
        &[("host", "127.0.0.1")],
        &[("host", "localhost"), ("host", "localhost")],
        &[("host", "localhost"), ("host", "evil.example")],
    ] {
        assert_eq!(status("/", headers).await, 403, "{headers:?}");
    }
    let target = "http://evil.example/";
    assert_eq!(status(target, &[("host", "localhost")]).await, 403);
}

#[tokio::test]
async fn refuses_browsers_whatever_they_say() {
    for header in [
        ("origin", "http://localhost"),
        ("origin", "null"),
        ("referer", "http://localhost/"),
        ("sec-fetch-site", "same-origin"),
        ("sec-fetch-mode", "navigate"),
    ] {
        assert_eq!(status("/", &[("host", "localhost"), header]).await, 403);
    }
}

#[test]
fn a_port_belongs_to_the_name() {
    let hosts = AllowedHosts::only(["127.0.0.1:4711"]);
    assert!(hosts.allow("127.0.0.1:4711"));
    assert!(!hosts.allow("127.0.0.1"));
    assert!(!hosts.allow("127.0.0.1:4712"));
    assert!(!hosts.allow("localhost:4711"));
}
