//! Canaries: nothing secret in logs, errors, argv, environment or status.

use std::fs;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{World, shown_of_start};

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_reaches_a_log_an_error_argv_or_the_environment() {
    let world = World::start().await;
    let code = world.stack.control().login_code("alice").unwrap();
    // A hostile upstream that repeats what it was sent.
    let echo = format!(r#"{{"message": "bad token {code}"}}"#);
    let echoing = FaultKind::Status {
        status: 400,
        body: echo,
    };
    world
        .stack
        .control()
        .plant(Endpoint::Token, Fault::times(echoing, 2));
    let mut seen = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .failed(6);
    world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .ok();

    let mut secrets = vec![code];
    secrets.extend(stored_secrets(&world));
    let credentials: serde_json::Value =
        serde_json::from_str(&world.ctl(&["credential-process"]).await.ok()).unwrap();
    secrets.push(credentials["SecretAccessKey"].as_str().unwrap().to_owned());
    secrets.push(credentials["SessionToken"].as_str().unwrap().to_owned());
    world.stack.control().outdate_access_tokens();
    for kind in [
        FaultKind::Garbage,
        FaultKind::status(500),
        FaultKind::Truncated,
    ] {
        world
            .stack
            .control()
            .plant(Endpoint::Token, Fault::once(kind));
        seen += &world.ctl(&["whoami"]).await.stderr;
    }
    world.ctl(&["whoami"]).await;
    secrets.extend(stored_secrets(&world));

    seen += &world.ctl(&["status"]).await.ok();
    seen += &world.ctl(&["status", "--json"]).await.ok();
    seen += &world.ask("GET", "/metrics", "*/*", None).await.text();
    seen += &world.log();
    let pid = world.daemon.as_ref().unwrap().pid();
    for (_, bytes) in shown_of_start(pid) {
        seen += &String::from_utf8_lossy(&bytes);
    }
    assert!(
        seen.contains("whoami") || seen.contains("listening"),
        "there is something to look at"
    );
    for secret in secrets {
        assert!(secret.len() > 8, "a canary long enough to be found");
        assert!(!seen.contains(&secret), "a secret was shown");
    }
}

fn stored_secrets(world: &World) -> Vec<String> {
    let text = fs::read_to_string(world.home.sessions_file()).unwrap();
    let state: serde_json::Value = serde_json::from_str(&text).unwrap();
    let record = &state["sessions"][world.stack.catalog_url()];
    ["refresh_token", "access_token"]
        .iter()
        .map(|key| record[key].as_str().unwrap().to_owned())
        .collect()
}
