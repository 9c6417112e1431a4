//! The API, tried by its own description with what Schemathesis makes up:
//! nothing that is not described, and no failure of the daemon's own.

use std::process::Stdio;

use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Daemon, Run, World};
use tokio::net::{TcpListener, UnixStream};

use crate::malformed::number;

/// Cases for each of the endpoints, where nothing else is said by
/// `QUILT_SCHEMATHESIS_EXAMPLES`.
const EXAMPLES: u64 = 5;

const HOOKS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/clients/schemathesis/hooks.py");

/// What is looked at.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,fails_only_for_others,\
    problems_are_documented";

/// Carries connections from a port on loopback to the daemon's socket.
async fn forwarded(world: &World) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let socket = world.home.socket();
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let socket = socket.clone();
            tokio::spawn(async move {
                if let Ok(mut daemon) = UnixStream::connect(socket).await {
                    let (mut from, mut to) = client.split();
                    let (mut answer, mut request) = daemon.split();
                    // The daemon may answer without reading all.
                    let asking = tokio::io::copy(&mut from, &mut request);
                    let answering = async {
                        let _ = tokio::io::copy(&mut answer, &mut to).await;
                        let _ = tokio::io::AsyncWriteExt::shutdown(&mut to).await;
                    };
                    let _ = tokio::join!(asking, answering);
                }
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_described_and_no_failure_is_our_own() {
    let python = tokio::task::spawn_blocking(|| Python::prepare(Venv::Schemathesis));
    let python = python.await.unwrap().unwrap();
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    // Catalogs that are made up are nowhere, and nobody is asked for them.
    let nowhere = ("HTTPS_PROXY", "http://127.0.0.1:1");
    let args = ["--token-store", "file", "--log", "warn"];
    world.daemon = Some(Daemon::start_with(&world.home, &args, &[nowhere]).await);
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let before = world.client().status().await.unwrap().pid;
    let port = forwarded(&world).await;
    let seed = number("QUILT_SEED").unwrap_or_else(|| u64::from(getrandom::u32().unwrap()));
    let examples = number("QUILT_SCHEMATHESIS_EXAMPLES").unwrap_or(EXAMPLES);
    println!("QUILT_SEED={seed} QUILT_SCHEMATHESIS_EXAMPLES={examples}");
    let mut command = world.home.command(python.program("schemathesis"));
    let output = command
        .arg("run")
        .arg(format!("http://127.0.0.1:{port}/v1/openapi.json"))
        .args(["--header", "Host: localhost"])
        // What is answered with a secret ends its connection: the next request
        // must not meet that end.
        .args(["--header", "Connection: close"])
        .args(["--phases", "examples,coverage,fuzzing"])
        .args(["--max-examples", &examples.to_string()])
        .args(["--seed", &seed.to_string()])
        .args(["--checks", CHECKS, "--exclude-checks", "not_a_server_error"])
        // A stream without an end; the end of the daemon; and what it would
        // delete, or look for, anywhere on this machine.
        .args(["--exclude-path", "/v1/events"])
        .args(["--exclude-path", "/v1/shutdown"])
        .args(["--exclude-path-regex", "packages|doctor"])
        .args(["--request-timeout", "60", "--generation-database", "none"])
        .args(["--suppress-health-check", "all", "--no-color"])
        .env("SCHEMATHESIS_HOOKS", HOOKS)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let run = Run::from(output);
    assert_eq!(run.code, 0, "{}\n{}", run.stdout, run.stderr);
    let mut lines = run.stdout.lines().map(str::trim);
    let is_count = |line: &&str| line.starts_with(|c: char| c.is_ascii_digit());
    let counted = lines.find(|line| is_count(line) && line.contains(" generated"));
    println!("{}", counted.expect("how many cases there were"));
    assert_eq!(world.client().status().await.unwrap().pid, before, "alive");
}
