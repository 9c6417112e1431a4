//! `quilt3.config(URL)`, the first line of a notebook, keeps quilt3 here.

use std::fs;

use quilt_tests::fake_stack::{KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Run, World};

use super::files::until;
use super::{grant, once, quilt3, sdk_file, set_up};

fn names(world: &World, registry: &str) -> bool {
    let config = fs::read_to_string(world.home.config_yml()).unwrap_or_default();
    let lines = config.lines();
    lines
        .filter(|line| line.starts_with("registryUrl:"))
        .any(|line| line.contains(registry))
}

async fn configure(world: &World) {
    let mut command = quilt3(world, &["--configure"]).await;
    Run::from(command.output().await.unwrap()).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn configuring_the_same_catalog_in_quilt3_is_led_back_at_once() {
    let mut world = set_up(StackConfig::default()).await;
    let (authority, _) = grant(&world);
    configure(&world).await;
    until(|| names(&world, &authority)).await;
    once(&world).await.ok();
    // Also what happened while no daemon ran.
    world.daemon.take().unwrap().stop().await;
    configure(&world).await;
    assert!(names(&world, world.stack.registry_url()), "the probe works");
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    until(|| names(&world, &authority)).await;
    once(&world).await.ok();
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert!(names(&world, world.stack.registry_url()));
    configure(&world).await;
    let status = world.ctl(&["status"]).await;
    assert!(!status.stderr.contains("quilt3"), "{}", status.stderr);
    assert!(
        names(&world, world.stack.registry_url()),
        "undone is undone"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_said_otherwise_stays() {
    let world = set_up(StackConfig::default()).await;
    let auth = sdk_file(&world, "auth.json");
    let with_grant = fs::read_to_string(&auth).unwrap();
    let (authority, _) = grant(&world);
    let config = fs::read_to_string(world.home.config_yml()).unwrap();
    let own = config.replace(&format!("http://{authority}"), world.stack.registry_url());
    let elsewhere = config.replace(&authority, "127.0.0.1:9");
    // As `quilt3.logout()` leaves it; and the gateway of another machine.
    for (auth_json, config_yml, registry) in [
        ("{}", &own, world.stack.registry_url()),
        (with_grant.as_str(), &elsewhere, "http://127.0.0.1:9"),
    ] {
        fs::write(&auth, auth_json).unwrap();
        fs::write(world.home.config_yml(), config_yml).unwrap();
        // What is led back is led back by now: it was written later.
        let marker = configure_elsewhere_and_back(&world, &with_grant, &own, &authority).await;
        assert!(marker, "the probe works");
        fs::write(&auth, auth_json).unwrap();
        fs::write(world.home.config_yml(), config_yml).unwrap();
        let status = world.ctl(&["status"]).await;
        assert!(
            status.stderr.contains("quiltctl setup quilt3"),
            "{status:?}"
        );
        assert!(names(&world, registry));
    }
}

/// Whether the daemon leads back what it should, which it does in order.
async fn configure_elsewhere_and_back(
    world: &World,
    auth: &str,
    config: &str,
    authority: &str,
) -> bool {
    fs::write(sdk_file(world, "auth.json"), auth).unwrap();
    fs::write(world.home.config_yml(), config).unwrap();
    until(|| names(world, authority)).await;
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn quilt3_logs_in_with_an_api_key_of_its_own() {
    let world = set_up(StackConfig::default()).await;
    let key = world.stack.control().add_key(&KeySeed::new("bob", "own"));
    let key = key.unwrap();
    let mut command = quilt3(&world, &["--api-key"]).await;
    let run = super::with_input(&mut command, &key.secret).await.ok();
    assert_eq!(run.trim(), "bob@example.com");
}
