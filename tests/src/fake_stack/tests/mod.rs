//! The stack over the wire, as its clients meet it.

mod aws;
mod connect;
mod control;
mod faults;
mod graphql;
mod login;
mod public_schema;

use reqwest::{Client, Response, StatusCode};
use serde_json::{Value, json};

use super::{FakeStack, StackConfig};

/// A stack and someone to talk to it.
struct Session {
    stack: FakeStack,
    client: Client,
}

/// What `/api/token` answered.
struct Tokens {
    access: String,
    refresh: String,
}

async fn start() -> Session {
    start_with(|_| {}).await
}

async fn start_with(change: impl FnOnce(&mut StackConfig)) -> Session {
    let mut config = StackConfig::default();
    change(&mut config);
    Session {
        stack: FakeStack::bind(config).await.unwrap(),
        client: Client::builder().no_proxy().build().unwrap(),
    }
}

impl Session {
    fn registry(&self, path: &str) -> String {
        format!("{}{path}", self.stack.registry_url())
    }

    fn code(&self, user: &str) -> String {
        self.stack.control().login_code(user).unwrap()
    }

    async fn exchange(&self, refresh_token: &str) -> reqwest::Result<Response> {
        let form = [("refresh_token", refresh_token)];
        self.client
            .post(self.registry("/api/token"))
            .form(&form)
            .send()
            .await
    }

    async fn log_in(&self, user: &str) -> Tokens {
        Tokens::of(self.exchange(&self.code(user)).await.unwrap()).await
    }

    async fn get(&self, path: &str, bearer: &str) -> Response {
        let url = self.registry(path);
        self.client
            .get(url)
            .bearer_auth(bearer)
            .send()
            .await
            .unwrap()
    }

    async fn credentials(&self, bearer: &str) -> Value {
        let response = self.get("/api/auth/get_credentials", bearer).await;
        assert_eq!(response.status(), StatusCode::OK);
        response.json().await.unwrap()
    }

    async fn graphql(&self, bearer: Option<&str>, query: &str) -> (StatusCode, Value) {
        let mut request = self.client.post(self.registry("/graphql"));
        if let Some(bearer) = bearer {
            request = request.bearer_auth(bearer);
        }
        let response = request.json(&json!({"query": query})).send().await.unwrap();
        (response.status(), response.json().await.unwrap())
    }
}

impl Tokens {
    async fn of(response: Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        let body: Value = response.json().await.unwrap();
        assert!(body["expires_at"].is_i64());
        let token = |name: &str| body[name].as_str().unwrap().to_owned();
        Self {
            access: token("access_token"),
            refresh: token("refresh_token"),
        }
    }
}
