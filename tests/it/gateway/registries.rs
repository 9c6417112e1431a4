//! The next quilt3, which speaks to several registries in one process: every
//! catalog that is logged in has an address of its own at the gateway.

use std::process::Stdio;

use quilt_proto::api::ReadGateway;
use quilt_proto::wire::Gateway;
use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Run, World};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use super::{grant, raw, sdk_file, with_grant};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/quilt3/registries.py");

/// Who one is here, and on the other stack.
const HERE: &str = "alice@example.com";
const THERE: &str = "alice@elsewhere.example";

/// A world whose daemon is logged in to another stack as well.
async fn two_catalogs() -> (World, FakeStack) {
    let world = World::logged_in().await;
    let mut config = StackConfig::default();
    for user in config.users.iter_mut().filter(|user| user.name == "alice") {
        THERE.clone_into(&mut user.email);
    }
    let other = FakeStack::bind(config).await.unwrap();
    (world, other)
}

async fn log_in_to(world: &World, other: &FakeStack) {
    let code = other.control().login_code("alice").unwrap();
    let login = ["login", "--code-stdin", "--catalog", other.catalog_url()];
    world.ctl_with_input(&login, &code).await.ok();
}

/// The address of a catalog.
fn address(gateway: &Gateway, catalog: &str) -> Option<String> {
    let mut addresses = gateway.addresses.iter();
    let found = addresses.find(|it| it.catalog_url.as_str() == catalog);
    found.map(|it| it.gateway_url.to_string())
}

async fn gateway(world: &World) -> Gateway {
    world.client().send(&ReadGateway).await.unwrap()
}

/// Each address with the S3 behind it.
async fn addresses(world: &World, other: &FakeStack) -> [(String, String); 2] {
    let gateway = gateway(world).await;
    let first = address(&gateway, world.stack.catalog_url()).unwrap();
    let second = address(&gateway, other.catalog_url()).unwrap();
    [
        (first, world.stack.s3_url().to_owned()),
        (second, other.s3_url().to_owned()),
    ]
}

async fn quilt3(world: &World, at: &[(String, String)], args: &[&str]) -> Command {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::NextQuilt3));
    let python = python.await.unwrap().expect("Python 3 is there");
    let mut command = world.home.command(python.program("python"));
    command.arg(SCRIPT).args(args);
    for (address, s3) in at {
        command.args(["--at", address, s3]);
    }
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn seen(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

fn is_whole(seen: &Value, email: &str) {
    assert_eq!(seen["logged_in"], true, "{seen}");
    assert_eq!(seen["email"], email, "{seen}");
    let key = seen["access_key"].as_str().unwrap();
    assert!(key.starts_with("ASIA"), "{seen}");
    let object = seen["object"].as_str().unwrap();
    assert!(object.starts_with("Hello"), "{seen}");
    assert_eq!(seen["pushed"], true, "{seen}");
    let packages = seen["packages"].as_array().unwrap();
    assert!(packages.contains(&seen["browsed"]), "{seen}");
    assert!(seen["hits"].as_u64().unwrap() > 0, "{seen}");
}

struct Process {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Process {
    async fn start(world: &World, at: &[(String, String)]) -> Self {
        let mut command = quilt3(world, at, &["--rounds", "9"]).await;
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    async fn line(&mut self) -> Value {
        seen(&self.lines.next_line().await.unwrap().unwrap())
    }

    async fn again(&mut self) {
        let stdin = self.child.stdin.as_mut().unwrap();
        stdin.write_all(b"\n").await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_process_is_at_home_in_two_catalogs_and_a_logout_of_one_leaves_the_other() {
    let (world, other) = two_catalogs().await;
    // One is logged in before quilt3 is set up, the other after it.
    let told = world.ctl(&["setup", "quilt3"]).await;
    assert!(!told.stderr.contains("use_registry_url"), "{}", told.stderr);
    log_in_to(&world, &other).await;
    let at = addresses(&world, &other).await;
    let again = world.ctl(&["setup", "quilt3"]).await;
    let told = format!("use_registry_url(\"{}\")", at[1].0);
    assert!(again.stderr.contains(&told), "{}", again.stderr);

    let mut process = Process::start(&world, &at).await;
    let (first, second) = (process.line().await, process.line().await);
    is_whole(&first, HERE);
    is_whole(&second, THERE);
    assert_ne!(first["access_key"], second["access_key"]);

    // As long as it runs, each login goes its own way.
    let catalog = ["logout", "--catalog", other.catalog_url()];
    world.ctl(&catalog).await.ok();
    process.again().await;
    is_whole(&process.line().await, HERE);
    let gone = process.line().await;
    for what in ["email", "access_key", "object"] {
        let said = gone[what].as_str().unwrap();
        assert!(
            said.contains("Error") || said.contains("Exception"),
            "{gone}"
        );
    }
    log_in_to(&world, &other).await;
    process.again().await;
    is_whole(&process.line().await, HERE);
    is_whole(&process.line().await, THERE);
    process.child.kill().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn both_survive_a_restart_and_another_default_and_undo_takes_all_of_it() {
    let (mut world, other) = two_catalogs().await;
    log_in_to(&world, &other).await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let at = addresses(&world, &other).await;
    let both = async |world: &World| {
        let mut command = quilt3(world, &at, &[]).await;
        let run: Run = command.output().await.unwrap().into();
        let lines: Vec<_> = run.ok().lines().map(seen).collect();
        is_whole(&lines[0], HERE);
        is_whole(&lines[1], THERE);
    };
    both(&world).await;
    // Its threads, left alone, act for the catalog that is configured.
    let mut command = quilt3(&world, &at, &["--as-it-is"]).await;
    let run: Run = command.output().await.unwrap().into();
    let there = seen(run.ok().lines().last().unwrap());
    let pushed = there["pushed"].as_str().unwrap();
    assert!(pushed.contains("InvalidAccessKeyId"), "{there}");
    assert_eq!(there["email"], THERE);
    world.crash_and_restart().await;
    both(&world).await;
    // What is the default catalog changes the bare address alone.
    world.ctl(&["config", other.catalog_url()]).await.ok();
    assert_eq!(addresses(&world, &other).await, at);
    both(&world).await;

    let auth = std::fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    assert_eq!(auth.matches("http://127.0.0.1:").count(), 3, "{auth}");
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert!(!sdk_file(&world, "auth.json").exists());
    assert!(gateway(&world).await.addresses.is_empty());
}

/// Status and body at a path of the gateway, with a bearer.
async fn at(world: &World, path: &str, bearer: &str) -> (u16, String) {
    let (authority, _) = grant(world);
    let headers = with_grant(&authority, bearer);
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let me = r#"{"query": "query me { me { email } }"}"#;
    let (method, body) = if path.ends_with("/graphql") {
        ("POST", me)
    } else {
        ("GET", "")
    };
    raw(&authority, &format!("{method} {path}"), &headers, body).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_is_good_at_its_own_catalog_alone() {
    let (world, other) = two_catalogs().await;
    log_in_to(&world, &other).await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let auth = std::fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    let auth: Value = serde_json::from_str(&auth).unwrap();
    let [(first, _), (second, _)] = addresses(&world, &other).await;
    let token = |url: &str| auth[url]["access_token"].as_str().unwrap().to_owned();
    let path = |url: &str| url.splitn(4, '/').nth(3).unwrap().to_owned();
    for (own, foreign) in [(&first, &second), (&second, &first)] {
        for what in ["graphql", "api/auth/get_credentials"] {
            let (status, body) = at(&world, &format!("/{}/{what}", path(own)), &token(own)).await;
            assert_eq!(status, 200, "{body}");
            let there = format!("/{}/{what}", path(foreign));
            let (status, body) = at(&world, &there, &token(own)).await;
            assert_eq!(status, 401, "{body}");
        }
        let config = at(&world, &format!("/{}/config.json", path(own)), "none").await;
        let values: Value = serde_json::from_str(&config.1).unwrap();
        assert_eq!(values["registryUrl"], **own, "{values}");
    }
    for nowhere in ["/catalogs/nobody.example/graphql", "/catalogs/x/y/graphql"] {
        let (status, _) = at(&world, nowhere, &token(&first)).await;
        assert!(status == 401 || status == 404, "{nowhere}: {status}");
    }
    // What is kept back is kept back below every address.
    let (status, _) = at(
        &world,
        &format!("/{}/api/code", path(&first)),
        &token(&first),
    )
    .await;
    assert_eq!(status, 404);

    // A key of the caller's own goes to the catalog that is named.
    let key = other
        .control()
        .add_key(&KeySeed::new("bob", "own"))
        .unwrap();
    let (_, me) = at(&world, &format!("/{}/graphql", path(&second)), &key.secret).await;
    assert!(me.contains("bob@example.com"), "{me}");
    let (status, me) = at(&world, &format!("/{}/graphql", path(&first)), &key.secret).await;
    assert!(status == 401 || !me.contains("bob@"), "{status} {me}");
}
