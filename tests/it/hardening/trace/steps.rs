//! What is done at the most talkative level.

use std::fs;

use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::Run;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::{MARKER, Story, answers};
use crate::hardening::memory::follow;
use crate::web_login::begun;

pub(super) async fn log_in(story: &mut Story) {
    let code = story.world.stack.control().login_code("alice").unwrap();
    story.secret("code", &code);
    let login = ["login", "--code-stdin"];
    story
        .quoted(Endpoint::Token, std::slice::from_ref(&code), &login, &code)
        .await;
    for bad in ["two words", "\u{e9}", "line\nbreak"] {
        let secret = story.invented("bad code");
        story
            .ctl_with_input(&login, &format!("{secret} {bad}"))
            .await;
    }
    story.ctl_with_input(&login, &code).await.ok();
    story.stored();
}

/// Every endpoint quotes what it was sent.
pub(super) async fn be_refused(story: &mut Story) {
    for kind in [
        FaultKind::Garbage,
        FaultKind::Truncated,
        FaultKind::Html,
        FaultKind::Reset,
    ] {
        story.world.stack.control().outdate_access_tokens();
        story
            .world
            .stack
            .control()
            .plant(Endpoint::Token, Fault::times(kind, 1));
        story.ctl(&["whoami"]).await;
        story.calm();
    }
    story.alive().await;
    let bearer = vec![story.last("access_token")];
    for (endpoint, args) in [
        (Endpoint::Graphql, &["whoami"][..]),
        (Endpoint::Search, &["search", "hello"]),
        (Endpoint::GetCredentials, &["credential-process"]),
        (Endpoint::Config, &["config"]),
    ] {
        story.quoted(endpoint, &bearer, args, "").await;
        story.alive().await;
    }
    story.alive().await;
}

pub(super) async fn use_aws(story: &mut Story) {
    story.alive().await;
    story.nothing_held().await;
    // The last one is who signs in to the console.
    for profile in [MARKER, "lake", "default"] {
        story.vend(profile).await;
    }
    for format in ["bash", "json", "dotenv"] {
        story.secret_by_ctl(&["env", "--format", format]).await;
    }
    let console = ["console", "--print"];
    let url = story.secret_by_ctl(&console).await;
    let token = url.split("SigninToken=").nth(1).unwrap().trim();
    story.secret("SigninToken", token);
    let quoted = ["SecretAccessKey", "SessionToken"].map(|what| story.last(what));
    story
        .quoted(Endpoint::Federation, &quoted, &console, "")
        .await;
    for what in ["SecretAccessKey", "SessionToken"] {
        for n in 0..answers("").len() {
            // What STS quotes is what it was just sent.
            story.nothing_held().await;
            story.vend("default").await;
            let (status, body) = answers(&story.last(what)).swap_remove(n);
            story.plant(Endpoint::Sts, status, body);
            story
                .ctl(&["credential-process", "--profile", "lake"])
                .await;
            story.calm();
        }
    }
    story.ctl(&["profiles"]).await.ok();
    story.ctl(&["packages", "list", "s3://demo-bucket"]).await;
    story.stored();
}

pub(super) async fn use_keys(story: &mut Story) {
    let created = story
        .secret_by_ctl(&["api-keys", "create", "made", "--use"])
        .await;
    let made = created
        .lines()
        .find_map(|line| line.strip_prefix("Secret: "));
    if let Some(made) = made {
        story.secret("API key", made);
    }
    let (_, planted) = crate::api_keys::planted(&story.world, "planted");
    story.secret("API key", &planted);
    let login = ["login", "--api-key"];
    story
        .quoted(
            Endpoint::Graphql,
            std::slice::from_ref(&planted),
            &login,
            &planted,
        )
        .await;
    story.ctl_with_input(&login, &planted).await.ok();
    story.ctl(&["whoami"]).await.ok();
    let token = story.secret_by_ctl(&["token"]).await;
    assert_eq!(token.trim(), planted);
    story
        .quoted(
            Endpoint::Graphql,
            std::slice::from_ref(&planted),
            &["api-keys", "list"],
            "",
        )
        .await;
    story.ctl_with_input(&login, &planted).await.ok();
    let rotate = ["api-keys", "rotate", "--current"];
    story.secret_by_ctl(&rotate).await;
    let rotated = story.secret_by_ctl(&["token"]).await;
    story.secret("API key", rotated.trim());
    for bad in ["", "qk_", "qk_two words "] {
        let secret = format!("{bad}{}", story.invented("bad key"));
        story.ctl_with_input(&login, &secret).await.failed_somehow();
    }
    let (_, other) = crate::api_keys::planted(&story.world, "other");
    story.secret("API key", &other);
    let revoke = ["api-keys", "revoke", "--secret-stdin"];
    story
        .quoted(
            Endpoint::Graphql,
            std::slice::from_ref(&other),
            &revoke,
            &other,
        )
        .await;
    story.ctl_with_input(&revoke, &other).await;
    story.ctl(&["clear-api-key"]).await;
    story.alive().await;
}

trait Failed {
    fn failed_somehow(self);
}

impl Failed for Run {
    fn failed_somehow(self) {
        assert_ne!(self.code, 0, "{self:?}");
    }
}

/// The exec endpoint and the gateway, with the right secrets and with others.
pub(super) async fn use_loopback(story: &mut Story) {
    story.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(&story.world);
    story.secret("grant for quilt3", &bearer);
    let grant = GrantRequest {
        ttl_seconds: Some(600),
        ..GrantRequest::default()
    };
    let grant = story
        .world
        .client()
        .send(&CreateGrant(grant))
        .await
        .unwrap();
    let token = grant.token.expose().to_owned();
    story.secret("grant", &token);
    let rest = grant.uri.strip_prefix("http://").unwrap();
    let (endpoint, path) = rest.split_once('/').unwrap();
    let mut answers = 0;
    for (authority, path, right) in [
        (endpoint, format!("/{path}"), token),
        (
            &gateway,
            "/api/auth/get_credentials".to_owned(),
            format!("Bearer {bearer}"),
        ),
    ] {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n");
        let answer = say(authority, &format!("{head}Authorization: {right}\r\n\r\n")).await;
        assert!(answer.contains("SecretAccessKey"), "{answer}");
        let wrong = story.invented("wrong token");
        let cookie = story.invented("cookie");
        let query = story.invented("query");
        for request in [
            format!("{head}Authorization: {wrong}\r\n\r\n"),
            format!("{head}Authorization: Basic {wrong}\r\n\r\n"),
            format!("{head}Authorization: {right}\r\nCookie: {cookie}\r\nX-Key: {cookie}\r\n\r\n"),
            format!(
                "GET {path}?key={query} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {right}\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET /{query} HTTP/1.1\r\nHost: {authority}\r\nAuthorization: {right}\r\nConnection: close\r\n\r\n"
            ),
            format!(
                "GET / HTTP/1.1\r\nHost: {query}\r\nAuthorization: {right}\r\nConnection: close\r\n\r\n"
            ),
            format!("{cookie} is no HTTP\r\n\r\n"),
            format!("{head}Origin: http://{query}\r\nAuthorization: {right}\r\n\r\n"),
        ] {
            let answer = say(authority, &request).await;
            answers += usize::from(answer.starts_with("HTTP/1.1 "));
            // What is the holder's comes back to the holder alone.
            if answer.contains(" 4") {
                story.shown.extend_from_slice(answer.as_bytes());
            }
        }
    }
    assert!(answers > 8, "{answers} answers");
    let body = story.invented("GraphQL variable");
    let body = json!({ "query": "query { me { name } }", "variables": { "secret": body } });
    let body = body.to_string();
    let request = format!(
        "POST /graphql HTTP/1.1\r\nHost: {gateway}\r\nAuthorization: Bearer {bearer}\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let answer = say(&gateway, &request).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let script = "printf %s \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"";
    let token = story
        .secret_by_ctl(&["exec", "--", "sh", "-c", script])
        .await;
    story.secret("grant of exec", token);
    story.ctl(&["status"]).await.ok();
    story.ctl(&["setup", "quilt3", "--undo"]).await.ok();
}

async fn say(authority: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// Secrets where none belong.
pub(super) async fn be_clumsy(story: &mut Story) {
    for (method, target) in [
        ("POST", "/v1/session"),
        ("PUT", "/v1/session/api-key"),
        ("POST", "/v1/aws/grants"),
        ("POST", "/v1/api-keys"),
        ("POST", "/v1/api-keys/revoke"),
        ("PUT", "/v1/me/role"),
        ("POST", "/v1/search"),
        ("PUT", "/v1/config"),
    ] {
        let secret = story.invented("a body");
        for body in [
            json!({ "code": { "nested": secret }, "key": [secret] }),
            json!(secret),
        ] {
            let target = format!("{target}?catalog={}", story.world.stack.catalog_url());
            let answer = story.world.ask(method, &target, "*/*", Some(&body)).await;
            story.shown.extend_from_slice(&answer.body);
        }
    }
    let secret = story.invented("a query");
    for target in [
        format!("/v1/token?token={secret}"),
        format!("/v1/token?catalog=https://user:{secret}@demo.quilt.example"),
    ] {
        let answer = story.world.ask("GET", &target, "*/*", None).await;
        story.shown.extend_from_slice(&answer.body);
    }
    for request in [
        format!(
            "GET /v1/health HTTP/1.1\r\nHost: localhost\r\nAuthorization: {secret}\r\nConnection: close\r\n\r\n"
        ),
        format!("GET /v1/health HTTP/1.1\r\nHost: {secret}\r\nConnection: close\r\n\r\n"),
        format!("GET /v1/health HTTP/1.1\r\nHost: localhost\r\nBad header {secret}\r\n\r\n"),
        format!(
            "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{{\"code\": \"{secret}"
        ),
        format!(
            "POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 50\r\nConnection: close\r\n\r\n{{\"code\": \"{secret}"
        ),
        format!("{secret}\r\n\r\n"),
    ] {
        let mut stream = UnixStream::connect(story.world.home.socket())
            .await
            .unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        story.shown.extend_from_slice(&answer);
    }
    let url = format!("https://user:{secret}@demo.quilt.example");
    story
        .ctl(&["--catalog", &url, "whoami"])
        .await
        .failed_somehow();
    // What is no secret is told: that is how the look is known to see.
    story
        .ctl(&["credential-process", "--profile", &format!("no-{MARKER}")])
        .await
        .failed_somehow();
}

/// A login that the SDK made.
pub(super) async fn import(story: &mut Story) {
    story.ctl(&["logout"]).await.ok();
    let registry = story.world.stack.registry_url().to_owned();
    let code = story.world.stack.control().login_code("alice").unwrap();
    story.secret("code", &code);
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let form = [("refresh_token", code.as_str())];
    let answer = http
        .post(format!("{registry}/api/token"))
        .form(&form)
        .send()
        .await
        .unwrap();
    let tokens: Value = answer.json().await.unwrap();
    for key in ["refresh_token", "access_token"] {
        story.secret(key, tokens[key].as_str().unwrap());
    }
    let auth = story.world.home.config_yml().with_file_name("auth.json");
    let catalog = story.world.stack.catalog_url().to_owned();
    story.ctl(&["config", &catalog]).await.ok();
    fs::write(&auth, json!({ registry: tokens }).to_string()).unwrap();
    story.ctl(&["setup", "quilt3", "--import"]).await.ok();
    story.stored();
    story.ctl(&["whoami"]).await.ok();
    story.ctl(&["setup", "quilt3", "--undo"]).await.ok();
}

pub(super) async fn log_in_by_web(story: &mut Story) {
    let (mut ctl, page) = begun(&story.world).await;
    for secret in follow(&page).await {
        story.secret("code or state", secret);
    }
    assert!(ctl.wait().await.unwrap().success());
    story.stored();
    story.world.stack.control().outdate_access_tokens();
    story.ctl(&["whoami"]).await.ok();
    story.stored();
    let quoted = [story.last("refresh_token"), story.last("access_token")];
    story.world.stack.control().outdate_access_tokens();
    story
        .quoted(Endpoint::ConnectToken, &quoted[..1], &["whoami"], "")
        .await;
}
