//! Control over HTTP.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::{Session, Tokens, start};
use crate::fake_stack::{DEMO_BUCKET, Endpoint, Host};

impl Session {
    async fn control(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let url = format!("{}/_control{path}", self.stack.control_url());
        let request = self.client.request(method, url).json(&body);
        let response = request.send().await.unwrap();
        let status = response.status();
        (status, response.json().await.unwrap_or_default())
    }
}

#[tokio::test]
async fn settings_are_patched() {
    let session = start().await;
    let patch = json!({"credential_seconds": -5, "rotation": "grace"});
    let (status, body) = session.control(Method::PATCH, "/settings", patch).await;
    assert_eq!(
        (status, &body["rotation"]),
        (StatusCode::OK, &json!("grace"))
    );
    assert_eq!(session.stack.control().settings().credential_seconds, -5);
    let wrong = json!({"nonsense": 1});
    let (status, _) = session.control(Method::PATCH, "/settings", wrong).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn faults_are_planted_listed_and_cleared() {
    let session = start().await;
    let fault = json!({"endpoint": "connect", "kind": "status", "status": 500, "times": 3});
    let (_, planted) = session.control(Method::POST, "/faults", fault).await;
    let (_, listed) = session.control(Method::GET, "/faults", Value::Null).await;
    assert_eq!(listed[0]["id"], planted["id"]);
    assert_eq!(listed[0]["endpoints"].as_array().unwrap().len(), 5);
    let (status, _) = session
        .control(Method::DELETE, "/faults", Value::Null)
        .await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    assert!(session.stack.control().faults().is_empty());
    let fault = json!({"endpoint": "nowhere", "kind": "hang"});
    let (status, body) = session.control(Method::POST, "/faults", fault).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["message"], "no endpoint is called \"nowhere\"");
}

#[tokio::test]
async fn a_code_comes_bare_also_while_the_catalog_refuses() {
    let session = start().await;
    session.stack.control().refuse(Host::Catalog, true);
    let url = format!("{}/_control/code?user=bob", session.stack.control_url());
    let response = session.client.get(url).send().await.unwrap();
    let code = response.text().await.unwrap();
    Tokens::of(session.exchange(&code).await.unwrap()).await;
    let (_, counts) = session.control(Method::GET, "/counts", Value::Null).await;
    assert_eq!(counts["endpoints"]["token"]["calls"], 1);
    session
        .control(Method::DELETE, "/counts", Value::Null)
        .await;
    assert_eq!(session.stack.control().calls(Endpoint::Token), 0);
}

#[tokio::test]
async fn users_keys_clock_and_objects_can_be_changed() {
    let session = start().await;
    let change = json!({"role": "ReadQuiltBucket", "admin": false});
    session.control(Method::PATCH, "/users/alice", change).await;
    let role = session.stack.control().active_role("alice");
    assert_eq!(role.as_deref(), Some("ReadQuiltBucket"));
    let seed = json!({"user": "alice", "name": "ci", "used_seconds_ago": 9});
    let (status, key) = session.control(Method::POST, "/keys", seed).await;
    assert_eq!(status, StatusCode::CREATED);
    let path = format!("/keys/{}/expire", key["id"].as_str().unwrap());
    session.control(Method::POST, &path, Value::Null).await;
    let secret = key["secret"].as_str().unwrap();
    let refused = session.get("/api/auth/get_credentials", secret).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let (_, clock) = session
        .control(Method::PUT, "/clock", json!({"offset_seconds": 60}))
        .await;
    assert_eq!(clock["offset_seconds"], 60);
    let role = json!({
        "arn": "arn:aws:iam::123456789012:role/new", "trusted": ["*"],
        "buckets": [{"bucket": "new-bucket"}],
    });
    let (status, _) = session.control(Method::POST, "/aws-roles", role).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    session
        .control(Method::PUT, "/buckets/new-bucket", Value::Null)
        .await;
    let path = format!("/objects/{DEMO_BUCKET}/new/key");
    let (status, _) = session.control(Method::PUT, &path, json!("content")).await;
    assert_eq!(status, StatusCode::NO_CONTENT);
    let object = session.stack.control().object(DEMO_BUCKET, "new/key");
    assert_eq!(object.as_deref(), Some(b"\"content\"".as_slice()));
}

#[tokio::test]
async fn the_overview_says_where_everything_is() {
    let session = start().await;
    let (_, overview) = session.control(Method::GET, "", Value::Null).await;
    assert_eq!(overview["catalog_url"], session.stack.catalog_url());
    assert_eq!(overview["users"][0]["name"], "alice");
}
