//! What is said too often, and of what nobody has.

use quilt_proto::api::{CreateGrant, RevokeGrant};
use quilt_proto::wire::{Grant, GrantRequest};
use quilt_tests::harness::World;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn grant(world: &World) -> Grant {
    let request = GrantRequest {
        ttl_seconds: Some(3600),
        ..GrantRequest::default()
    };
    world.client().send(&CreateGrant(request)).await.unwrap()
}

/// Head and body of the answer to a request, on a connection of its own.
async fn ask(authority: &str, line: &str, headers: &str, body: &str) -> (String, String) {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {authority}\r\n{headers}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_with_a_dead_grant_fills_no_log_and_is_always_told_why() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, _) = crate::gateway::grant(&world);
    let (alive, dead) = (grant(&world).await, grant(&world).await);
    world
        .client()
        .send(&RevokeGrant(dead.id.clone()))
        .await
        .unwrap();
    let place = alive.uri.strip_prefix("http://").unwrap();
    let (authority, path) = place.split_once('/').unwrap();
    let token = format!("Authorization: {}\r\n", dead.token.expose());
    let form = "Content-Type: application/x-www-form-urlencoded\r\n";
    let before = world.log().len();
    let mut throttled = 0;
    for _ in 0..100 {
        for (head, body) in [
            ask(authority, &format!("GET /{path}"), &token, "").await,
            ask(&gateway, "GET /api/auth/get_credentials", &token, "").await,
            ask(&gateway, "GET /nothing", "", "").await,
            ask(&gateway, "POST /api/token", form, "refresh_token=dead").await,
        ] {
            let status = head.split(' ').nth(1).unwrap();
            let body: Value = serde_json::from_str(&body).unwrap_or_default();
            // The Python SDK reads a refused token as a 200 with an error.
            assert!(
                body["message"].is_string() || body["error"].is_string(),
                "{head} {body}"
            );
            if ["429", "503"].contains(&status) {
                throttled += 1;
                assert_eq!(body["code"], "busy");
                assert!(head.contains("\r\nretry-after: "), "{head}");
            }
        }
    }
    assert!(throttled > 0, "it can be told");
    let log = world.log();
    let refused = log[before..]
        .matches("refused a request on loopback")
        .count();
    assert!((1..10).contains(&refused), "{refused} lines");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_was_only_mistyped_is_forgotten() {
    let world = World::logged_in().await;
    for number in 0..64 {
        let typed = format!("http://localhost:{}", 2 + number);
        let run = world.ctl(&["--catalog", &typed, "whoami"]).await;
        assert_ne!(run.code, 0, "{run:?}");
    }
    let status = world.client().status().await.unwrap();
    let shown: Vec<_> = status
        .catalogs
        .iter()
        .map(|it| it.catalog_url.to_string())
        .collect();
    assert_eq!(shown.len(), 1, "{shown:?}");
    // The configured one is there, whoever is logged in; and one logged out of.
    world.ctl(&["logout"]).await.ok();
    let status = world.ctl(&["status", "--json"]).await.ok();
    let status: Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["catalogs"].as_array().unwrap().len(), 1, "{status}");
}
