//! Everything there is, done at log level TRACE, with hostile answers in
//! between: no secret is in the log, in the audit log, or in what quiltctl
//! says of failures.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;

use quilt_proto::call::CreateGrant;
use quilt_proto::wire::GrantRequest;
use quilt_tests::harness::{Canaries, Run, World};
use quilt_tests::stack::{Endpoint, Fault, FaultKind};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpStream, UnixStream};

use super::memory::follow;
use super::whole_world;
use crate::roles::arn;

/// No secret: it has to be found by the same look.
const MARKER: &str = "marker-0123456789abcdefghijklmnopqrstuvwxyz";

/// What was told to somebody, and what must not be in it.
struct Story {
    world: World,
    secrets: Vec<(String, String)>,
    shown: Vec<u8>,
}

impl Story {
    async fn begin() -> Self {
        let more = format!("[profiles.{MARKER}]\nrole_arn = '{}'\n", arn("lake"));
        let world = whole_world(&more, &["--log", "trace"]).await;
        Self {
            world,
            secrets: Vec::new(),
            shown: Vec::new(),
        }
    }

    fn secret(&mut self, what: &str, secret: impl Into<String>) {
        let secret = secret.into();
        assert!(secret.len() >= 16, "{what} is long enough to be found");
        if !self.secrets.iter().any(|(_, known)| *known == secret) {
            self.secrets.push((what.to_owned(), secret));
        }
    }

    /// Something secret of no use, for where it does not belong.
    fn invented(&mut self, what: &str) -> String {
        let random: String = (0..4)
            .map(|_| format!("{:08x}", getrandom::u32().unwrap()))
            .collect();
        self.secret(what, &random);
        random
    }

    fn show(&mut self, run: &Run) {
        self.shown.extend_from_slice(run.stdout.as_bytes());
        self.shown.extend_from_slice(run.stderr.as_bytes());
    }

    /// Runs quiltctl; all it says is to be free of secrets.
    async fn ctl(&mut self, args: &[&str]) -> Run {
        let run = self.world.ctl(args).await;
        self.show(&run);
        run
    }

    /// The same with something on its standard input.
    async fn ctl_with_input(&mut self, args: &[&str], input: &str) -> Run {
        let run = self.world.ctl_with_input(args, input).await;
        self.show(&run);
        run
    }

    /// Runs quiltctl to get a secret; only what it says besides is to be free
    /// of any.
    async fn secret_by_ctl(&mut self, args: &[&str]) -> String {
        let run = self.world.ctl(args).await;
        self.shown.extend_from_slice(run.stderr.as_bytes());
        run.ok()
    }

    /// Takes note of the tokens that are stored now.
    fn stored(&mut self) {
        let text = fs::read_to_string(self.world.home.sessions_file()).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        let record = &state["sessions"][self.world.stack.catalog_url()];
        for key in ["refresh_token", "access_token"] {
            if let Some(secret) = record[key].as_str() {
                self.secret(key, secret);
            }
        }
    }

    fn last(&self, what: &str) -> String {
        let mut all = self.secrets.iter().rev();
        all.find(|(name, _)| name == what).unwrap().1.clone()
    }

    fn plant(&self, endpoint: Endpoint, status: u16, body: String) {
        let fault = FaultKind::Status { status, body };
        self.world
            .stack
            .control()
            .plant(endpoint, Fault::times(fault, 2));
    }

    fn calm(&self) {
        self.world.stack.control().clear_faults();
    }

    /// Lets an endpoint say secrets in every way while quiltctl asks.
    async fn quoted(&mut self, endpoint: Endpoint, secrets: &[String], args: &[&str], input: &str) {
        for secret in secrets {
            for (status, body) in answers(secret) {
                if endpoint == Endpoint::GetCredentials {
                    self.nothing_held().await;
                }
                self.plant(endpoint, status, body);
                self.ctl_with_input(args, input).await;
                self.calm();
            }
        }
    }

    /// Switches the role: no credentials are held any more, and no failure.
    async fn nothing_held(&mut self) {
        let control = self.world.stack.control();
        let role = match control.active_role("alice").as_deref() {
            Some("ReadQuiltBucket") => "ReadWriteQuiltBucket",
            _ => "ReadQuiltBucket",
        };
        if self.ctl(&["role", "switch", role]).await.code != 0 {
            self.alive().await;
        }
    }

    /// The credentials of a profile.
    async fn vend(&mut self, profile: &str) {
        let args = ["credential-process", "--profile", profile];
        let document = self.secret_by_ctl(&args).await;
        let document: Value = serde_json::from_str(&document).unwrap();
        for key in ["SecretAccessKey", "SessionToken"] {
            self.secret(key, document[key].as_str().unwrap());
        }
    }

    /// Logs in again, if a hostile answer has ended the login.
    async fn alive(&mut self) {
        if self.ctl(&["whoami"]).await.code != 0 {
            self.world.login().await;
        }
        self.stored();
    }

    /// The places nothing secret may be in: what quiltctl said, and the
    /// daemon's files but those that keep secrets by design.
    async fn everything_said(&self) -> Vec<(String, Vec<u8>)> {
        let home = self.world.home.path();
        let mut places = vec![
            ("quiltctl".to_owned(), self.shown.clone()),
            ("the log".to_owned(), self.world.log().into_bytes()),
        ];
        for entry in fs::read_dir(self.world.home.state()).unwrap().flatten() {
            let name = entry.file_name().into_string().unwrap();
            if name != "sessions.json" && entry.file_type().unwrap().is_file() {
                places.push((name, fs::read(entry.path()).unwrap()));
            }
        }
        let pid = self.world.daemon.as_ref().unwrap().pid();
        for file in ["cmdline", "environ"] {
            places.push((
                file.to_owned(),
                fs::read(format!("/proc/{pid}/{file}")).unwrap(),
            ));
        }
        for target in [
            "/metrics",
            "/v1/status",
            "/v1/audit",
            "/v1/profiles",
            "/v1/config",
        ] {
            let answer = self.world.ask("GET", target, "*/*", None).await;
            places.push((target.to_owned(), answer.body.to_vec()));
        }
        assert!(
            places.iter().any(|(name, _)| name == "audit.jsonl"),
            "{}",
            home.display()
        );
        places
    }
}

/// Status and body of answers that quote a secret.
fn answers(secret: &str) -> Vec<(u16, String)> {
    let said = format!("you sent {secret} and \"{secret}\", which is bad");
    let objects = [
        json!({ "message": said }),
        json!({ "error": said }),
        json!({ "error": { "reason": said }, "detail": said }),
        json!({ "error_description": said, "error": "invalid_request" }),
        json!({ "errors": [{ "message": said, "path": [said] }] }),
        json!({ "data": { "me": said }, "errors": [{ "message": said }] }),
        json!({ "access_token": [said], "AccessKeyId": [said], "hits": said }),
    ];
    let xml = |code: &str| {
        format!(
            "<ErrorResponse><Error><Code>{code}</Code><Message>{said}</Message></Error>\
             </ErrorResponse>"
        )
    };
    let bodies = objects.iter().map(Value::to_string).chain([
        said.clone(),
        format!("<html><title>{said}</title></html>"),
        xml(secret),
        xml("AccessDenied"),
        format!("{{\"message\": \"{said}"),
    ]);
    let statuses = [200, 400, 404, 500];
    let mut answers: Vec<_> = statuses.into_iter().cycle().zip(bodies).collect();
    let plain = objects[0].to_string();
    answers.extend(statuses.map(|status| (status, plain.clone())));
    answers.push((403, xml("AccessDenied")));
    // It may end the login.
    answers.push((403, plain));
    answers
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_at_the_most_talkative_level() {
    let mut story = Story::begin().await;
    log_in(&mut story).await;
    be_refused(&mut story).await;
    use_aws(&mut story).await;
    use_keys(&mut story).await;
    use_loopback(&mut story).await;
    be_clumsy(&mut story).await;
    import(&mut story).await;
    log_in_by_web(&mut story).await;
    story.ctl(&["logout", "--all"]).await.ok();

    let places = story.everything_said().await;
    let log = &places.iter().find(|(name, _)| name == "the log").unwrap().1;
    the_log_is_talkative(log);
    let socket = story.world.home.socket();
    let socket = socket.to_str().unwrap();
    for (place, control) in [("the log", socket), ("quiltctl", MARKER)] {
        let (_, bytes) = places.iter().find(|(name, _)| name == place).unwrap();
        let found = Canaries::in_every_form([control]).within(bytes);
        assert!(!found.is_empty(), "the control is found: {place}");
    }
    assert!(story.secrets.len() > 30, "{}", story.secrets.len());
    let secrets = story.secrets.iter().map(|(_, secret)| secret);
    let canaries = Canaries::in_every_form(secrets);
    let mut told = BTreeSet::new();
    for (place, bytes) in &places {
        for (at, secret) in canaries.within(bytes) {
            let begin = bytes[..at]
                .iter()
                .rposition(|byte| *byte == b'\n')
                .map_or(0, |at| at + 1);
            let line = &bytes[begin..(begin + 300).min(bytes.len())];
            let line = String::from_utf8_lossy(line)
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned();
            told.insert(format!("{} in {place}: {line}", story.secrets[secret].0));
        }
    }
    assert!(told.is_empty(), "{told:#?}");
}

/// Checks that libraries did speak: what they say at TRACE was looked at.
fn the_log_is_talkative(log: &[u8]) {
    let log = String::from_utf8_lossy(log);
    let crates: BTreeSet<_> = log
        .lines()
        .filter_map(|line| line.split_once(" TRACE "))
        .filter_map(|(_, line)| line.split([':', '{', ' ']).find(|word| !word.is_empty()))
        .map(str::to_owned)
        .collect();
    for library in ["hyper_util", "aws_smithy_runtime"] {
        assert!(
            crates.contains(library),
            "{library} is not among {crates:?}"
        );
    }
}

async fn log_in(story: &mut Story) {
    let code = story.world.stack.control().login_code("alice").unwrap();
    story.secret("code", &code);
    let login = ["login", "--code-stdin"];
    story
        .quoted(Endpoint::Token, &[code.clone()], &login, &code)
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
async fn be_refused(story: &mut Story) {
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

async fn use_aws(story: &mut Story) {
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

async fn use_keys(story: &mut Story) {
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
        .quoted(Endpoint::Graphql, &[planted.clone()], &login, &planted)
        .await;
    story.ctl_with_input(&login, &planted).await.ok();
    story.ctl(&["whoami"]).await.ok();
    let token = story.secret_by_ctl(&["token"]).await;
    assert_eq!(token.trim(), planted);
    story
        .quoted(
            Endpoint::Graphql,
            &[planted.clone()],
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
        .quoted(Endpoint::Graphql, &[other.clone()], &revoke, &other)
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
async fn use_loopback(story: &mut Story) {
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
async fn be_clumsy(story: &mut Story) {
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
            json!([secret]),
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
async fn import(story: &mut Story) {
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
    story
        .ctl(&["config", &story.world.stack.catalog_url().to_owned()])
        .await
        .ok();
    fs::write(&auth, json!({ registry: tokens }).to_string()).unwrap();
    story.ctl(&["setup", "quilt3", "--import"]).await.ok();
    story.stored();
    story.ctl(&["whoami"]).await.ok();
    story.ctl(&["setup", "quilt3", "--undo"]).await.ok();
}

async fn log_in_by_web(story: &mut Story) {
    let mut ctl = story
        .world
        .ctl_command(&["login", "--web", "--no-browser"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(BufReader::new(ctl.stderr.take().unwrap()));
    let line = lines.next_line().await.unwrap().unwrap();
    let page = &line[line.find("http").unwrap()..];
    for secret in follow(page).await {
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
