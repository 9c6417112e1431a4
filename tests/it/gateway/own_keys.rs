//! Programs that show the gateway an API key of their own.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, KeySeed, StackConfig};
use quilt_tests::harness::World;
use serde_json::Value;

use super::{grant, raw, set_up};

const ME: &str = r#"{"query": "query me { me { email } }"}"#;

/// The status and body of who the registry says a key is, asked by the gateway.
pub(crate) async fn me(world: &World, key: &str) -> (u16, String) {
    said(world, key, "POST /graphql", ME).await
}

/// What the gateway answers to JSON with a key, or another right.
async fn said(world: &World, right: &str, what: &str, body: &str) -> (u16, String) {
    let (authority, _) = grant(world);
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: Bearer {right}"),
        "Content-Type: application/json".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    raw(&authority, what, &headers, body).await
}

/// Identifier and secret of a user's key.
fn key_of(world: &World, user: &str) -> (String, String) {
    let key = world.stack.control().add_key(&KeySeed::new(user, "own"));
    let key = key.unwrap();
    (key.id, key.secret.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_the_callers_own_is_its_right_and_nobody_elses() {
    let world = set_up(StackConfig::default()).await;
    let (id, secret) = key_of(&world, "bob");
    let (status, body) = me(&world, &secret).await;
    assert_eq!(
        (status, body.contains("bob@example.com")),
        (200, true),
        "{body}"
    );

    let rotations = world.stack.control().calls(Endpoint::Token);
    world.stack.control().revoke_key(&id);
    let (status, body) = me(&world, &secret).await;
    assert!(status == 401 || !body.contains("bob@"), "{status} {body}");
    let (status, _) = me(&world, "qk_of_nobody_at_all").await;
    assert_eq!(status, 401);
    // The daemon's own session has noticed nothing.
    assert_eq!(world.stack.control().calls(Endpoint::Token), rotations);
    let whoami = world.ctl(&["whoami"]).await.ok();
    assert!(whoami.contains("alice"), "{whoami}");

    let audit = world.ctl(&["audit", "--json"]).await.ok();
    assert!(!audit.contains(&secret), "{audit}");
    let audit: Vec<Value> = serde_json::from_str(&audit).unwrap();
    let of_keys = audit.iter().filter(|entry| {
        let request = entry["request"].as_str().unwrap_or_default();
        request.contains("with API key qk_")
    });
    let outcomes: Vec<&str> = of_keys
        .map(|entry| {
            assert!(entry.get("grant_id").is_none(), "{entry}");
            entry["outcome"].as_str().unwrap()
        })
        .collect();
    assert!(outcomes.contains(&"ok"), "{outcomes:?}");
    assert!(outcomes.contains(&"invalid_api_key"), "{outcomes:?}");
}

/// Any text that begins like one is a key to the gateway: what is said with it costs
/// nobody else anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_nobody_changes_nothing_for_others() {
    let world = set_up(StackConfig::default()).await;
    let said = async |right: &str, body: &str| said(&world, right, "POST /graphql", body).await.0;
    let switch =
        r#"{"query": "mutation { switchRole(roleName: \"ReadQuiltBucket\") { __typename } }"}"#;
    let credentials = async || world.ctl(&["credential-process"]).await.ok();
    let before = credentials().await;
    let made_up = "qk_garbageGARBAGEgarbage12";
    for body in ["not json", switch, "{}"] {
        assert!(said(made_up, body).await >= 400);
        assert_eq!(credentials().await, before, "{body}");
    }
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let audit: Vec<Value> = serde_json::from_str(&audit).unwrap();
    let of_it = audit.iter().filter(|entry| {
        let request = entry["request"].as_str().unwrap_or_default();
        request.contains("with API key qk_gar")
    });
    let outcomes: Vec<_> = of_it.map(|entry| entry["outcome"].clone()).collect();
    assert!(
        !outcomes.is_empty() && !outcomes.contains(&"ok".into()),
        "{outcomes:?}"
    );

    // Nor does what the stack cannot read, with a grant.
    let (_, token) = grant(&world);
    assert_eq!(said(&token, "not json").await, 400);
    assert_eq!(credentials().await, before);
    let away = Fault::always(FaultKind::status(503));
    world.stack.control().plant(Endpoint::Graphql, away);
    assert!(said(made_up, "not json").await >= 500);
    assert_eq!(credentials().await, before);
    world.stack.control().clear_faults();
    // The control: a switch that is carried out makes all of it stale.
    let (_, own) = key_of(&world, "alice");
    assert_eq!(said(&own, switch).await, 200);
    assert_ne!(credentials().await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_filtered_like_a_grant() {
    let world = set_up(StackConfig::default()).await;
    let (_, secret) = key_of(&world, "alice");
    let create = r#"{"query": "mutation { apiKeyCreate(input: {name: \"x\"}) { __typename } }"}"#;
    let (status, _) = said(&world, &secret, "POST /graphql", create).await;
    assert_eq!(status, 200, "the probe works");
    let (status, _) = said(&world, &secret, "POST /api/code", "").await;
    assert_eq!(status, 404);
    world
        .ctl(&["setup", "quilt3", "--without-api-keys"])
        .await
        .ok();
    let (status, body) = said(&world, &secret, "POST /graphql", create).await;
    assert_eq!(status, 403, "{body}");
}
