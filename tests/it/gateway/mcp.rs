//! Quilt's MCP server, untouched, on the daemon's session.

use std::fs;
use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, KeySeed, StackConfig};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Run, World};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use super::{grant, own_login, raw, sdk_file, set_up};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/mcp/call.py");

/// Calls tools of the server in the environment that `setup quilt3` tells of.
async fn calls(world: &World, registry: &str, calls: &[Value]) -> Run {
    run(world, registry, None, calls).await
}

/// The same by its deployment `remote`: over HTTP, where each request brings
/// an `Authorization` along.
async fn calls_with(world: &World, registry: &str, header: &str, calls: &[Value]) -> Run {
    run(world, registry, Some(header), calls).await
}

async fn run(world: &World, registry: &str, header: Option<&str>, calls: &[Value]) -> Run {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Mcp));
    let python = python.await.unwrap().expect("Python 3 is there");
    let mut command = world.home.command(python.program("python"));
    command
        .arg(SCRIPT)
        .env("QUILT_CATALOG_URL", world.stack.catalog_url())
        .env("QUILT_REGISTRY_URL", registry)
        .env("AWS_ENDPOINT_URL_S3", world.stack.s3_url())
        .env("MCP_TELEMETRY_ENABLED", "false")
        .args(header.iter().flat_map(|_| ["--deployment", "remote"]))
        .envs(header.map(|header| ("MCP_HEADER", header)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    for call in calls {
        let line = format!("{call}\n");
        stdin.write_all(line.as_bytes()).await.unwrap();
    }
    drop(stdin);
    child.wait_with_output().await.unwrap().into()
}

/// Texts of the answers, of which none is a failure.
fn texts(run: Run) -> Vec<String> {
    let answers = run.ok();
    let answers = answers.lines().map(|line| {
        let answer: Value = serde_json::from_str(line).unwrap();
        assert_eq!(answer["failed"], false, "{line}");
        answer["text"].as_str().unwrap().to_owned()
    });
    answers.collect()
}

/// What needs the bearer token at GraphQL and at the search service, and AWS
/// credentials for it. A search that names no bucket would ask the catalog itself.
fn everything() -> [Value; 4] {
    [
        json!(["resource", "auth://status"]),
        json!(["tool", "bucket_list", {}]),
        json!(["tool", "search_catalog", {"query": "hello", "bucket": "demo-bucket"}]),
        json!(["tool", "bucket_object_text", {"s3_uri": "s3://demo-bucket/hello.txt"}]),
    ]
}

fn holds_everything(texts: &[String]) {
    let [status, buckets, found, object] = texts else {
        panic!("{texts:?}")
    };
    assert!(status.contains("authenticated"), "{status}");
    assert!(buckets.contains("demo-bucket"), "{buckets}");
    assert!(found.contains("s3://demo-bucket/hello.txt"), "{found}");
    assert!(object.contains("Hello"), "{object}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quilts_mcp_server_works_on_the_login() {
    let world = World::start().await;
    // As it works without quiltd: the probe can tell.
    own_login(&world, "alice").await;
    let own = calls(&world, world.stack.registry_url(), &everything()).await;
    holds_everything(&texts(own));

    world.login().await;
    let told = world.ctl(&["setup", "quilt3"]).await;
    let (authority, token) = grant(&world);
    let catalog = world.stack.catalog_url();
    let host = catalog.split_once("://").unwrap().1;
    let here = format!("http://{authority}/catalogs/{host}");
    for variable in [
        format!("    QUILT_CATALOG_URL={catalog}\n"),
        format!("    QUILT_REGISTRY_URL={here}\n"),
        "    AWS_DEFAULT_REGION=us-east-1\n".to_owned(),
    ] {
        assert!(told.stderr.contains(&variable), "{}", told.stderr);
    }
    let auth = fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    assert!(!auth.contains("alice"), "{auth}");
    holds_everything(&texts(calls(&world, &here, &everything()).await));
    assert!(token.matches('.').count() == 2);

    // Where another catalog is the default, it is refused, and acts on none.
    let other = World::start().await;
    world.ctl(&["use", other.stack.catalog_url()]).await.ok();
    other.stack.control().reset_counts();
    let refused = calls(&world, &here, &everything()[1..2]).await;
    assert!(!refused.stdout.contains("demo-bucket"), "{refused:?}");
    let asked = other.stack.control().calls(Endpoint::Graphql);
    assert_eq!(asked, 0, "the other catalog was asked");
    let told = world.ctl(&["setup", "quilt3", "--catalog", catalog]).await;
    let said = format!("{catalog} is the default catalog now.");
    assert!(told.stdout.contains(&said), "{told:?}");
    holds_everything(&texts(calls(&world, &here, &everything()).await));

    // Nobody is let in by the shape alone.
    for grant in world.client().status().await.unwrap().grants {
        world.ctl(&["grants", "revoke", &grant.id]).await.ok();
    }
    let refused = calls(&world, &here, &everything()[1..2]).await;
    assert!(!refused.stdout.contains("demo-bucket"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn quilts_mcp_server_works_on_an_api_key() {
    let world = World::start().await;
    let key = world.stack.control().add_key(&KeySeed::new("alice", "ci"));
    let key = key.unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], &key.secret)
        .await
        .ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    let (authority, _) = grant(&world);
    let here = format!("http://{authority}");
    holds_everything(&texts(calls(&world, &here, &everything()).await));
}

#[tokio::test(flavor = "multi_thread")]
async fn quilts_mcp_server_works_over_http_with_a_header() {
    let world = World::logged_in().await;
    let bearer = |token: &str| format!("Bearer {}", token.trim());
    // As it works without quiltd: the probe can tell.
    let own = bearer(&world.ctl(&["token"]).await.ok());
    let registry = world.stack.registry_url();
    holds_everything(&texts(
        calls_with(&world, registry, &own, &everything()).await,
    ));
    let none = calls_with(&world, registry, "", &everything()).await;
    assert_ne!(none.code, 0, "{none:?}");

    world.ctl(&["setup", "quilt3"]).await.ok();
    let (authority, token) = grant(&world);
    let here = format!("http://{authority}");
    let granted = bearer(&token);
    holds_everything(&texts(
        calls_with(&world, &here, &granted, &everything()).await,
    ));
    // A key of the caller's own is the same here as there. For AWS credentials
    // the server wants a JWT, which no key is.
    let key = world.stack.control().add_key(&KeySeed::new("alice", "ci"));
    let key = key.unwrap();
    let with_key = bearer(&key.secret);
    // What was found says how long that took.
    let by_key = async |registry: &str| {
        let texts = texts(calls_with(&world, registry, &with_key, &everything()).await);
        assert!(texts[2].contains("s3://demo-bucket/hello.txt"), "{texts:?}");
        [texts[0].clone(), texts[1].clone(), texts[3].clone()]
    };
    let there = by_key(registry).await;
    assert!(there[1].contains("demo-bucket"), "{there:?}");
    assert!(
        there[2].contains("JWT authentication required"),
        "{there:?}"
    );
    assert_eq!(by_key(&here).await, there);

    // On a key in place of the login, the grant is good for everything.
    world
        .ctl_with_input(&["login", "--api-key"], &key.secret)
        .await
        .ok();
    holds_everything(&texts(
        calls_with(&world, &here, &granted, &everything()).await,
    ));

    let stranger = bearer(&token.replace(|c: char| c.is_ascii_digit(), "0"));
    let refused = calls_with(&world, &here, &stranger, &everything()[1..2]).await;
    assert!(!refused.stdout.contains("demo-bucket"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_gateway_names_itself_in_the_catalogs_config_json() {
    let world = set_up(StackConfig::default()).await;
    let (authority, _) = grant(&world);
    let host = format!("Host: {authority}");
    let ask = async || raw(&authority, "GET /config.json", &[&host], "").await;
    let (status, body) = ask().await;
    assert_eq!(status, 200, "{body}");
    let config: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(config["registryUrl"], format!("http://{authority}"));
    assert_eq!(config["navigator_url"], world.stack.catalog_url());
    assert_eq!(config["analyticsBucket"], "quilt-analytics-bucket");
    // Whoever asks does not make the catalog be asked each time.
    let asked = || world.stack.control().calls(Endpoint::Config);
    let before = asked();
    for _ in 0..5 {
        assert_eq!(ask().await, (200, body.clone()));
    }
    assert_eq!(asked(), before);
    let foreign = raw(&authority, "GET /config.json", &["Host: evil.example"], "").await;
    assert_ne!(foreign.0, 200);
}
