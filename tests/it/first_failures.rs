//! What stops somebody who does things for the first time: each failure names
//! the command that goes on, the same one wherever it is named, and keeps what
//! was typed.

use std::ffi::OsStr;
use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, Host, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Home, Run, SessionBus, World, binaries};
use serde_json::Value;

use crate::roles::{arn, world};

/// A program of ours in a home, with more environment and no catalog named.
async fn run(
    home: &Home,
    program: impl AsRef<OsStr>,
    args: &[&str],
    variables: &[(&str, &str)],
) -> Run {
    let mut command = home.command(program);
    let command = command.args(args).envs(variables.iter().copied());
    command.stdin(Stdio::null()).output().await.unwrap().into()
}

async fn ctl(home: &Home, args: &[&str], variables: &[(&str, &str)]) -> Run {
    let args = [&["--no-autostart"], args].concat();
    run(home, binaries::quiltctl(), &args, variables).await
}

/// A key of alice's.
fn key(world: &World) -> (String, String) {
    let seed = KeySeed::new("alice", "service");
    let added = world.stack.control().add_key(&seed).unwrap();
    (added.id, added.secret)
}

/// The command after `run: ` in one line.
fn hint(line: &str) -> &str {
    line.rsplit_once("; run: ").unwrap().1.trim_end()
}

/// What the daemon says of itself for `doctor`.
async fn findings(world: &World) -> Vec<Value> {
    let ran = world.ctl(&["doctor", "--json"]).await;
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    report["findings"].as_array().unwrap().clone()
}

/// The command that the status screen's data has for the session.
async fn status_hint(world: &World) -> Option<String> {
    let status = world.ctl(&["status", "--json"]).await.ok();
    let status: Value = serde_json::from_str(&status).unwrap();
    let hint = &status["catalogs"][0]["hint"];
    hint.as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_with_a_key_says_what_ends_the_one_without() {
    let world = World::start().await;
    let (_, secret) = key(&world);
    let catalog = world.stack.catalog_url();
    let with_key = [
        ("QUILT_API_KEY", secret.as_str()),
        ("QUILT_CATALOG", catalog),
    ];
    let other = world.home.path().join("run/other.sock");
    for args in [&[][..], &["--socket", other.to_str().unwrap()]] {
        let args = [&["--token-store", "file"], args].concat();
        let line = run(&world.home, binaries::quiltd(), &args, &with_key).await;
        let line = line.failed(1);
        assert_eq!(hint(&line), "quiltctl daemon stop", "{line}");
        assert!(line.contains("the API key is not used"), "{line}");
        assert!(!line.contains(&secret), "{line}");
        // The control: without a key, nothing is said of one.
        let bare = run(&world.home, binaries::quiltd(), &args, &[])
            .await
            .failed(1);
        assert!(!bare.contains("API key"), "{bare}");
        assert_eq!(hint(&bare), "quiltctl daemon stop", "{bare}");
    }
    // It mends it.
    ctl(&world.home, &["daemon", "stop"], &[]).await.ok();
    let _daemon = Daemon::start_with(&world.home, &["--token-store", "file"], &with_key).await;
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_elsewhere_is_ended_where_it_is() {
    let mut world = World::start().await;
    world.daemon.take().unwrap().stop().await;
    let elsewhere = world.home.path().join("run/elsewhere.sock");
    let socket = elsewhere.to_str().unwrap();
    let _daemon = Daemon::start(&world.home, &["--socket", socket, "--token-store", "file"]).await;
    // Whoever looks where a variable says finds none there.
    let at = world.home.path().join("run/here.sock");
    let named = [("QUILTD_SOCKET", at.to_str().unwrap())];
    let line = run(
        &world.home,
        binaries::quiltd(),
        &["--token-store", "file"],
        &named,
    )
    .await;
    let line = line.failed(1);
    assert_eq!(
        hint(&line),
        format!("quiltctl --socket {socket} daemon stop")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_and_a_refused_key_have_one_command_wherever_they_are_named() {
    let mut world = World::start().await;
    let (_, secret) = key(&world);
    let login = ["login", "--api-key"];
    world.ctl_with_input(&login, &secret).await.ok();
    assert_eq!(status_hint(&world).await, None, "the control");

    world.crash_and_restart().await;
    let line = world.ctl(&["credential-process"]).await.failed(3);
    let forgotten: Vec<_> = findings(&world).await;
    let forgotten: Vec<_> = forgotten
        .iter()
        .filter(|finding| finding["summary"].to_string().contains("forgotten"))
        .collect();
    assert_eq!(forgotten.len(), 1, "one fact once: {forgotten:?}");
    assert_eq!(forgotten[0]["hint"], hint(&line));
    assert_eq!(status_hint(&world).await.as_deref(), Some(hint(&line)));
    let screen = world.ctl(&["status"]).await.ok();
    assert!(
        screen.contains(&format!("run: {}", hint(&line))),
        "{screen}"
    );
    assert_eq!(screen.matches("run: ").count(), 1, "{screen}");

    // A refused one: with nothing beneath it, and over a login.
    for (beneath, expected) in [
        (false, "quiltctl login --api-key"),
        (true, "quiltctl clear-api-key"),
    ] {
        let (id, secret) = key(&world);
        if beneath {
            world.login().await;
        }
        world.ctl_with_input(&login, &secret).await.ok();
        world.stack.control().expire_key(&id);
        let line = world.ctl(&["credential-process"]).await.failed(6);
        assert!(hint(&line).starts_with(expected), "{line}");
        assert_eq!(status_hint(&world).await.as_deref(), Some(hint(&line)));
        let screen = world.ctl(&["status"]).await.ok();
        assert!(
            screen.contains(&format!("run: {}", hint(&line))),
            "{screen}"
        );
        let found = findings(&world).await;
        let is_named = |finding: &&Value| finding["hint"] == hint(&line);
        assert_eq!(found.iter().filter(is_named).count(), 1, "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn profiles_that_fail_are_named_each_with_its_reason() {
    let settings = format!(
        "[profiles.one]\nrole_arn = '{}'\n\n[profiles.two]\nrole_arn = '{}'\n",
        arn("nowhere"),
        arn("nobody")
    );
    let world = world(StackConfig::default(), &settings).await;
    for profile in ["one", "two"] {
        world
            .ctl(&["credential-process", "--profile", profile])
            .await
            .failed(6);
    }
    let screen = world.ctl(&["doctor"]).await.stdout;
    for (profile, role) in [("one", "nowhere"), ("two", "nobody")] {
        let named = screen
            .lines()
            .filter(|line| line.contains(&format!("profile '{profile}'")));
        let named: Vec<_> = named.collect();
        assert_eq!(named.len(), 1, "{screen}");
        assert!(screen.contains(&arn(role)), "its own reason: {screen}");
    }
    let edit = screen.matches("quiltd.toml").count();
    assert_eq!(edit, 1, "what mends both stands once: {screen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missing_catalog_is_named_with_what_was_typed_kept() {
    let world = World::start().await;
    let (_, secret) = key(&world);
    let home = &world.home;
    let variables = [("MY_KEY", secret.as_str())];
    for (typed, expected) in [
        (&["login"][..], "quiltctl login https://YOUR-CATALOG"),
        (
            &["login", "--api-key-env", "MY_KEY"],
            "quiltctl login https://YOUR-CATALOG --api-key-env MY_KEY",
        ),
        (
            &["login", "--web"],
            "quiltctl login https://YOUR-CATALOG --web",
        ),
        (
            &["login", "--web", "--no-browser"],
            "quiltctl login https://YOUR-CATALOG --web --no-browser",
        ),
        (
            &["login", "--web", "--connect-url", "http://127.0.0.1:1"],
            "quiltctl login https://YOUR-CATALOG --web --connect-url http://127.0.0.1:1",
        ),
        (&["whoami"], "quiltctl login https://YOUR-CATALOG"),
    ] {
        let line = ctl(home, typed, &variables).await.failed(8);
        assert!(
            hint(&line).starts_with("quiltctl login https://YOUR-CATALOG"),
            "{line}"
        );
        let mut words: Vec<_> = hint(&line).split(' ').collect();
        let mut expected: Vec<_> = expected.split(' ').collect();
        words.sort_unstable();
        expected.sort_unstable();
        assert_eq!(words, expected, "{line}");
    }
    // Once it is named, that is all it takes.
    let catalog = world.stack.catalog_url();
    let login = ["login", catalog, "--api-key-env", "MY_KEY"];
    ctl(home, &login, &variables).await.ok();
    assert!(ctl(home, &["whoami"], &[]).await.ok().contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_with_a_key_and_no_catalog_asks_for_its_name() {
    let world = World::start().await;
    let (_, secret) = key(&world);
    let home = Home::new();
    let with_key = [("QUILT_API_KEY", secret.as_str())];
    let args = ["--log", "warn", "--token-store", "file"];
    let line = run(&home, binaries::quiltd(), &args, &with_key).await;
    let line = line.failed(1);
    for named in ["--catalog", "QUILT_CATALOG"] {
        assert!(line.contains(named), "{line}");
    }
    let (variable, value) = hint(&line).split_once('=').unwrap();
    assert_eq!(variable, "export QUILT_CATALOG", "{line}");
    assert_eq!(value, "https://YOUR-CATALOG");
    // A wrong one is said with the rest of the line as it was.
    let args = ["--log", "warn", "--catalog", "no catalog"];
    let line = run(&home, binaries::quiltd(), &args, &with_key)
        .await
        .failed(1);
    assert_eq!(
        hint(&line),
        "quiltd --catalog https://YOUR-CATALOG --log warn",
        "{line}"
    );
    // The control: with a catalog it starts.
    let catalog = world.stack.catalog_url();
    let with_both = [
        ("QUILT_API_KEY", secret.as_str()),
        ("QUILT_CATALOG", catalog),
    ];
    let _daemon = Daemon::start_with(&home, &["--token-store", "file"], &with_both).await;
    assert!(ctl(&home, &["whoami"], &[]).await.ok().contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_environment_is_offered_where_nobody_is_logged_in() {
    let world = World::start().await;
    let (_, secret) = key(&world);
    let at_hand = [("QUILT_API_KEY", secret.as_str())];
    let none = "quiltctl login https://YOUR-CATALOG --api-key-env QUILT_API_KEY";
    let line = ctl(&world.home, &["whoami"], &at_hand).await.failed(8);
    assert_eq!(hint(&line), none);
    let screen = ctl(&world.home, &["status"], &at_hand).await.ok();
    assert!(
        screen.contains(none) && !screen.contains(&secret),
        "{screen}"
    );
    // The control.
    let screen = ctl(&world.home, &["status"], &[]).await.ok();
    assert!(!screen.contains("--api-key-env"), "{screen}");

    let catalog = world.stack.catalog_url();
    let named = [at_hand[0], ("QUILT_CATALOG", catalog)];
    for args in [&["credential-process"][..], &["whoami"], &["token"]] {
        let line = ctl(&world.home, args, &named).await.failed(3);
        let expected = format!("quiltctl login {catalog} --api-key-env QUILT_API_KEY");
        assert_eq!(hint(&line), expected);
        assert!(!line.contains(&secret));
    }
    // A login without it says so.
    let code = world.stack.control().login_code("alice").unwrap();
    let mut login = world.ctl_command(&["login", "--no-browser"]);
    login.env("QUILT_API_KEY", &secret);
    let said = with_input(login, &code).await;
    assert!(
        said.stderr.contains("QUILT_API_KEY is set, and not used"),
        "{said:?}"
    );
    assert!(!said.stderr.contains(&secret), "{said:?}");
    said.ok();
    // Who is logged in is told nothing.
    let screen = ctl(&world.home, &["status"], &named).await.ok();
    assert!(!screen.contains("--api-key-env"), "{screen}");
}

/// To that one it would be sent because a command said so that was only followed.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_in_the_environment_is_offered_for_no_other_catalog_than_its_own() {
    let world = World::start().await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let (_, secret) = key(&world);
    let (catalog, other) = (world.stack.catalog_url(), other.catalog_url());
    let offer = "--api-key-env QUILT_API_KEY";
    let login = ["login", catalog, "--api-key-env"];
    let said = async |args: &[&str], catalog: &str| {
        let variables = [
            ("QUILT_API_KEY", secret.as_str()),
            ("QUILT_CATALOG", catalog),
        ];
        let run = ctl(&world.home, args, &variables).await;
        run.stdout + &run.stderr
    };
    let offered = async |catalog: &str| {
        let host = catalog.split_once("://").unwrap().1;
        let is_offer = |line: &str| line.contains(host) && line.contains(offer);
        let is_offered = |said: &str| said.lines().any(is_offer);
        let refused = is_offered(&said(&["whoami"], catalog).await);
        let status = is_offered(&said(&["status"], catalog).await);
        // It shows those that somebody was logged in to, and the default one.
        assert!(refused || !status);
        refused
    };
    // The control: nobody knows of which it is.
    ctl(&world.home, &["config", other], &[]).await.ok();
    assert!(offered(other).await);
    // In use there, and not checked yet; then it has worked there.
    let control = world.stack.control();
    let busy = control.plant(Endpoint::Graphql, Fault::always(FaultKind::status(503)));
    said(&login, catalog).await;
    assert!(!offered(other).await);
    control.clear_fault(busy);
    said(&login, catalog).await;
    assert!(!offered(other).await);
    ctl(
        &world.home,
        &["clear-api-key"],
        &[("QUILT_CATALOG", catalog)],
    )
    .await
    .ok();
    ctl(&world.home, &["config", other], &[]).await.ok();
    assert!(!offered(other).await);
    assert!(offered(catalog).await, "it is its own");
}

async fn with_input(mut command: tokio::process::Command, input: &str) -> Run {
    use tokio::io::AsyncWriteExt as _;
    let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    child.wait_with_output().await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_keyring_is_told_from_a_locked_one() {
    let home = Home::new();
    let args = ["--log", "warn", "--token-store", "keyring"];
    let line = run(&home, binaries::quiltd(), &args, &[]).await.failed(1);
    assert!(line.contains("there is no keyring service here"), "{line}");
    assert!(!line.contains("unlock"), "{line}");
    assert_eq!(hint(&line), "quiltd --token-store file --log warn");

    // A bus where nobody offers one.
    let Some(bus) = SessionBus::start(&home).await else {
        return;
    };
    let line = run(&home, binaries::quiltd(), &args, &bus.variables())
        .await
        .failed(1);
    assert!(line.contains("there is no keyring service here"), "{line}");
    assert!(!line.contains("unlock"), "{line}");
    assert_eq!(hint(&line), "quiltd --token-store file --log warn");
}

/// Ends the daemon in order, which waits for its disk, and starts another.
async fn restart(world: &mut World) {
    assert!(world.daemon.take().unwrap().stop().await.success());
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
}

/// Whom the status names, as data.
async fn user(world: &World) -> Value {
    let status = world.ctl(&["status", "--json"]).await.ok();
    let status: Value = serde_json::from_str(&status).unwrap();
    status["catalogs"][0]["user"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_logged_in_is_known_right_after_a_restart() {
    let mut world = World::logged_in().await;
    assert_eq!(user(&world).await["name"], "alice", "the control");
    // While the stack is away, too.
    for host in [Host::Catalog, Host::Registry] {
        world.stack.control().refuse(host, true);
    }
    restart(&mut world).await;
    let kept = user(&world).await;
    assert_eq!(kept["name"], "alice");
    assert_eq!(kept["role"], "ReadWriteQuiltBucket");
    assert_eq!(kept["is_admin"], true);
    let screen = world.ctl(&["status"]).await.ok();
    assert!(
        screen.contains("alice · ReadWriteQuiltBucket · admin"),
        "{screen}"
    );
    for host in [Host::Catalog, Host::Registry] {
        world.stack.control().refuse(host, false);
    }
    // Another role, and another session.
    let switch = ["role", "switch", "ReadQuiltBucket"];
    world.ctl(&switch).await.ok();
    restart(&mut world).await;
    assert_eq!(user(&world).await["role"], "ReadQuiltBucket");
    world.ctl(&["logout"]).await.ok();
    restart(&mut world).await;
    assert_eq!(user(&world).await, Value::Null);
    let (_, secret) = key(&world);
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    assert_eq!(user(&world).await["name"], "alice");
    restart(&mut world).await;
    assert_eq!(user(&world).await, Value::Null, "the key was forgotten");
    world.login().await;
    restart(&mut world).await;
    assert_eq!(user(&world).await["name"], "alice");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_without_a_region_is_not_set_up_in_silence() {
    let world = World::start().await;
    let set_up = ["setup", "aws"];
    let ran = ctl(&world.home, &set_up, &[]).await;
    assert!(
        ran.stderr.contains("profile quilt has no region"),
        "{ran:?}"
    );
    assert!(ran.stderr.contains("no catalog is configured"), "{ran:?}");
    assert_eq!(hint(&ran.stderr), "quiltctl login https://YOUR-CATALOG");
    ran.ok();
    // Set up already, it is still so.
    let again = ctl(&world.home, &set_up, &[]).await;
    assert!(again.stderr.contains("has no region"), "{again:?}");
    world.login().await;
    let ran = world.ctl(&set_up).await;
    assert_eq!(ran.stderr, "", "{ran:?}");
    let config = std::fs::read_to_string(world.home.aws_config()).unwrap();
    assert!(config.contains("region = us-east-1"), "{config}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_said_beside_stdout() {
    let world = World::logged_in().await;
    let empty = tempfile::tempdir().unwrap();
    let empty = empty.path().to_str().unwrap();
    for line in [
        &["packages", "list", empty][..],
        &["packages", "list"],
        &["grants", "list"],
        &["api-keys", "list"],
        &["api-keys", "list", "--name", "none"],
        &["admin", "api-keys", "list", "--key-name", "none"],
        &["admin", "api-keys", "unused"],
        &["search", "nothing-like-this"],
        &["audit", "--since", "2100-01-01T00:00:00Z"],
    ] {
        let ran = world.ctl(line).await;
        assert_eq!((ran.code, &*ran.stdout), (0, ""), "{line:?}: {ran:?}");
        assert!(!ran.stderr.trim().is_empty(), "{line:?}: {ran:?}");
        // For programs there is the document, and no remark.
        let json = [line, &["--json"]].concat();
        let ran = world.ctl(&json).await;
        assert_eq!((ran.stdout.trim(), &*ran.stderr), ("[]", ""), "{line:?}");
    }
    // The control: what there is is listed on stdout.
    let buckets = world.ctl(&["buckets"]).await;
    assert!(
        buckets.stdout.contains("demo-bucket") && buckets.stderr.is_empty(),
        "{buckets:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stack_names_the_roles_that_can_be_assumed() {
    let home = Home::new();
    let help = run(&home, env!("CARGO_BIN_EXE_fake-stack"), &["--help"], &[])
        .await
        .ok();
    for role in StackConfig::default().aws_roles {
        assert!(help.contains(&role.arn), "{help}");
        if let Some(id) = role.external_id {
            assert!(help.contains(&id), "{help}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_place_of_the_daemon_stays_in_what_is_to_be_run() {
    let world = World::start().await;
    let socket = world.home.socket();
    let socket = socket.to_str().unwrap();
    let line = world.ctl(&["--socket", socket, "whoami"]).await.failed(3);
    let expected = format!(
        "quiltctl login {} --socket {socket}",
        world.stack.catalog_url()
    );
    assert_eq!(hint(&line), expected);
    let line = world.ctl(&["whoami"]).await.failed(3);
    assert!(!line.contains("--socket"), "the control: {line}");
}
