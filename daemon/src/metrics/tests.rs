use std::time::Duration;

use quilt_proto::ErrorCode;
use quilt_proto::wire::{CatalogStatus, CredentialStatus, SessionStatus, TokenKind};

use super::*;

const NOW: i64 = 1_800_000_000;

fn at(offset: i64) -> Timestamp {
    Timestamp::from_unix(NOW + offset)
}

fn catalog(url: &str, token_left: i64) -> CatalogStatus {
    CatalogStatus {
        catalog_url: url.parse().unwrap(),
        registry_url: None,
        session: SessionStatus {
            state: quilt_proto::wire::SessionState::Active,
            kind: Some(TokenKind::Interactive),
            access_token_expires_at: Some(at(token_left)),
            last_error: None,
            api_key_fingerprint: None,
            api_key_expires_at: None,
        },
        credentials: vec![CredentialStatus {
            profile: "lake".parse().unwrap(),
            expires_at: Some(at(token_left + 1000)),
            next_refresh_at: None,
            last_error: None,
        }],
        alias: None,
        user: None,
        hint: None,
    }
}

fn status(catalogs: Vec<CatalogStatus>) -> Status {
    Status {
        network: quilt_proto::wire::NetworkStatus::default(),
        version: "1.2.3".to_owned(),
        pid: 1,
        started_at: Timestamp::from_unix(NOW),
        socket: String::new(),
        token_store: "memory".to_owned(),
        warnings: Vec::new(),
        findings: Vec::new(),
        protections: Vec::new(),
        grants: Vec::new(),
        audited: 0,
        default_catalog: None,
        catalogs,
    }
}

fn text(metrics: &Metrics, catalogs: Vec<CatalogStatus>) -> String {
    let now = Timestamp::from_unix(NOW);
    metrics.text(&status(catalogs), 7, now).unwrap()
}

fn metrics() -> Metrics {
    Metrics::new("1.2.3", Timestamp::from_unix(NOW))
}

#[track_caller]
fn has(text: &str, line: &str) {
    assert!(text.lines().any(|have| have == line), "no {line} in {text}");
}

#[test]
fn what_has_never_happened_is_zero_and_not_absent() {
    let text = text(&metrics(), Vec::new());
    has(&text, "process_start_time_seconds 1800000000");
    has(&text, r#"quiltd_build_info{version="1.2.3"} 1"#);
    has(&text, "quiltd_audit_events_dropped_total 7");
    has(&text, "quiltd_grants 0");
    has(&text, r#"quiltd_sessions{state="active"} 0"#);
    has(
        &text,
        r#"quiltd_refreshes_total{kind="access_token",outcome="refused"} 0"#,
    );
    has(
        &text,
        r#"quiltd_aws_credentials_vended_total{via="grant",outcome="ok"} 0"#,
    );
    assert!(text.ends_with("# EOF\n"), "{text}");
}

#[test]
fn what_happens_is_counted() {
    let metrics = metrics();
    let (requests, refreshes) = (&metrics.requests, &metrics.refreshes);
    requests.start("/v1/api-keys/{id}", "GET").answered(404);
    drop(requests.start("/v1/token", "GET"));
    let took = Duration::from_millis(200);
    refreshes.aws_credentials.record(RefreshOutcome::Ok, took);
    let code = ErrorCode::StackUnreachable;
    metrics.vended.record(Via::Socket, Some(&code));
    let asked: Result<(), ()> = Err(());
    metrics.upstream.sts.note(&asked, |()| "unreachable");
    let text = text(&metrics, Vec::new());
    for line in [
        r#"quiltd_api_requests_total{route="/v1/api-keys/{id}",method="GET",status="4xx"} 1"#,
        r#"quiltd_api_requests_total{route="/v1/token",method="GET",status="aborted"} 1"#,
        r#"quiltd_api_request_duration_seconds_count{route="/v1/token",method="GET"} 1"#,
        r#"quiltd_refreshes_total{kind="aws_credentials",outcome="ok"} 1"#,
        r#"quiltd_refresh_duration_seconds_bucket{le="0.25",kind="aws_credentials"} 1"#,
        r#"quiltd_refresh_duration_seconds_bucket{le="0.1",kind="aws_credentials"} 0"#,
        r#"quiltd_aws_credentials_vended_total{via="socket",outcome="stack_unreachable"} 1"#,
        r#"quiltd_upstream_requests_total{service="sts",outcome="unreachable"} 1"#,
    ] {
        has(&text, line);
    }
}

#[test]
fn what_is_held_is_told_by_host_and_gone_when_it_is_gone() {
    let metrics = metrics();
    let held = vec![
        catalog("https://demo.quilt.example", 60),
        catalog("https://other.example:8443/one", 600),
        catalog("https://other.example:8443/two", -5),
    ];
    let text_then = text(&metrics, held);
    for line in [
        r#"quiltd_sessions{state="active"} 3"#,
        r#"quiltd_access_token_remaining_seconds{catalog="demo.quilt.example"} 60"#,
        // Two of one host: the one that ends first.
        r#"quiltd_access_token_remaining_seconds{catalog="other.example:8443"} -5"#,
        r#"quiltd_aws_credentials_remaining_seconds{catalog="demo.quilt.example",profile="lake"} 1060"#,
    ] {
        has(&text_then, line);
    }
    assert!(!text_then.contains("https:") && !text_then.contains("/one"));
    assert!(!text(&metrics, Vec::new()).contains("catalog="));
}
