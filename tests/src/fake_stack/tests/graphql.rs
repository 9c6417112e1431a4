//! GraphQL: who am I, roles, keys.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::start;
use crate::fake_stack::KeySeed;

#[tokio::test]
async fn nobody_is_nobody() {
    let session = start().await;
    let (status, body) = session.graphql(None, "{me{name}}").await;
    assert_eq!(
        (status, body),
        (StatusCode::OK, json!({"data": {"me": null}}))
    );
    let (_, body) = session.graphql(None, "{admin{apiKeys{list{id}}}}").await;
    assert_eq!(body["errors"][0]["message"], "Authentication required");
}

#[tokio::test]
async fn a_role_can_be_switched_to_one_of_ones_own() {
    let session = start().await;
    let tokens = session.log_in("alice").await;
    let bearer = Some(tokens.access.as_str());
    let switch = |role: &str| {
        format!(
            "mutation{{switchRole(roleName: {role:?}){{__typename ... on Me{{role{{name}}}} \
             ... on InvalidInput{{errors{{path message name context}}}} \
             ... on OperationError{{message}}}}}}"
        )
    };
    let (_, body) = session.graphql(bearer, &switch("ReadQuiltBucket")).await;
    let answer = &body["data"]["switchRole"];
    assert_eq!(answer["__typename"], "Me");
    assert_eq!(answer["role"]["name"], "ReadQuiltBucket");
    let active = session.stack.control().active_role("alice");
    assert_eq!(active.as_deref(), Some("ReadQuiltBucket"));
    let (_, body) = session.graphql(bearer, &switch("Emperor")).await;
    assert_eq!(body["data"]["switchRole"]["__typename"], "InvalidInput");
}

#[tokio::test]
async fn keys_are_made_used_listed_and_revoked() {
    let session = start().await;
    let tokens = session.log_in("alice").await;
    let bearer = Some(tokens.access.as_str());
    let create = "mutation{apiKeyCreate(input: {name: \"ci\"}){__typename \
                  ... on APIKeyCreated{apiKey{id fingerprint status userEmail} secret} \
                  ... on InvalidInput{errors{name}}}}";
    let (_, body) = session.graphql(bearer, create).await;
    let created = &body["data"]["apiKeyCreate"];
    assert_eq!(created["__typename"], "APIKeyCreated");
    assert_eq!(created["apiKey"]["userEmail"], "alice@example.com");
    let secret = created["secret"].as_str().unwrap();
    session.credentials(secret).await;
    let list = "{me{apiKeys(name: \"ci\", status: ACTIVE){id lastUsedAt}}}";
    let (_, body) = session.graphql(Some(secret), list).await;
    assert!(body["data"]["me"]["apiKeys"][0]["lastUsedAt"].is_string());
    let id = created["apiKey"]["id"].as_str().unwrap();
    let revoke = format!("mutation{{apiKeyRevoke(id: {id:?}){{__typename}}}}");
    let (_, body) = session.graphql(bearer, &revoke).await;
    assert_eq!(body["data"]["apiKeyRevoke"]["__typename"], "Ok");
    let refused = session.get("/api/search?action=search", secret).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let body: Value = refused.json().await.unwrap();
    let message = "Authentication failed. Check your credentials or API key.";
    assert_eq!(body["message"], message);
}

#[tokio::test]
async fn somebody_elses_key_is_out_of_reach_except_for_admins() {
    let session = start().await;
    let control = session.stack.control();
    let key = control.add_key(&KeySeed::new("alice", "hers")).unwrap();
    let bob = session.log_in("bob").await;
    let bearer = Some(bob.access.as_str());
    let revoke = format!("mutation{{apiKeyRevoke(id: {:?}){{__typename}}}}", key.id);
    let (_, body) = session.graphql(bearer, &revoke).await;
    assert_eq!(body["data"]["apiKeyRevoke"]["__typename"], "InvalidInput");
    let get = format!("{{me{{apiKey(id: {:?}){{id}}}}}}", key.id);
    let (_, body) = session.graphql(bearer, &get).await;
    assert_eq!(body["data"]["me"]["apiKey"], Value::Null);
    let revoke = format!(
        "mutation{{admin{{apiKeys{{revoke(id: {:?}){{__typename}}}}}}}}",
        key.id
    );
    let (_, body) = session.graphql(bearer, &revoke).await;
    assert_eq!(body["errors"][0]["message"], "Admin access required");
    let alice = session.log_in("alice").await;
    let (_, body) = session.graphql(Some(&alice.access), &revoke).await;
    assert_eq!(
        body["data"]["admin"]["apiKeys"]["revoke"]["__typename"],
        "Ok"
    );
    assert_eq!(control.key_count(), 0);
}
