//! Pages, codes, tokens and how they are refused.

use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Tokens, start, start_with};
use crate::fake_stack::{Endpoint, GraphqlRefusal, Rotation, TokenRefusal, UserChange};

#[tokio::test]
async fn the_catalog_names_its_registry() {
    let session = start().await;
    let url = format!("{}/config.json", session.stack.catalog_url());
    let read = async || {
        let answer = session.client.get(&url).send().await.unwrap();
        answer.json::<Value>().await.unwrap()
    };
    let config = read().await;
    assert_eq!(config["registryUrl"], session.stack.registry_url());
    session.stack.control().update(|settings| {
        settings
            .config_overrides
            .insert("registryUrl".into(), Value::Null);
        settings
            .config_overrides
            .insert("region".into(), json!("eu-west-1"));
    });
    let config = read().await;
    assert_eq!(config.get("registryUrl"), None);
    assert_eq!(config["region"], "eu-west-1");
}

#[tokio::test]
async fn the_login_page_leads_to_a_code_that_works() {
    let session = start().await;
    let login = session.registry("/login");
    let page = session.client.get(&login).send().await.unwrap();
    assert!(page.text().await.unwrap().contains("id=\"user-alice\""));
    let form = [("user", "alice")];
    let page = session
        .client
        .post(&login)
        .form(&form)
        .send()
        .await
        .unwrap();
    assert!(page.url().path().ends_with("/code"));
    let page = page.text().await.unwrap();
    let (_, rest) = page.split_once("<code id=\"code\">").unwrap();
    let code = rest.split('<').next().unwrap();
    Tokens::of(session.exchange(code).await.unwrap()).await;
    let form = [("user", "nobody")];
    let refused = session
        .client
        .post(&login)
        .form(&form)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn strict_reuse_of_a_refresh_token_ends_the_session() {
    let session = start().await;
    let code = session.code("alice");
    let tokens = Tokens::of(session.exchange(&code).await.unwrap()).await;
    let reused = session.exchange(&code).await.unwrap();
    assert_eq!(reused.status(), StatusCode::UNAUTHORIZED);
    let newest = session.exchange(&tokens.refresh).await.unwrap();
    assert_eq!(newest.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(session.stack.control().live_sessions(), 0);
}

#[tokio::test]
async fn grace_forgives_a_lost_answer() {
    let session = start_with(|config| config.settings.rotation = Rotation::Grace).await;
    let code = session.code("alice");
    Tokens::of(session.exchange(&code).await.unwrap()).await;
    let tokens = Tokens::of(session.exchange(&code).await.unwrap()).await;
    Tokens::of(session.exchange(&tokens.refresh).await.unwrap()).await;
    let old = session.exchange(&code).await.unwrap();
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn refusals_come_in_the_manner_that_was_set() {
    let session = start().await;
    let manners = [
        (TokenRefusal::Unauthorized, StatusCode::UNAUTHORIZED),
        (TokenRefusal::BadRequest, StatusCode::BAD_REQUEST),
        (TokenRefusal::OkWithError, StatusCode::OK),
    ];
    for (refusal, status) in manners {
        session
            .stack
            .control()
            .update(|settings| settings.token_refusal = refusal);
        let refused = session.exchange("nonsense").await.unwrap();
        assert_eq!(refused.status(), status);
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body.get("error").is_some(), status == StatusCode::OK);
    }
    let counts = session.stack.control().counts();
    assert_eq!(counts.operation("token:refused"), 3);
}

#[tokio::test]
async fn access_tokens_expire_by_the_clock_of_the_stack() {
    let session = start().await;
    let tokens = session.log_in("alice").await;
    session.credentials(&tokens.access).await;
    session.stack.control().clock().advance(3601);
    let response = session
        .get("/api/auth/get_credentials", &tokens.access)
        .await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        body["message"],
        "Outdated access token: please log in again"
    );
    let response = session.get("/api/auth/get_credentials", "nonsense").await;
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["message"], "Token could not be deserialized");
}

#[tokio::test]
async fn outdated_tokens_can_be_refreshed_and_revoked_sessions_cannot() {
    let session = start().await;
    let tokens = session.log_in("alice").await;
    let control = session.stack.control();
    control.outdate_access_tokens();
    let (status, _) = session.graphql(Some(&tokens.access), "{me{name}}").await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    control.update(|settings| settings.graphql_refusal = GraphqlRefusal::Anonymous);
    let (status, body) = session.graphql(Some(&tokens.access), "{me{name}}").await;
    assert_eq!(
        (status, &body["data"]["me"]),
        (StatusCode::OK, &Value::Null)
    );
    let tokens = Tokens::of(session.exchange(&tokens.refresh).await.unwrap()).await;
    session.credentials(&tokens.access).await;
    assert_eq!(control.revoke_sessions(Some("alice")), 1);
    let refused = session.exchange(&tokens.refresh).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn an_inactive_user_is_served_nothing() {
    let session = start().await;
    let tokens = session.log_in("alice").await;
    let change = UserChange {
        active: Some(false),
        ..UserChange::default()
    };
    session
        .stack
        .control()
        .change_user("alice", change)
        .unwrap();
    let response = session
        .get("/api/auth/get_credentials", &tokens.access)
        .await;
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert!(session.stack.control().login_code("alice").is_err());
}

#[tokio::test]
async fn two_stacks_in_one_process_do_not_know_each_other() {
    let (one, other) = (start().await, start().await);
    let tokens = one.log_in("alice").await;
    let refused = other.exchange(&tokens.refresh).await.unwrap();
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    let refused = other.get("/api/auth/get_credentials", &tokens.access).await;
    assert_eq!(refused.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(one.stack.control().calls(Endpoint::GetCredentials), 0);
    assert_eq!(other.stack.control().calls(Endpoint::GetCredentials), 1);
}
