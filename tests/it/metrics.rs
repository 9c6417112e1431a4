//! What operators see.

use quilt_proto::ProfileName;
use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Host};
use quilt_tests::harness::World;

async fn metrics(world: &World) -> String {
    let answer = world.ask("GET", "/metrics", "*/*", None).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer
            .media_type
            .starts_with("application/openmetrics-text")
    );
    let text = answer.text();
    assert!(text.ends_with("# EOF\n"), "{text}");
    text
}

/// The value of a line that begins like this; zero where there is none.
fn value(text: &str, line: &str) -> i64 {
    let found = text.lines().find_map(|have| have.strip_prefix(line));
    found.map_or(0, |value| value.trim().parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_in_the_life_is_counted() {
    let world = World::logged_in().await;
    let default = ProfileName::default_profile();
    world.client().credentials(&default).await.unwrap();
    let wish = CreateGrant(GrantRequest::default());
    let grant = world.client().send(&wish).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let vended = client
        .get(&grant.uri)
        .header("Authorization", grant.token.expose());
    assert_eq!(vended.send().await.unwrap().status(), 200);
    world.stack.control().outdate_access_tokens();
    world
        .stack
        .control()
        .plant(Endpoint::Token, Fault::once(FaultKind::status(503)));
    world.client().me().await.unwrap_err();

    let text = metrics(&world).await;
    let host = world.stack.catalog_url().strip_prefix("http://").unwrap();
    let line = |line: &str| value(&text, line);
    for (name, least) in [
        (
            r#"quiltd_api_requests_total{route="/v1/session",method="POST",status="2xx"}"#,
            1,
        ),
        (
            r#"quiltd_api_requests_total{route="/v1/me",method="GET",status="5xx"}"#,
            1,
        ),
        (
            r#"quiltd_api_requests_total{route="/v1/container/credentials",method="GET",status="2xx"}"#,
            1,
        ),
        (
            r#"quiltd_aws_credentials_vended_total{via="socket",outcome="ok"}"#,
            1,
        ),
        (
            r#"quiltd_aws_credentials_vended_total{via="grant",outcome="ok"}"#,
            1,
        ),
        (
            r#"quiltd_refreshes_total{kind="aws_credentials",outcome="ok"}"#,
            1,
        ),
        (
            r#"quiltd_refreshes_total{kind="access_token",outcome="failed"}"#,
            1,
        ),
        (
            r#"quiltd_refresh_duration_seconds_count{kind="access_token"}"#,
            1,
        ),
        (
            r#"quiltd_upstream_requests_total{service="stack",outcome="ok"}"#,
            2,
        ),
        (
            r#"quiltd_upstream_requests_total{service="stack",outcome="unreachable"}"#,
            1,
        ),
        (
            r#"quiltd_upstream_requests_total{service="stack",outcome="unauthorized"}"#,
            1,
        ),
        (r#"quiltd_sessions{state="active"}"#, 1),
        ("quiltd_grants", 1),
        ("process_start_time_seconds", 1_700_000_000),
        (
            &format!(r#"quiltd_access_token_remaining_seconds{{catalog="{host}"}}"#),
            1,
        ),
        (
            &format!(
                r#"quiltd_aws_credentials_remaining_seconds{{catalog="{host}",profile="default"}}"#
            ),
            1,
        ),
    ] {
        assert!(line(name) >= least, "{name} is {} in {text}", line(name));
    }
    assert_eq!(line("quiltd_audit_events_dropped_total"), 0);
    assert!(!text.contains("alice") && !text.contains("http:"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_to_vend_are_told_by_their_code() {
    // Nobody has asked yet: a login fetches what somebody has asked for.
    let world = World::logged_in().await;
    let default = ProfileName::default_profile();
    world.stack.control().refuse(Host::Registry, true);
    world.client().credentials(&default).await.unwrap_err();
    world.stack.control().refuse(Host::Registry, false);
    world.ctl(&["logout"]).await.ok();
    world.client().credentials(&default).await.unwrap_err();
    let text = metrics(&world).await;
    for code in ["login_required", "stack_unreachable"] {
        let line =
            format!(r#"quiltd_aws_credentials_vended_total{{via="socket",outcome="{code}"}}"#);
        assert_eq!(value(&text, &line), 1, "{line} in {text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_caller_can_make_it_grow() {
    let world = World::start().await;
    let lines = async || {
        world.ask("PURGE", "/v1/health", "*/*", None).await;
        world.ask("GET", "/v1/no-such-path", "*/*", None).await;
        world.ask("GET", "/v1/api-keys/no", "*/*", None).await;
        metrics(&world).await.lines().count()
    };
    lines().await;
    let before = lines().await;
    for n in 0..100 {
        let (method, path) = (format!("M{n}"), format!("/v1/{n}/{n}"));
        world.ask(&method, "/v1/health", "*/*", None).await;
        world.ask("GET", &path, "*/*", None).await;
        let key = format!("/v1/api-keys/{n}");
        world.ask("GET", &key, "*/*", None).await;
    }
    assert_eq!(lines().await, before);
}
