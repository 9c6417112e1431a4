//! The SDK's files: what is written to them, and what comes back.

use std::fs;

use quilt_proto::api::{ReadGateway, ReadStatus};
use quilt_proto::wire::GrantKind;
use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Daemon, Run, World};
use serde_json::json;

use super::{grant, holds_a_stacks_token, once, own_login, sdk_file, sdk_files, set_up};

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_its_own_is_taken_over_and_undoing_restores_the_rest() {
    let world = World::start().await;
    own_login(&world, "alice").await;
    let before = sdk_files(&world);
    let auth = before.iter().find(|(name, _)| name == "auth.json");
    assert!(holds_a_stacks_token(&auth.unwrap().1), "the probe works");
    world.ctl(&["logged-in"]).await.code_is(3);
    let said = world.ctl(&["setup", "quilt3", "--import"]).await;
    assert!(said.stderr.contains("Took over"), "{}", said.stderr);
    said.ok();
    world.ctl(&["logged-in"]).await.ok();
    once(&world).await.ok();
    for (name, text) in sdk_files(&world) {
        // Moved aside, not copied: where the SDK's own credentials were.
        if name != "credentials.json.before-quiltd" {
            assert!(
                !holds_a_stacks_token(&text) && !text.contains("ASIA"),
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
async fn a_proxy_that_would_be_asked_for_the_gateway_is_told() {
    let world = World::logged_in().await;
    let notes = async |variables: &[(&str, &str)]| {
        let mut command = world.ctl_command(&["setup", "quilt3"]);
        let run = Run::from(
            command
                .envs(variables.iter().copied())
                .output()
                .await
                .unwrap(),
        );
        assert_eq!(run.code, 0, "{run:?}");
        let lines = run.stderr.lines().map(str::to_owned);
        lines
            .filter(|line| line.contains("PROXY"))
            .collect::<Vec<_>>()
    };
    for proxy in ["HTTP_PROXY", "ALL_PROXY"] {
        let told = notes(&[(proxy, "http://proxy.example")]).await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(told[0].starts_with(proxy), "{told:?}");
        let mend = "; run: export NO_PROXY=\"127.0.0.1,localhost\"";
        assert!(told[0].ends_with(mend), "{told:?}");
    }
    let excepted = [
        ("HTTP_PROXY", "http://proxy.example"),
        ("NO_PROXY", "127.0.0.1"),
    ];
    for variables in [&excepted[..], &[]] {
        assert_eq!(notes(variables).await, [""; 0]);
    }
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
    assert_eq!(sdk_files(&world), before);
    let undone = world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert!(undone.contains("was not set up"), "{undone}");
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
    assert!(line.contains("this daemon itself"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_set_as_a_value_leaves_quilt3_behind_and_says_so() {
    let world = set_up(StackConfig::default()).await;
    let other = World::start().await;
    let set = async |url: &str| {
        let value = format!("navigator_url={url}");
        world.ctl(&["config", "--set", &value]).await
    };
    let own = world.stack.catalog_url();
    let told = set(other.stack.catalog_url()).await;
    let expected =
        format!("quilt3 still uses quiltd's session of {own}; run: quiltctl setup quilt3\n");
    assert_eq!((told.code, told.stderr), (0, expected));
    assert_eq!(set(own).await.stderr, "");
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert_eq!(set(other.stack.catalog_url()).await.stderr, "");
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

#[tokio::test(flavor = "multi_thread")]
async fn looking_at_the_grant_is_no_use_of_it() {
    let world = set_up(StackConfig::default()).await;
    for look in ["status", "doctor"] {
        world.ctl(&[look]).await.ok();
    }
    world.ctl(&["setup", "quilt3"]).await.ok();
    let last_used_at = async || world.client().status().await.unwrap().grants[0].last_used_at;
    assert_eq!(last_used_at().await, None);
    once(&world).await.ok();
    assert!(last_used_at().await.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_never_leaves_the_gateway_behind() {
    let world = set_up(StackConfig::default()).await;
    let registry = world.stack.registry_url();
    let leads_away = |world: &World| {
        let config = fs::read_to_string(world.home.config_yml()).unwrap();
        config.contains(registry) && !sdk_file(world, "auth.json").exists()
    };
    // Changed by somebody else, and set up once more in between.
    let region = ["config", "--set", "region=eu-west-1"];
    world.ctl(&region).await.ok();
    let id = &world.client().status().await.unwrap().grants[0].id;
    world.ctl(&["grants", "revoke", id]).await.ok();
    world.ctl(&["setup", "quilt3"]).await.ok();
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert!(leads_away(&world), "{:?}", sdk_files(&world));
    let config = fs::read_to_string(world.home.config_yml()).unwrap();
    assert!(config.contains("eu-west-1"), "{config}");
    // The record is lost.
    for broken in ["{", ""] {
        world.ctl(&["setup", "quilt3"]).await.ok();
        fs::write(world.home.state().join("python-sdk.json"), broken).unwrap();
        let status = world.ctl(&["status"]).await;
        assert!(status.stderr.contains("record"), "{}", status.stderr);
        world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
        assert!(leads_away(&world), "{:?}", sdk_files(&world));
        assert!(!sdk_file(&world, "credentials.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_all_state_lost_undoing_still_leads_back_to_the_registry() {
    for again in [true, false] {
        let mut world = set_up(StackConfig::default()).await;
        let (dead, old) = grant(&world);
        world.daemon.take().unwrap().stop().await;
        fs::remove_dir_all(world.home.state()).unwrap();
        world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
        world.login().await;
        if again {
            world.ctl(&["setup", "quilt3"]).await.ok();
            let auth = fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
            assert!(!auth.contains(&old), "the dead grant is gone");
            once(&world).await.ok();
        }
        let undone = world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
        assert!(!undone.contains("was not set up"), "{undone}");
        let config = fs::read_to_string(world.home.config_yml()).unwrap();
        assert!(config.contains(world.stack.registry_url()), "{config}");
        assert!(!config.contains(&dead), "{config}");
        assert!(!sdk_file(&world, "auth.json").exists());
        assert!(!sdk_file(&world, "credentials.json").exists());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moment_of_doubt_does_not_end_the_guard() {
    let world = set_up(StackConfig::default()).await;
    let auth = fs::read_to_string(sdk_file(&world, "auth.json")).unwrap();
    let credentials = sdk_file(&world, "credentials.json");
    let placeholder = fs::read_to_string(&credentials).unwrap();
    let there = || fs::read_to_string(&credentials).unwrap() == placeholder;
    let write = || fs::write(&credentials, "{\"secret_key\": \"canary\"}").unwrap();
    for (what, kept) in [("", true), ("{}", false)] {
        // As the SDK truncates it, and as it logs out.
        fs::write(sdk_file(&world, "auth.json"), what).unwrap();
        if kept {
            write();
            until(there).await;
        } else {
            // The guard may have looked at the login a moment before it ended.
            let is_the_sdks_own = || {
                write();
                !there()
            };
            until(is_the_sdks_own).await;
        }
        fs::write(sdk_file(&world, "auth.json"), &auth).unwrap();
        until(there).await;
    }
}

pub(crate) async fn until(done: impl Fn() -> bool) {
    let waiting = async {
        while !done() {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    let limit = std::time::Duration::from_secs(20);
    tokio::time::timeout(limit, waiting).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_daemon_brings_no_revoked_grant_back() {
    let world = set_up(StackConfig::default()).await;
    let socket = world.home.path().join("run/other.sock");
    let socket = socket.to_str().unwrap();
    let args = ["--token-store", "file", "--socket", socket];
    let other = Daemon::on_another_machine(&world.home, &args).await;
    let id = world.client().status().await.unwrap().grants[0].id.clone();
    world.ctl(&["grants", "revoke", &id]).await.ok();
    world
        .ctl(&["--socket", socket, "setup", "quilt3"])
        .await
        .ok();
    let kept = fs::read_to_string(world.home.state().join("grants.json")).unwrap();
    assert!(!kept.contains(&id), "{kept}");
    drop(other);
}
