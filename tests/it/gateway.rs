//! The registry gateway: the real quilt3, untouched, on the daemon's session.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use quilt_proto::call::{CreateGrant, ReadGateway, ReadStatus};
use quilt_proto::wire::{GrantKind, GrantRequest};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Run, World};
use quilt_tests::stack::{Endpoint, GraphqlRefusal, KeySeed, StackConfig};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/wired.py");

/// A life of access tokens short enough to outlive some, in seconds.
const TOKEN_SECONDS: i64 = 6;

async fn quilt3(world: &World, args: &[&str]) -> Command {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Sdk));
    let python = python.await.unwrap().expect("Python 3 is there");
    let mut command = world.home.command(python.program("python"));
    command
        .arg(SCRIPT)
        .args(["--catalog", world.stack.catalog_url()])
        .args(args)
        .env("AWS_ENDPOINT_URL_S3", world.stack.s3_url())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

async fn once(world: &World) -> Run {
    let mut command = quilt3(world, &[]).await;
    command.output().await.unwrap().into()
}

/// Logs quilt3 in by itself, as people do today.
async fn own_login(world: &World, user: &str) {
    let code = world.stack.control().login_code(user).unwrap();
    let mut command = quilt3(world, &["--login"]).await;
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(code.as_bytes()).await.unwrap();
    drop(stdin);
    Run::from(child.wait_with_output().await.unwrap()).ok();
}

async fn set_up(config: StackConfig) -> World {
    let world = World::with(config).await;
    world.login().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    world
}

fn sdk_file(world: &World, name: &str) -> PathBuf {
    world.home.config_yml().with_file_name(name)
}

/// Every file of the SDK, backups of its configuration aside.
fn sdk_files(world: &World) -> Vec<(String, String)> {
    let folder = world.home.config_yml();
    let mut files: Vec<_> = fs::read_dir(folder.parent().unwrap())
        .into_iter()
        .flatten()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let text = fs::read(path).unwrap();
            (name, String::from_utf8_lossy(&text).into_owned())
        })
        .filter(|(name, _)| !name.contains(".backup."))
        .collect();
    files.sort();
    files
}

/// Reads `credentials.json` over and over: true if it held anything but the
/// placeholder, if only for a moment.
fn watch_credentials(world: &World) -> (Arc<AtomicBool>, std::thread::JoinHandle<bool>) {
    let stop = Arc::new(AtomicBool::new(false));
    let path = sdk_file(world, "credentials.json");
    let placeholder = fs::read_to_string(&path).unwrap();
    assert!(placeholder.contains("quiltd"));
    let watching = Arc::clone(&stop);
    let watcher = std::thread::spawn(move || {
        let mut leaked = false;
        while !watching.load(Ordering::Relaxed) {
            leaked |= fs::read_to_string(&path).is_ok_and(|text| text != placeholder);
            std::thread::sleep(Duration::from_millis(1));
        }
        leaked
    });
    (stop, watcher)
}

/// Runs so many processes for more than three lives of an access token each.
async fn outlive(world: &World, processes: usize) {
    let seconds = (TOKEN_SECONDS * 3 + 2).to_string();
    let mut running = Vec::new();
    for number in 0..processes {
        let name = format!("p{number}");
        let args = ["--seconds", &seconds, "--name", &name];
        running.push(quilt3(world, &args).await.spawn().unwrap());
    }
    for child in running {
        let run = Run::from(child.wait_with_output().await.unwrap());
        assert!(
            run.ok().lines().count() >= 2,
            "the first round, and one after all that time"
        );
    }
}

fn short_lives() -> StackConfig {
    let mut config = StackConfig::default();
    config.settings.access_token_seconds = TOKEN_SECONDS;
    config.settings.credential_seconds = 2 * TOKEN_SECONDS;
    config
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_processes_outlive_three_access_tokens_and_leave_no_secret() {
    let world = set_up(short_lives()).await;
    let (stop, watcher) = watch_credentials(&world);
    let auth = fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    outlive(&world, 8).await;
    stop.store(true, Ordering::Relaxed);
    assert!(!watcher.join().unwrap(), "credentials lay on the disk");
    assert_eq!(
        fs::read_to_string(sdk_file(&world, "auth.json")).unwrap(),
        auth
    );
    let rotations = world.stack.control().calls(Endpoint::Token);
    assert!(rotations >= 3, "{rotations}");
    // What the stack gave out is in none of the files.
    let token = world.ctl(&["token"]).await.ok();
    for (name, text) in sdk_files(&world) {
        assert!(!text.contains(token.trim()), "{name}");
        assert!(
            !text.contains(".eyJ") && !text.contains("ASIA"),
            "{name}: {text}"
        );
    }
    let audit = world.ctl(&["audit", "--json"]).await.ok();
    let audit: Value = serde_json::from_str(&audit).unwrap();
    let with_grant = audit.as_array().unwrap().iter();
    let actions: Vec<_> = with_grant
        .filter(|entry| entry["grant_id"].is_string())
        .map(|entry| entry["action"].as_str().unwrap())
        .collect();
    assert!(
        actions.contains(&"registry") && actions.contains(&"credentials"),
        "{actions:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_serves_it_just_the_same() {
    let world = World::with(short_lives()).await;
    let key = world
        .stack
        .control()
        .add_key(&KeySeed::new("alice", "ci"))
        .unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], &key.secret)
        .await
        .ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (stop, watcher) = watch_credentials(&world);
    outlive(&world, 1).await;
    stop.store(true, Ordering::Relaxed);
    assert!(!watcher.join().unwrap());
    assert_eq!(
        world.stack.control().calls(Endpoint::Token),
        0,
        "nobody logged in"
    );
    for (name, text) in sdk_files(&world) {
        assert!(!text.contains("qk_"), "{name}");
    }
}

/// A long-lived quilt3 and its first line.
async fn long_lived(world: &World) -> Child {
    let mut command = quilt3(world, &["--seconds", "600"]).await;
    let mut child = command.spawn().unwrap();
    next_round(&mut child).await;
    child
}

/// Waits until everything has been done once more, from its start.
async fn next_round(child: &mut Child) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    for _ in 0..2 {
        let line = lines.next_line().await.unwrap();
        if line.is_none() {
            let mut said = String::new();
            child
                .stderr
                .as_mut()
                .unwrap()
                .read_to_string(&mut said)
                .await
                .unwrap();
            panic!("quilt3 gave up: {said}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_daemon_keeps_port_and_grant() {
    let mut world = set_up(StackConfig::default()).await;
    let before = world.client().send(&ReadGateway).await.unwrap();
    for _ in 0..3 {
        once(&world).await.ok();
        world.crash_and_restart().await;
        let after = world.client().send(&ReadGateway).await.unwrap();
        assert_eq!(after, before);
        assert!(after.listening && after.strays.is_empty());
    }
    let mut child = long_lived(&world).await;
    // A new login, while it runs: it never knew a token.
    world.ctl(&["logout"]).await.ok();
    world.login().await;
    next_round(&mut child).await;
    child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ended_is_told_and_a_new_login_is_enough() {
    let mut config = StackConfig::default();
    config.settings.graphql_refusal = GraphqlRefusal::Anonymous;
    let world = set_up(config).await;
    once(&world).await.ok();
    world.stack.control().outdate_access_tokens();
    once(&world).await.ok();
    world.stack.control().revoke_sessions(None);
    let failed = once(&world).await;
    assert_ne!(failed.code, 0);
    assert!(
        failed.stderr.contains("Authentication failed"),
        "{}",
        failed.stderr
    );
    world.login().await;
    once(&world).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_its_own_is_taken_over_and_undoing_restores_the_rest() {
    let world = World::start().await;
    own_login(&world, "alice").await;
    let before = sdk_files(&world);
    world.ctl(&["logged-in"]).await.code_is(3);
    let said = world.ctl(&["setup", "quilt3", "--import"]).await;
    assert!(said.stderr.contains("took over"), "{}", said.stderr);
    said.ok();
    world.ctl(&["logged-in"]).await.ok();
    once(&world).await.ok();
    for (name, text) in sdk_files(&world) {
        // Moved aside, not copied: where the SDK's own credentials were.
        if name != "credentials.json.before-quiltd" {
            assert!(
                !text.contains("eyJ") && !text.contains("ASIA"),
                "{name}: {text}"
            );
        }
    }
    let again = world.ctl(&["setup", "quilt3"]).await.ok();
    assert!(again.contains("already"), "{again}");

    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    let after = sdk_files(&world);
    let of = |files: &[(String, String)], wanted: &str| {
        let found = files.iter().find(|(name, _)| name == wanted);
        found.map(|(_, text)| text.clone())
    };
    for name in ["config.yml", "credentials.json"] {
        assert_eq!(of(&after, name), of(&before, name), "{name}");
    }
    assert_eq!(
        of(&after, "auth.json"),
        None,
        "its login is the daemon's now"
    );
    let status = world.client().send(&ReadStatus).await.unwrap();
    assert!(status.grants.is_empty());
    let undone = world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert!(undone.contains("was not set up"), "{undone}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_taken_over_changes_nothing() {
    let world = World::start().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let before = sdk_files(&world);
    let line = world.ctl(&["setup", "quilt3", "--import"]).await.failed(7);
    assert!(line.contains("run: quiltctl login"), "{line}");
    assert_eq!(sdk_files(&world), before);

    own_login(&world, "alice").await;
    world.stack.control().revoke_sessions(None);
    let before = sdk_files(&world);
    let line = world.ctl(&["setup", "quilt3", "--import"]).await.failed(6);
    assert!(line.contains("run: quiltctl login"), "{line}");
    assert_eq!(sdk_files(&world), before);

    fs::write(sdk_file(&world, "auth.json"), "{broken").unwrap();
    let before = sdk_files(&world);
    let line = world.ctl(&["setup", "quilt3"]).await.failed(8);
    assert!(
        line.contains("auth.json") && line.contains("; run: mv "),
        "{line}"
    );
    // What was written up to there, a second try or undoing completes.
    world.ctl(&["setup", "quilt3", "--undo"]).await.failed(8);
    fs::remove_file(sdk_file(&world, "auth.json")).unwrap();
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    let rest: Vec<_> = before
        .into_iter()
        .filter(|(name, _)| name != "auth.json")
        .collect();
    assert_eq!(sdk_files(&world), rest);
}

#[tokio::test(flavor = "multi_thread")]
async fn configuring_a_catalog_anew_keeps_quilt3_here() {
    let world = set_up(StackConfig::default()).await;
    let other = World::start().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    once(&world).await.ok();
    // Another catalog becomes the default: quilt3 follows.
    world.ctl(&["config", other.stack.catalog_url()]).await.ok();
    let gateway = world.client().send(&ReadGateway).await.unwrap();
    assert_eq!(
        gateway.catalog_url.unwrap().as_str(),
        other.stack.catalog_url()
    );
    assert!(gateway.strays.is_empty() && gateway.listening);
    // Somebody configures quilt3 itself: that is told, and mended by one command.
    own_login(&world, "alice").await;
    let status = world.ctl(&["status"]).await;
    assert!(
        status.stderr.contains("run: quiltctl setup quilt3"),
        "{}",
        status.stderr
    );
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let status = world.ctl(&["status"]).await;
    assert!(!status.stderr.contains("quilt3"), "{}", status.stderr);
    once(&world).await.ok();
    // A registry that is the gateway itself is never followed.
    let gateway = gateway.gateway_url.unwrap().to_string();
    world.stack.control().update(|settings| {
        settings
            .config_overrides
            .insert("registryUrl".to_owned(), json!(gateway));
    });
    let line = world.ctl(&["setup", "quilt3"]).await.failed(8);
    assert!(line.contains("own gateway"), "{line}");
}

/// Status and body of a raw request to the gateway.
async fn raw(authority: &str, request: &str, headers: &[&str], body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(authority).await.unwrap();
    let headers: String = headers
        .iter()
        .map(|line| [*line, "\r\n"].concat())
        .collect();
    let request = format!(
        "{request} HTTP/1.1\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        !head.to_ascii_lowercase().contains("access-control"),
        "{head}"
    );
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    (status, body.to_owned())
}

/// The grant in the SDK's files, and where it is good.
pub(crate) fn grant(world: &World) -> (String, String) {
    let text = fs::read_to_string(sdk_file(world, "auth.json")).unwrap();
    let auth: Value = serde_json::from_str(&text).unwrap();
    let (url, login) = auth.as_object().unwrap().iter().next().unwrap();
    let authority = url.strip_prefix("http://").unwrap().to_owned();
    (
        authority,
        login["access_token"].as_str().unwrap().to_owned(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_grant_gets_anything() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let host = format!("Host: {authority}");
    let bearer = format!("Authorization: Bearer {token}");
    let calls = world.stack.control().calls(Endpoint::Graphql);
    let cases: &[(u16, &[&str])] = &[
        (403, &["Host: rebound.example", &bearer]),
        (403, &["Host: localhost", &bearer]),
        (403, &[&host, &bearer, "Origin: null"]),
        (403, &[&host, &bearer, "Sec-Fetch-Site: same-origin"]),
        (403, &[&host, &bearer, "Referer: http://127.0.0.1/"]),
        (401, &[&host]),
        (401, &[&host, "Authorization: Bearer "]),
        (401, &[&host, "Authorization: Basic eA=="]),
        (401, &[&host, &bearer, &bearer]),
    ];
    for (expected, headers) in cases {
        for request in [
            "GET /api/auth/get_credentials",
            "POST /graphql",
            "GET /api/search",
        ] {
            let (status, body) = raw(&authority, request, headers, "").await;
            // Too many refusals are not explained any more.
            assert!(
                status == *expected || status == 429,
                "{status} {request} {headers:?}"
            );
            assert!(!body.contains("SecretAccessKey"), "{body}");
        }
    }
    // A grant of credentials is none of the registry, nor the reverse.
    let other = CreateGrant(GrantRequest::default());
    let other = world.client().send(&other).await.unwrap();
    let foreign = format!("Authorization: Bearer {}", other.token.expose());
    let (status, _) = raw(&authority, "POST /graphql", &[&host, &foreign], "").await;
    assert!(status == 401 || status == 429);
    let container = other.uri.strip_prefix("http://").unwrap();
    let (container, path) = container.split_once('/').unwrap();
    let headers = [
        format!("Host: {container}"),
        format!("Authorization: {token}"),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let (status, _) = raw(container, &format!("GET /{path}"), &headers, "").await;
    assert!(status == 401 || status == 429);
    assert_eq!(world.stack.control().calls(Endpoint::Graphql), calls);
    assert!(!world.log().contains(&token));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_carries_the_registrys_paths_and_no_others() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: bearer {token}"),
        "Content-Type: application/json".to_owned(),
        "Cookie: mine=1".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    for outside in [
        "GET /",
        "GET /config.json",
        "GET /api/../login",
        "GET /api/%2e%2e/login",
    ] {
        let (status, _) = raw(&authority, outside, &headers, "").await;
        assert!([404, 422].contains(&status), "{status} for {outside}");
    }
    for page in ["GET /login", "GET /code"] {
        let (_, body) = raw(&authority, page, &headers, "").await;
        assert!(body.contains("quiltctl login"), "{body}");
    }
    let query = json!({"query": "{ me { name role { name } } }"}).to_string();
    let (status, body) = raw(&authority, "POST /graphql", &headers, &query).await;
    assert_eq!(status, 200);
    assert!(body.contains("alice"), "{body}");
    // As the registry says it: status and words.
    let bad = "GET /api/search?index=_all&action=freeform&body=%7B%22query%22%3A%7B%22x%22%3A%7B%7D%7D%7D&size=1";
    let (status, body) = raw(&authority, bad, &headers, "").await;
    assert_eq!(status, 400, "{body}");
    assert!(body.contains("unknown query"), "{body}");
    let (status, body) = raw(&authority, "GET /api/nowhere", &headers, "").await;
    assert_eq!(status, 404, "{body}");
    // A code pasted into quilt3 goes nowhere, and the user is told.
    let form = [
        "Content-Type: application/x-www-form-urlencoded",
        headers[0],
    ];
    let tokens = world.stack.control().calls(Endpoint::Token);
    let (status, body) = raw(&authority, "POST /api/token", &form, "refresh_token=x").await;
    assert_eq!(status, 200);
    assert!(body.contains("run: quiltctl login"), "{body}");
    let own = format!("refresh_token={token}");
    let (status, body) = raw(&authority, "POST /api/token", &form, &own).await;
    let answer: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        (status, answer["access_token"].as_str()),
        (200, Some(token.as_str()))
    );
    assert_eq!(world.stack.control().calls(Endpoint::Token), tokens);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_switched_through_it_flushes_credentials() {
    let world = set_up(StackConfig::default()).await;
    let (authority, token) = grant(&world);
    let headers = [
        format!("Host: {authority}"),
        format!("Authorization: Bearer {token}"),
        "Content-Type: application/json".to_owned(),
    ];
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let before = world.ctl(&["credential-process"]).await.ok();
    let roles = world.client().me().await.unwrap();
    let other = roles
        .roles
        .iter()
        .find(|role| Some(*role) != roles.role.as_ref())
        .unwrap();
    let query = format!("mutation {{ switchRole(roleName: \"{other}\") {{ __typename }} }}");
    let query = json!({ "query": query }).to_string();
    let (status, body) = raw(&authority, "POST /graphql", &headers, &query).await;
    assert!(status == 200 && body.contains("\"Me\""), "{body}");
    assert_ne!(world.ctl(&["credential-process"]).await.ok(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_grant_is_nobodys_and_setting_up_again_mends_it() {
    let world = set_up(StackConfig::default()).await;
    let status = world.client().send(&ReadStatus).await.unwrap();
    let [listed] = &status.grants[..] else {
        panic!("{:?}", status.grants)
    };
    assert_eq!(listed.kind, GrantKind::Registry);
    world.ctl(&["grants", "revoke", &listed.id]).await.ok();
    assert_ne!(once(&world).await.code, 0);
    let status = world.ctl(&["status"]).await;
    assert!(
        status.stderr.contains("run: quiltctl setup quilt3"),
        "{}",
        status.stderr
    );
    world.ctl(&["setup", "quilt3"]).await.ok();
    once(&world).await.ok();
}
