//! A world whose daemon finds the fake stack's AWS, and has profiles.

use quilt_tests::fake_stack::{ACCOUNT, FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, World};

/// The ARN of a role of the fake stack's account.
pub(crate) fn arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}

/// A world with this `quiltd.toml`, in which `alice` is logged in.
pub(crate) async fn world(config: StackConfig, settings: &str) -> World {
    world_at(config, settings, &[]).await
}

/// The same with more environment for the daemon, before or instead of the
/// fake stack's places.
pub(crate) async fn world_at(
    config: StackConfig,
    settings: &str,
    variables: &[(&str, &str)],
) -> World {
    let home = Home::new();
    set(&home, settings);
    world_of(home, config, variables).await
}

/// The same in a home, with what is set up there.
pub(crate) async fn world_of(home: Home, config: StackConfig, variables: &[(&str, &str)]) -> World {
    let stack = FakeStack::bind(config).await.unwrap();
    let federation = stack.federation_url();
    let mut all = vec![
        ("AWS_ENDPOINT_URL_STS", stack.sts_url()),
        ("QUILTD_CONSOLE_ENDPOINT", federation.as_str()),
    ];
    all.extend(variables);
    let daemon = Daemon::start_with(&home, &["--token-store", "file"], &all).await;
    let world = World {
        stack,
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    world
}

/// Writes `quiltd.toml`.
pub(crate) fn set(home: &Home, settings: &str) {
    let path = home.settings();
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, settings).unwrap();
}
