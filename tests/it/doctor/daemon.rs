//! Faults of the daemon, of what it owns, and of the stack behind it.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::time::{Duration, Instant};

use quilt_proto::wire::{Finding, Severity};
use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, Host, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Home, SessionBus, World};
use rustix::process::{Pid, Signal, kill_process};

use super::{codes, found, found_after, healthy, set_up, sh, tools};
use crate::roles::{arn, set};

/// What shows whether a server answers, and nothing of what it says.
const HEAD: &str = "curl -sSI -m 10 -o /dev/null -w '%{http_code}\\n'";

/// The one thing that is wrong.
async fn only(world: &World, code: &str) -> Finding {
    let mut findings = found(world, &[]).await;
    assert_eq!(codes(&findings), [code], "{findings:#?}");
    findings.remove(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_is_missing_or_over() {
    let world = healthy().await;
    let login = format!("quiltctl login {}", world.stack.catalog_url());
    world.ctl(&["logout"]).await.ok();
    assert_eq!(only(&world, "login_required").await.hint.to_string(), login);
    world.login().await;
    assert_eq!(found(&world, &[]).await, []);

    world.stack.control().revoke_sessions(None);
    world.stack.control().outdate_access_tokens();
    assert_eq!(
        only(&world, "session_expired").await.hint.to_string(),
        login
    );
    world.login().await;
    assert_eq!(found(&world, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_refused_or_about_to_end() {
    let world = healthy().await;
    let key = |days: i64| {
        let seed = KeySeed {
            created_seconds_ago: (90 - days) * 86_400,
            expires_in_seconds: days * 86_400,
            ..KeySeed::new("alice", "ci")
        };
        world.stack.control().add_key(&seed).unwrap()
    };
    let soon = key(3);
    let set_key = async |secret: &str| {
        let args = ["login", "--api-key"];
        world.ctl_with_input(&args, secret).await.ok();
    };
    set_key(&soon.secret).await;
    let found_soon = only(&world, "api_key").await;
    assert!(
        found_soon
            .hint
            .to_string()
            .starts_with("quiltctl api-keys rotate --current"),
        "{found_soon:?}"
    );
    assert_eq!(
        found_after(&world, &[], &found_soon.hint.to_string()).await,
        []
    );

    let dead = key(90);
    set_key(&dead.secret).await;
    assert!(world.stack.control().revoke_key(&dead.id));
    let refused = found(&world, &[]).await;
    let refused = refused
        .iter()
        .find(|found| found.code == "invalid_api_key")
        .unwrap();
    assert!(
        refused
            .hint
            .to_string()
            .starts_with("quiltctl clear-api-key"),
        "{refused:?}"
    );
    assert_eq!(
        found_after(&world, &[], &refused.hint.to_string()).await,
        []
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_wrong() {
    let world = healthy().await;
    let clock = world.stack.control().clock().clone();
    for (offset, words) in [(600, "600 s behind"), (-600, "600 s ahead")] {
        clock.set_offset(offset);
        let skew = only(&world, "clock_skew").await;
        assert!(skew.hint.to_string().starts_with("sudo "), "{skew:?}");
        // The second may have turned meanwhile.
        let near = [
            words.to_owned(),
            words.replace("600", "601"),
            words.replace("600", "599"),
        ];
        assert!(
            near.iter().any(|words| skew.summary.contains(words)),
            "{skew:?}"
        );
    }
    clock.set_offset(30);
    assert_eq!(found(&world, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_hangs_or_is_away() {
    let world = healthy().await;
    let control = world.stack.control();
    for endpoint in [Endpoint::Config, Endpoint::Graphql] {
        control.plant(endpoint, Fault::always(FaultKind::Hang));
        let started = Instant::now();
        let hangs = only(&world, "stack_unreachable").await;
        assert!(
            started.elapsed() < Duration::from_secs(10),
            "{:?}",
            started.elapsed()
        );
        let look = format!("{HEAD} {}/config.json", world.stack.catalog_url());
        assert_eq!(hangs.hint.to_string(), look);
        control.clear_faults();
        assert_eq!(found(&world, &[]).await, []);
    }
    control.refuse(Host::Registry, true);
    let away = only(&world, "stack_unreachable").await;
    assert!(away.hint.to_string().starts_with("curl "), "{away:?}");
    control.refuse(Host::Registry, false);

    control.plant(Endpoint::Config, Fault::always(FaultKind::Html));
    assert!(
        only(&world, "stack_unreachable")
            .await
            .hint
            .to_string()
            .starts_with("curl ")
    );
}

/// While the stack is away, programs live from what the daemon holds: that is no
/// error, and says until when. Where nothing is held it is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_is_away_keeps_nobody_from_what_is_held() {
    let world = healthy().await;
    let control = world.stack.control();
    world.ctl(&["credential-process"]).await.ok();
    let endpoints = [Endpoint::Config, Endpoint::Graphql];
    let busy = FaultKind::Status {
        status: 503,
        body: String::new(),
    };
    for kind in [FaultKind::Hang, busy.clone()] {
        for endpoint in endpoints {
            control.plant(endpoint, Fault::always(kind.clone()));
            let away = only(&world, "stack_unreachable").await;
            assert_eq!(away.severity, Severity::Warning, "{endpoint:?}: {away:?}");
            let until = "programs go on with the credentials that are held, for ";
            assert!(away.summary.contains(until), "{away:?}");
            control.clear_faults();
            assert_eq!(found(&world, &[]).await, []);
        }
    }
    // Of the other role nothing is held yet.
    world.ctl(&["role", "switch", "ReadQuiltBucket"]).await.ok();
    control.plant(Endpoint::Config, Fault::always(busy));
    let away = found(&world, &[]).await;
    let away = away.iter().find(|it| it.code == "stack_unreachable");
    assert_eq!(away.unwrap().severity, Severity::Error, "{away:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_aws_refuses() {
    let world = healthy().await;
    let settings = fs::read_to_string(world.home.settings()).unwrap();
    // Its trust policy asks for an external id.
    let vault = format!(
        "{settings}[profiles.vault]\nrole_arn = '{}'\n",
        arn("vault")
    );
    set(&world.home, &vault);
    let ask = ["credential-process", "--profile", "vault"];
    world.ctl(&ask).await.failed(6);
    let refused = only(&world, "aws_refused").await;
    let place = world.home.settings();
    assert_eq!(
        refused.hint.to_string(),
        format!("${{EDITOR:-vi}} {}", place.display())
    );
    let editor = [("EDITOR", "sed -i /vault/d")];
    assert_eq!(
        found_after(&world, &editor, &refused.hint.to_string()).await,
        []
    );
}

/// What names no catalog failed with one that it is not used with any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_that_failed_with_another_catalog_is_no_fault() {
    let world = healthy().await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let there = async |args: &[&str], input: &str| {
        let args = [args, &["--catalog", other.catalog_url()]].concat();
        world.ctl_with_input(&args, input).await
    };
    let code = other.control().login_code("alice").unwrap();
    there(&["login", "--code-stdin"], &code).await.ok();
    let tools = tools(&world).join("quiltctl").display().to_string();
    let line = format!(
        "{tools} setup aws --name other --catalog {}",
        other.catalog_url()
    );
    sh(&world, &[], &line).await.ok();
    assert_eq!(found(&world, &[]).await, []);
    // The other stack's credentials mean nothing to this one's STS.
    let lake = ["credential-process", "--profile", "lake"];
    assert_ne!(there(&lake, "").await.code, 0, "the control");
    assert_eq!(found(&world, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_that_are_elsewhere() {
    let mut world = healthy().await;
    world.daemon.take().unwrap().stop().await;
    let elsewhere = world.home.path().join("elsewhere.toml");
    fs::rename(world.home.settings(), &elsewhere).unwrap();
    let args = ["--token-store", "file", "--config", "elsewhere.toml"];
    let variables = [("AWS_ENDPOINT_URL_STS", world.stack.sts_url())];
    world.daemon = Some(Daemon::start_with(&world.home, &args, &variables).await);
    assert_eq!(found(&world, &[]).await, []);
    let edit = format!("${{EDITOR:-vi}} {}", elsewhere.display());

    let settings = fs::read_to_string(&elsewhere).unwrap();
    fs::write(&elsewhere, format!("{settings}nonsense = 1\n")).unwrap();
    assert_eq!(only(&world, "settings_broken").await.hint.to_string(), edit);

    fs::write(&elsewhere, settings.replace("lake", "sea")).unwrap();
    assert_eq!(
        only(&world, "process_unknown_profile")
            .await
            .hint
            .to_string(),
        edit
    );

    let refused = format!(
        "{settings}[profiles.vault]\nrole_arn = '{}'\n",
        arn("vault")
    );
    fs::write(&elsewhere, refused).unwrap();
    let ask = ["credential-process", "--profile", "vault"];
    world.ctl(&ask).await.failed(6);
    assert_eq!(only(&world, "aws_refused").await.hint.to_string(), edit);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons() {
    let mut world = healthy().await;
    // One that leaves the other usual place free.
    world.daemon.take().unwrap().stop().await;
    let first = world.home.socket();
    let first = ["--socket", first.to_str().unwrap(), "--token-store", "file"];
    world.daemon = Some(Daemon::start(&world.home, &first).await);
    let place = world.home.state().join("quiltd.sock");
    let socket = place.to_str().unwrap();
    let args = ["--socket", socket, "--token-store", "memory"];
    let _second = Daemon::on_another_machine(&world.home, &args).await;
    let second = only(&world, "two_daemons").await;
    assert_eq!(
        second.hint.to_string(),
        format!("quiltctl --socket {socket} daemon stop")
    );
    assert_eq!(found_after(&world, &[], &second.hint.to_string()).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_daemon_and_one_that_is_deaf() {
    let mut world = healthy().await;
    world.daemon.take().unwrap().stop().await;
    let none = only(&world, "no_daemon").await;
    assert_eq!(none.hint.to_string(), "quiltctl daemon start");
    assert!(!world.home.socket().exists(), "it only looks");
    assert_eq!(found_after(&world, &[], &none.hint.to_string()).await, []);
    sh(&world, &[], "quiltctl daemon stop").await.ok();

    let daemon = Daemon::start(&world.home, &["--token-store", "file"]).await;
    kill_process(Pid::from_raw(daemon.pid()).unwrap(), Signal::STOP).unwrap();
    let deaf = only(&world, "daemon_deaf").await;
    assert_eq!(
        deaf.hint.to_string(),
        format!("kill -CONT {}", daemon.pid())
    );
    assert_eq!(found_after(&world, &[], &deaf.hint.to_string()).await, []);
    sh(&world, &[], "quiltctl daemon stop").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_of_its_own() {
    let world = healthy().await;
    let place = world.home.path().join("run/other.sock");
    let socket = place.to_str().unwrap();
    let args = ["--socket", socket, "--token-store", "file"];
    let _other = Daemon::on_another_machine(&world.home, &args).await;
    let variables = [("QUILTD_SOCKET", socket)];
    let findings = found(&world, &variables).await;
    assert_eq!(codes(&findings), ["socket_differs"], "{findings:#?}");
    let hint = findings[0].hint.to_string();
    assert_eq!(hint, "unset QUILTD_SOCKET");
    assert_eq!(found_after(&world, &variables, &hint).await, []);
}

/// A daemon that is well is not to be ended for a variable.
#[tokio::test(flavor = "multi_thread")]
async fn a_stray_variable_leads_away_from_the_daemon() {
    let world = healthy().await;
    let place = world.home.path().join("run/stray.sock");
    let variables = [("QUILTD_SOCKET", place.to_str().unwrap())];
    let findings = found(&world, &variables).await;
    let first = findings.first().expect("nothing found");
    assert_eq!(
        first.hint.to_string(),
        "unset QUILTD_SOCKET",
        "{findings:#?}"
    );
    for found in &findings {
        assert!(!found.hint.to_string().contains("daemon"), "{found:#?}");
    }
    let left = found_after(&world, &variables, "unset QUILTD_SOCKET").await;
    assert_eq!(left, []);
    let status = sh(&world, &variables, "quiltctl status").await;
    let line = status.failed(4);
    assert!(line.ends_with("; run: unset QUILTD_SOCKET"), "{line}");
    // The same by an option, which cannot be unset.
    let nowhere = world.home.path().join("nowhere/x.sock");
    let led = format!("quiltctl --socket {} status", nowhere.display());
    let line = sh(&world, &[], &led).await.failed(4);
    let back = line.rsplit_once("; run: ").expect(&line).1;
    assert!(back.starts_with("quiltctl --socket "), "{line}");
    assert!(!back.contains("nowhere"), "{line}");
    sh(&world, &[], back).await.ok();
    assert!(!place.exists(), "started there");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_directory_that_is_open_or_gone() {
    let world = healthy().await;
    let state = world.home.state();
    fs::set_permissions(&state, Permissions::from_mode(0o777)).unwrap();
    let open = only(&world, "file_not_trusted").await;
    let hint = open.hint.to_string();
    assert_eq!(hint, format!("chmod go-w {}", state.display()));
    assert_eq!(found_after(&world, &[], &hint).await, []);

    fs::remove_dir_all(&state).unwrap();
    let gone = only(&world, "store_failed").await;
    assert_eq!(gone.hint.to_string(), "quiltctl daemon restart");
    let left = found_after(&world, &[], &gone.hint.to_string()).await;
    assert_eq!(codes(&left), ["login_required"], "the logins went with it");
    sh(&world, &[], "quiltctl daemon stop").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_went_away() {
    let home = Home::new();
    let Some(mut bus) = SessionBus::start(&home).await else {
        return;
    };
    bus.start_keyring(&home).await;
    set(
        &home,
        &format!(
            "[profiles.lake]\nrole_arn = '{}'\nregion = 'eu-west-1'\n",
            arn("lake")
        ),
    );
    let daemon = Daemon::start_with(&home, &["--token-store", "keyring"], &bus.variables()).await;
    let world = World {
        stack: FakeStack::bind(StackConfig::default()).await.unwrap(),
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    set_up(&world).await;
    assert_eq!(found(&world, &[]).await, []);
    drop(bus);
    let away = only(&world, "store_failed").await;
    assert!(away.summary.contains("keyring"), "{away:?}");
    assert_eq!(away.hint.to_string(), "quiltctl daemon restart");
    let left = found_after(&world, &[], &away.hint.to_string()).await;
    assert_eq!(
        codes(&left),
        ["login_required"],
        "the login is in the keyring"
    );
    sh(&world, &[], "quiltctl daemon stop").await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_catalog() {
    let world = World::start().await;
    let findings = found(&world, &[]).await;
    assert_eq!(codes(&findings), ["invalid_input", "no_aws_profile"]);
    assert_eq!(findings[0].hint, "quiltctl login https://YOUR-CATALOG");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_python_sdk_that_was_led_here_and_went_astray() {
    let world = healthy().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    assert_eq!(found(&world, &[]).await, []);
    let said = world.ctl(&["doctor", "--verbose"]).await.ok();
    assert!(said.contains("quilt3 is led to"), "{said}");
    let sdk = |name: &str| world.home.config_yml().with_file_name(name);
    // The catalog's own would be led back.
    let registry = "registryUrl=https://registry.elsewhere.example";
    let auth = fs::read_to_string(sdk("auth.json")).unwrap();
    for stray in 0..3 {
        match stray {
            // As `quilt3.config(registryUrl=…)` does it.
            0 => drop(world.ctl(&["config", "--set", registry]).await.ok()),
            // As `quilt3.logout()` does it.
            1 => fs::write(sdk("auth.json"), "{}").unwrap(),
            // A copy from another time.
            _ => {
                for grant in world.client().status().await.unwrap().grants {
                    world.ctl(&["grants", "revoke", &grant.id]).await.ok();
                }
                fs::write(sdk("auth.json"), &auth).unwrap();
            }
        }
        let astray = found(&world, &[]).await;
        assert_eq!(astray[0].code, "quilt3_astray", "{astray:#?}");
        assert_eq!(astray[0].hint, "quiltctl setup quilt3");
        assert_eq!(
            found_after(&world, &[], &astray[0].hint.to_string()).await,
            []
        );
    }
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert_eq!(found(&world, &[]).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_left_in_the_sdks_configuration() {
    let world = healthy().await;
    // Nobody listens there.
    let set = ["config", "--set", "registryUrl=http://127.0.0.1:1"];
    world.ctl(&set).await.ok();
    let left = only(&world, "quilt3_registry").await;
    assert!(left.summary.contains("nobody listens"), "{left:?}");
    let catalog = world.stack.catalog_url();
    assert_eq!(left.hint.to_string(), format!("quiltctl config {catalog}"));
    assert_eq!(found_after(&world, &[], &left.hint.to_string()).await, []);
    world.ctl(&set).await.ok();
    let led = "quiltctl setup quilt3";
    assert_eq!(found_after(&world, &[], led).await, []);
}
