//! What `quilt3` is configured to, and its login.

use std::fs;

use quilt_tests::fake_stack::FakeStack;
use quilt_tests::harness::Daemon;
use serde_json::json;

use super::Two;
use super::terminal::Terminal;

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_quilt3_follows_no_lie() {
    let two = Two::logged_in().await;
    let catalog = two.world.stack.catalog_url();
    let config = || fs::read_to_string(two.world.home.config_yml()).unwrap();
    let before = config();
    assert!(before.contains(two.world.stack.registry_url()));
    two.lie();
    two.refused(two.world.ctl(&["config", catalog]).await, "config");
    two.refused(two.world.ctl(&["setup", "quilt3"]).await, "config");
    two.refused(
        two.world.ctl(&["setup", "quilt3", "--import"]).await,
        "config",
    );
    assert_eq!(config(), before);
    two.world
        .ctl(&["config", catalog, "--accept-registry", "registry.example"])
        .await
        .failed(6);
    assert_eq!(config(), before);
    two.world
        .ctl(&["config", catalog, "--accept-registry", two.host()])
        .await
        .ok();
    assert!(config().contains(two.other.registry_url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_does_not_say_where_this_machine_keeps_packages() {
    // In a fresh home, where the first login configures quilt3.
    let two = Two::start().await;
    let catalog = two.world.stack.catalog_url();
    let lies = [
        ("default_local_registry", "s3://private-bucket"),
        ("default_install_location", "file:///home/somebody/.ssh"),
        ("telemetry_disabled", "false"),
    ];
    two.world.stack.control().update(|settings| {
        let said = &mut settings.config_overrides;
        said.extend(lies.map(|(key, value)| (key.to_owned(), json!(value))));
        // The control: this is a catalog's to say.
        said.insert(
            "default_remote_registry".to_owned(),
            json!("s3://demo-bucket"),
        );
        said.insert("s3Proxy".to_owned(), json!("https://theirs.example"));
    });
    let follows_none = async |after: &str| {
        let said = two.world.ctl(&["config", "--json"]).await.ok();
        let values: serde_json::Value = serde_json::from_str(&said).unwrap();
        assert_eq!(
            values["default_remote_registry"], "s3://demo-bucket",
            "{after}"
        );
        for (key, lie) in lies {
            assert_ne!(values[key], lie, "{after}");
        }
        assert_eq!(values["telemetry_disabled"], true, "{after}");
        let local = values["default_local_registry"].as_str().unwrap();
        assert!(local.starts_with("file:///"), "{after}: {local}");
    };
    let own = [
        "--set",
        "telemetry_disabled=true",
        "--set",
        "s3Proxy=https://own.example",
    ];
    two.world.ctl(&[&["config"], &own[..]].concat()).await.ok();
    two.world.login().await;
    follows_none("login").await;
    let said = two.world.ctl(&["config", "--json"]).await.ok();
    assert!(said.contains("own.example"), "{said}");
    two.world.ctl(&["config", catalog]).await.ok();
    follows_none("config").await;
    two.world.ctl(&["setup", "quilt3"]).await.ok();
    follows_none("setup quilt3").await;
    // quilt3 configures itself with what the gateway says, too.
    let (gateway, _) = crate::gateway::grant(&two.world);
    let published = reqwest::get(format!("http://{gateway}/config.json")).await;
    let published: serde_json::Value = published.unwrap().json().await.unwrap();
    assert_eq!(published["default_remote_registry"], "s3://demo-bucket");
    for (key, _) in lies {
        assert_eq!(published[key], serde_json::Value::Null);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_import_of_a_login_sends_it_where_it_was_made() {
    let two = Two::logged_in().await;
    two.world.ctl(&["logout"]).await.ok();
    // A login that quilt3 made, at both registries: only one is known.
    let tokens = |stack: &FakeStack| {
        let code = stack.control().login_code("alice").unwrap();
        json!({ "refresh_token": code, "access_token": "a", "expires_at": 5 })
    };
    let auth = json!({
        two.world.stack.registry_url(): tokens(&two.world.stack),
        two.other.registry_url(): tokens(&two.other),
    });
    let dir = two.world.home.config_yml().parent().unwrap().to_owned();
    fs::write(dir.join("auth.json"), auth.to_string()).unwrap();
    two.lie();
    let import = ["setup", "quilt3", "--import"];
    two.refused(two.world.ctl(&import).await, "config");
    two.truth();
    let imported = two.world.ctl(&import).await;
    assert!(imported.stderr.contains(" as alice (role "), "{imported:?}");
    imported.ok();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("alice"));
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_says_it_is_another_one_configures_neither_unasked() {
    let two = Two::start().await;
    let (catalog, other) = (two.world.stack.catalog_url(), two.other.catalog_url());
    two.world.ctl(&["config", catalog]).await.ok();
    let config = || fs::read_to_string(two.world.home.config_yml()).unwrap();
    let before = config();
    let name = |name: &str| {
        let name = json!(name);
        two.world.stack.control().update(|settings| {
            settings
                .config_overrides
                .insert("navigator_url".to_owned(), name);
        });
    };
    // Its own name, however it is written, is its own.
    name(&format!("{catalog}/"));
    two.world.ctl(&["config", catalog]).await.ok();
    assert_eq!(config(), before);
    for (named, hint) in [
        (other, other.to_owned()),
        (
            "https://b.example/$(touch x);y",
            "'https://b.example/$(touch%20x);y'".to_owned(),
        ),
    ] {
        name(named);
        let line = two.world.ctl(&["config", catalog]).await.failed(6);
        assert!(line.contains("says that it is another catalog"), "{line}");
        assert!(
            line.ends_with(&format!("; run: quiltctl config {hint}")),
            "{line}"
        );
        assert_eq!(config(), before);
    }
    // Whatever it calls itself, a login makes the one configured that was named.
    name(other);
    two.world.ctl(&["config", ""]).await.ok();
    two.login(&[]).await.ok();
    assert!(
        config().contains(catalog) && !config().contains(other),
        "{}",
        config()
    );

    // At a terminal it is asked about.
    let ctl = Terminal::open(&two.world, &["config", catalog]);
    let ctl = ctl.shows("instead? [y/N] ").await.types("n\n");
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 6, "{shown}");
    let ctl = Terminal::open(&two.world, &["config", catalog]);
    let ctl = ctl.shows("instead? [y/N] ").await.types("y\n");
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    // As that one says it itself.
    assert!(config().contains(other) && config().contains(two.other.registry_url()));
}

/// With the registry, the region may be a lie: programs would go there.
#[tokio::test(flavor = "multi_thread")]
async fn a_lie_that_is_refused_moves_no_region() {
    let mut two = Two::logged_in().await;
    let region = |region: &str| {
        let region = json!(region);
        let control = two.world.stack.control();
        control.update(|settings| {
            settings
                .config_overrides
                .insert("region".to_owned(), region);
        });
    };
    two.lie();
    region("cn-north-1");
    two.refused(two.login(&[]).await, "login");
    two.truth();
    region("eu-west-1");
    let kept = two.world.home.state().join("catalogs.json");
    two.world.daemon.take().unwrap().stop().await;
    let kept = fs::read_to_string(kept).unwrap();
    assert!(!kept.contains("cn-north-1"), "{kept}");
    // The control: the truth is learnt.
    two.world.daemon = Some(Daemon::start(&two.world.home, &["--token-store", "file"]).await);
    two.login(&[]).await.ok();
    two.world.daemon.take().unwrap().stop().await;
    let kept = two.world.home.state().join("catalogs.json");
    let kept = fs::read_to_string(kept).unwrap();
    assert!(kept.contains("eu-west-1"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_use_that_fails_moves_no_region() {
    let mut two = Two::start().await;
    let control = two.world.stack.control();
    let region = |region: &str| {
        let region = json!(region);
        control.update(|settings| {
            settings
                .config_overrides
                .insert("region".to_owned(), region);
        });
    };
    // Nothing is known that it could be held against.
    region("cn-north-1");
    two.lie();
    two.login(&[]).await.failed(6);
    two.use_key(&two.key(), &[]).await.failed(6);
    two.truth();
    region("eu-west-1");
    let catalog = two.world.stack.catalog_url();
    let setup = [
        "--catalog",
        catalog,
        "setup",
        "aws",
        "--name",
        "lake",
        "--yes",
    ];
    two.world.ctl(&setup).await.ok();
    let written = fs::read_to_string(two.world.home.aws_config()).unwrap();
    assert!(written.contains("eu-west-1"), "{written}");
    assert!(!written.contains("cn-north-1"), "{written}");
    // A login that succeeds has it remembered, also where the catalog is down.
    two.login(&[]).await.ok();
    two.world.daemon.take().unwrap().stop().await;
    let kept = two.world.home.state().join("catalogs.json");
    let kept = fs::read_to_string(kept).unwrap();
    assert!(kept.contains("eu-west-1"), "{kept}");
}
