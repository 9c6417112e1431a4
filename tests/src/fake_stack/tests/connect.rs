//! OAuth: registration, authorization, tokens.

use reqwest::{Response, StatusCode, Url, redirect};
use serde_json::{Value, json};

use super::{Session, start, start_with};
use crate::fake_stack::{Endpoint, Rotation};

const REDIRECT: &str = "http://127.0.0.1:4711/callback";
/// Verifier and challenge of RFC 7636, appendix B.
const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

impl Session {
    fn catalog(&self, path: &str) -> String {
        format!("{}{path}", self.stack.catalog_url())
    }

    async fn register(&self, redirect: &str) -> Response {
        let body = json!({
            "client_name": "test",
            "redirect_uris": [redirect],
            "token_endpoint_auth_method": "none",
        });
        let url = self.catalog("/auth/register");
        self.client.post(url).json(&body).send().await.unwrap()
    }

    async fn client_id(&self) -> String {
        let body: Value = self.register(REDIRECT).await.json().await.unwrap();
        body["client_id"].as_str().unwrap().to_owned()
    }

    /// Where the browser is sent once `user` approved.
    async fn authorize(&self, client_id: &str, redirect: &str, user: &str) -> Option<Url> {
        let query = [
            ("client_id", client_id),
            ("redirect_uri", redirect),
            ("response_type", "code"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
            ("scope", "platform"),
            ("state", "xyz"),
            ("user", user),
        ];
        let browser = reqwest::Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .build()
            .unwrap();
        let url = Url::parse_with_params(&self.catalog("/connect/authorize"), query).unwrap();
        let response = browser.get(url).send().await.unwrap();
        let location = response.headers().get("location")?.to_str().unwrap();
        Some(location.parse().unwrap())
    }

    async fn redeem(&self, client_id: &str, code: &str, verifier: &str) -> (StatusCode, Value) {
        self.oauth_token(&[
            ("grant_type", "authorization_code"),
            ("client_id", client_id),
            ("code", code),
            ("redirect_uri", REDIRECT),
            ("code_verifier", verifier),
        ])
        .await
    }

    async fn refresh(&self, client_id: &str, token: &str) -> (StatusCode, Value) {
        self.oauth_token(&[
            ("grant_type", "refresh_token"),
            ("client_id", client_id),
            ("refresh_token", token),
        ])
        .await
    }

    async fn oauth_token(&self, form: &[(&str, &str)]) -> (StatusCode, Value) {
        let url = self.catalog("/auth/token");
        let response = self.client.post(url).form(form).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

fn parameter(url: &Url, name: &str) -> Option<String> {
    let mut pairs = url.query_pairs();
    pairs
        .find(|(own, _)| own == name)
        .map(|(_, value)| value.into_owned())
}

#[tokio::test]
async fn a_login_in_the_browser_yields_tokens_the_registry_accepts() {
    let session = start().await;
    let client_id = session.client_id().await;
    let redirect = session.authorize(&client_id, REDIRECT, "alice").await;
    let redirect = redirect.unwrap();
    assert_eq!(parameter(&redirect, "state").as_deref(), Some("xyz"));
    let code = parameter(&redirect, "code").unwrap();
    let (status, tokens) = session.redeem(&client_id, &code, VERIFIER).await;
    assert_eq!(status, StatusCode::OK, "{tokens}");
    assert_eq!(tokens["expires_in"], 3600);
    session
        .credentials(tokens["access_token"].as_str().unwrap())
        .await;
    let refresh_token = tokens["refresh_token"].as_str().unwrap();
    let (status, fresh) = session.refresh(&client_id, refresh_token).await;
    assert_eq!(status, StatusCode::OK);
    assert_ne!(fresh["refresh_token"], tokens["refresh_token"]);
    let (status, body) = session.refresh(&client_id, refresh_token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert_eq!(body["error"], "invalid_grant");
}

#[tokio::test]
async fn a_code_is_good_once_and_only_with_its_verifier() {
    let session = start().await;
    let client_id = session.client_id().await;
    let code = || async {
        let url = session.authorize(&client_id, REDIRECT, "alice").await;
        parameter(&url.unwrap(), "code").unwrap()
    };
    let wrong = code().await;
    let (status, _) = session.redeem(&client_id, &wrong, "wrong").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let good = code().await;
    let (status, tokens) = session.redeem(&client_id, &good, VERIFIER).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = session.redeem(&client_id, &good, VERIFIER).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let token = tokens["refresh_token"].as_str().unwrap();
    let (status, _) = session.refresh(&client_id, token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "reuse ends the session");
}

#[tokio::test]
async fn loopback_redirects_match_as_the_stack_is_set() {
    let session = start().await;
    let client_id = session.client_id().await;
    let other_port = "http://127.0.0.1:9/callback";
    let redirect = session.authorize(&client_id, other_port, "alice").await;
    assert!(redirect.is_some());
    let control = session.stack.control();
    control.update(|settings| settings.connect.loopback_any_port = false);
    let redirect = session.authorize(&client_id, other_port, "alice").await;
    assert_eq!(redirect, None);
    control.update(|settings| settings.connect.loopback_allowed = false);
    assert_eq!(
        session.register(REDIRECT).await.status(),
        StatusCode::BAD_REQUEST
    );
    let denied = session.authorize(&client_id, REDIRECT, "nobody").await;
    assert_eq!(
        parameter(&denied.unwrap(), "error").as_deref(),
        Some("access_denied")
    );
}

#[tokio::test]
async fn token_answers_may_leave_things_out() {
    let session = start_with(|config| {
        config.settings.rotation = Rotation::Strict;
        config.settings.connect.omit_refresh_token = true;
        config.settings.connect.omit_expires_in = true;
    })
    .await;
    let client_id = session.client_id().await;
    let url = session.authorize(&client_id, REDIRECT, "alice").await;
    let code = parameter(&url.unwrap(), "code").unwrap();
    let (_, tokens) = session.redeem(&client_id, &code, VERIFIER).await;
    assert_eq!(tokens.get("expires_in"), None);
    let token = tokens["refresh_token"].as_str().unwrap();
    for _ in 0..2 {
        let (status, fresh) = session.refresh(&client_id, token).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(fresh.get("refresh_token"), None);
    }
}

#[tokio::test]
async fn a_revoked_session_is_over_and_a_disabled_server_unknown() {
    let session = start().await;
    let client_id = session.client_id().await;
    let url = session.authorize(&client_id, REDIRECT, "alice").await;
    let code = parameter(&url.unwrap(), "code").unwrap();
    let (_, tokens) = session.redeem(&client_id, &code, VERIFIER).await;
    let token = tokens["refresh_token"].as_str().unwrap();
    let revoke = session.client.post(session.catalog("/auth/revoke"));
    let revoked = revoke.form(&[("token", token)]).send().await.unwrap();
    assert_eq!(revoked.status(), StatusCode::OK);
    let (status, _) = session.refresh(&client_id, token).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    let control = session.stack.control();
    control.update(|settings| settings.connect.enabled = false);
    let metadata = session.catalog("/.well-known/oauth-authorization-server");
    let response = session.client.get(metadata).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::NOT_FOUND);
    assert_eq!(control.calls(Endpoint::ConnectMetadata), 1);
}
