//! API keys: every sample of the authentication guide, and everything that
//! can be wrong with one.

use std::process::Stdio;

use quilt_proto::wire::{ApiKey, SessionState, TokenKind};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Host, KeySeed};
use quilt_tests::harness::{Run, World};
use serde_json::Value;

/// The text of the guide for keys the stack does not accept.
const REFUSED: &str = "Authentication failed. Check your credentials or API key.";
/// The text of the guide for everything that is no key.
const PREFIX: &str = "API key must start with 'qk_' prefix";

const DAY: i64 = 86_400;

/// A key of alice's at the stack: id and secret.
pub(crate) fn planted(world: &World, name: &str) -> (String, String) {
    let key = world
        .stack
        .control()
        .add_key(&KeySeed::new("alice", name))
        .unwrap();
    (key.id, key.secret)
}

/// A world in which alice's key `ci` is in use: the world, its id, its secret.
pub(crate) async fn with_key() -> (World, String, String) {
    let world = World::start().await;
    let (id, secret) = planted(&world, "ci");
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    (world, id, secret)
}

pub(crate) async fn json(world: &World, args: &[&str]) -> Value {
    let args: Vec<&str> = args.iter().copied().chain(["--json"]).collect();
    serde_json::from_str(&world.ctl(&args).await.ok()).unwrap()
}

async fn kind(world: &World) -> Option<TokenKind> {
    world.client().session().await.unwrap().status.kind
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_from_the_first_login_to_the_first_key() {
    let world = World::start().await;
    // quilt3.login(), quilt3.logged_in(), quilt3.logout()
    world.ctl(&["logged-in"]).await.code_is(3);
    world.login().await;
    assert_eq!(
        world.ctl(&["logged-in"]).await.ok().trim(),
        world.stack.catalog_url()
    );
    // key, secret = quilt3.api_keys.create("my-automation-key")
    let run = world
        .ctl(&["api-keys", "create", "my-automation-key"])
        .await;
    assert!(
        run.stderr
            .contains("The secret is only shown once during creation."),
        "{run:?}"
    );
    let shown = run.ok();
    let field = |name: &str| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} in {shown}"))
            .trim()
            .to_owned()
    };
    let secret = field("Secret:");
    assert!(secret.starts_with("qk_"));
    assert_eq!(field("Owner:"), "alice@example.com");
    let got = json(&world, &["api-keys", "get", &field("Key ID:")]).await;
    assert_eq!(got["fingerprint"], field("Fingerprint:"));
    assert_eq!(got["expires_at"], field("Expires:"));
    let key: ApiKey = serde_json::from_value(got).unwrap();
    assert_eq!(key.expires_at.seconds_since(key.created_at), 90 * DAY);
    // quilt3.api_keys.create("my-key", expires_in_days=180), with --json and --use
    let run = world
        .ctl(&[
            "api-keys",
            "create",
            "my-key",
            "--expires-in-days",
            "180",
            "--use",
            "--json",
        ])
        .await;
    assert!(run.stderr.contains("only shown once"), "{run:?}");
    let created: Value = serde_json::from_str(&run.ok()).unwrap();
    let key: ApiKey = serde_json::from_value(created["api_key"].clone()).unwrap();
    assert_eq!(key.expires_at.seconds_since(key.created_at), 180 * DAY);
    assert_eq!(kind(&world).await, Some(TokenKind::ApiKey), "--use");
    assert_eq!(
        world.ctl(&["token"]).await.ok().trim(),
        created["secret"].as_str().unwrap()
    );
    // Nothing shows a secret twice.
    for args in [
        &["api-keys", "list"][..],
        &["api-keys", "get", &key.id],
        &["status"],
    ] {
        for json in [&[][..], &["--json"]] {
            let run = world.ctl(&[args, json].concat()).await;
            assert!(!run.stdout.contains(&secret) && !run.stderr.contains(&secret));
            assert!(!run.stdout.contains(created["secret"].as_str().unwrap()));
        }
    }
    // quilt3.logout() clears both.
    world.ctl(&["logout"]).await.ok();
    world.ctl(&["logged-in"]).await.code_is(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_on_storing_and_using_a_key() {
    let world = World::start().await;
    let (_, secret) = planted(&world, "ci");
    let clear = async || {
        world.ctl(&["clear-api-key"]).await.ok();
        assert_eq!(kind(&world).await, None);
    };
    // api_key.strip()
    world
        .ctl_with_input(&["login", "--api-key"], &format!(" \t{secret}\r\n"))
        .await
        .ok();
    assert_eq!(kind(&world).await, Some(TokenKind::ApiKey));
    clear().await;
    // os.environ["QUILT_API_KEY"]
    let line = world.ctl(&["login", "--api-key-env"]).await.failed(8);
    assert!(
        line.contains("QUILT_API_KEY environment variable not set"),
        "{line}"
    );
    let line = world
        .ctl(&["login", "--api-key-env", "MINE"])
        .await
        .failed(8);
    assert!(line.contains("MINE environment variable not set"), "{line}");
    assert!(
        line.ends_with(" --api-key-env MINE"),
        "nobody is there: {line}"
    );
    for (name, args) in [
        ("QUILT_API_KEY", &["login", "--api-key-env"][..]),
        ("MINE", &["login", "--api-key-env", "MINE"]),
    ] {
        let mut command = world.ctl_command(args);
        let output = command
            .env(name, &secret)
            .stdin(Stdio::null())
            .output()
            .await
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        clear().await;
    }
    // load_dotenv()
    let file = world.home.path().join(".env");
    let path = file.to_str().unwrap();
    world
        .ctl(&["login", "--api-key-dotenv", path])
        .await
        .failed(7);
    std::fs::write(&file, "OTHER=1\n").unwrap();
    let line = world
        .ctl(&["login", "--api-key-dotenv", path])
        .await
        .failed(8);
    assert!(
        line.contains("QUILT_API_KEY environment variable not set"),
        "{line}"
    );
    std::fs::write(
        &file,
        format!("# .env\nexport QUILT_API_KEY=\"{secret}\" # mine\n"),
    )
    .unwrap();
    world.ctl(&["login", "--api-key-dotenv", path]).await.ok();
    // Now use Quilt normally.
    assert!(
        world
            .ctl(&["whoami"])
            .await
            .ok()
            .contains("alice@example.com")
    );
    world.ctl(&["credential-process"]).await.ok();
    clear().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_on_managing_keys() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let (id, secret) = planted(&world, "production-pipeline");
    let old = KeySeed {
        expires_in_seconds: -1,
        created_seconds_ago: 100 * DAY,
        ..KeySeed::new("alice", "my-key")
    };
    let old = control.add_key(&old).unwrap();
    let table = world.ctl(&["api-keys", "list"]).await.ok();
    assert!(
        table.contains("production-pipeline") && table.contains("expired"),
        "{table}"
    );
    assert!(table.contains("never"), "{table}");
    let names = async |args: &[&str]| -> Vec<String> {
        let args: Vec<&str> = ["api-keys", "list"].iter().chain(args).copied().collect();
        let keys = json(&world, &args).await;
        let keys = keys.as_array().unwrap().iter();
        keys.map(|key| key["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(
        names(&["--name", "production-pipeline"]).await,
        ["production-pipeline"]
    );
    assert_eq!(
        names(&["--status", "ACTIVE"]).await,
        ["production-pipeline"]
    );
    assert_eq!(names(&["--status", "expired"]).await, ["my-key"]);
    let key = json(&world, &["api-keys", "get", &id]).await;
    let fingerprint = key["fingerprint"].as_str().unwrap();
    assert_eq!(
        names(&["--fingerprint", fingerprint]).await,
        ["production-pipeline"]
    );
    let run = world.ctl(&["api-keys", "get", &old.id]).await;
    assert!(
        run.stderr.contains("has expired and needs to be rotated"),
        "{run:?}"
    );
    world
        .ctl(&["api-keys", "get", "key-id-here"])
        .await
        .failed(7);
    // quilt3.api_keys.revoke(id=…), revoke(secret=…)
    world
        .ctl(&["api-keys", "revoke", &old.id, "--yes"])
        .await
        .ok();
    world
        .ctl_with_input(&["api-keys", "revoke", "--secret-stdin"], &secret)
        .await
        .ok();
    assert_eq!(control.key_count(), 0);
    world
        .ctl(&["api-keys", "revoke", &id, "--yes"])
        .await
        .failed(7);
    world
        .ctl_with_input(&["api-keys", "revoke", "--secret-stdin"], &secret)
        .await
        .failed(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_for_administrators() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let seed = |user: &str, name: &str, age: i64, used: Option<i64>, expires: i64| {
        let seed = KeySeed {
            user: user.to_owned(),
            name: name.to_owned(),
            created_seconds_ago: age * DAY,
            expires_in_seconds: expires * DAY,
            used_seconds_ago: used.map(|days| days * DAY),
            secret: None,
        };
        control.add_key(&seed).unwrap().id
    };
    let stale = seed("bob", "ci-pipeline", 200, Some(91), 30);
    let never = seed("bob", "spare", 10, None, 30);
    seed("alice", "fresh", 1, Some(0), 30);
    seed("alice", "gone", 300, Some(150), -1);
    let names = async |args: &[&str]| -> Vec<String> {
        let args: Vec<&str> = ["admin", "api-keys"].iter().chain(args).copied().collect();
        let keys = json(&world, &args).await;
        let keys = keys.as_array().unwrap().iter();
        let mut names: Vec<String> = keys
            .map(|key| key["name"].as_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&["list"]).await.len(), 4);
    assert_eq!(
        names(&["list", "--email", "bob@example.com"]).await,
        ["ci-pipeline", "spare"]
    );
    assert_eq!(
        names(&["list", "--key-name", "ci-pipeline"]).await,
        ["ci-pipeline"]
    );
    assert_eq!(names(&["list", "--status", "EXPIRED"]).await, ["gone"]);
    assert_eq!(names(&["list", "--status", "ACTIVE"]).await.len(), 3);
    assert_eq!(names(&["unused"]).await, ["ci-pipeline", "spare"]);
    assert_eq!(names(&["unused", "--days", "100"]).await, ["spare"]);
    let run = world.ctl(&["admin", "api-keys", "unused"]).await;
    assert!(
        run.stdout.contains(&never) && run.stderr.contains("Found 2 unused keys"),
        "{run:?}"
    );
    let key = json(&world, &["admin", "api-keys", "get", &stale]).await;
    assert_eq!(key["user_email"], "bob@example.com");
    let by_fingerprint = names(&[
        "list",
        "--fingerprint",
        key["fingerprint"].as_str().unwrap(),
    ])
    .await;
    assert_eq!(by_fingerprint, ["ci-pipeline"]);
    let report = json(&world, &["admin", "api-keys", "report"]).await;
    assert_eq!(
        (&report["total"], &report["active"], &report["expired"]),
        (&4.into(), &3.into(), &1.into())
    );
    assert_eq!(report["by_owner"]["bob@example.com"], 2);
    assert_eq!(report["newest"][0]["name"], "fresh");
    let text = world.ctl(&["admin", "api-keys", "report"]).await.ok();
    for line in [
        "API Key Usage Report",
        "Total keys: 4",
        "Active: 3",
        "Expired: 1",
    ] {
        assert!(text.contains(line), "{text}");
    }
    world
        .ctl(&["admin", "api-keys", "revoke", &stale, "--yes"])
        .await
        .ok();
    world
        .ctl(&["admin", "api-keys", "get", &stale])
        .await
        .failed(7);
    world
        .ctl(&["admin", "api-keys", "revoke", &stale, "--yes"])
        .await
        .failed(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_admin_is_told_so() {
    let world = World::start().await;
    let code = world.stack.control().login_code("bob").unwrap();
    world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .ok();
    for args in [
        &["list"][..],
        &["get", "some-id"],
        &["revoke", "some-id", "--yes"],
        &["unused"],
        &["report"],
    ] {
        let args = [&["admin", "api-keys"], args].concat();
        let line = world.ctl(&args).await.failed(6);
        assert!(
            line.contains("only an admin of") && line.contains("quiltctl whoami"),
            "{line}"
        );
    }
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_overrides_the_login_for_everything_at_once() {
    let world = World::logged_in().await;
    let before = json(&world, &["credential-process"]).await;
    let bobs = world
        .stack
        .control()
        .add_key(&KeySeed::new("bob", "bobs"))
        .unwrap();
    world
        .ctl_with_input(&["login", "--api-key"], &bobs.secret)
        .await
        .ok();
    assert!(
        world.client().status().await.unwrap().catalogs[0]
            .credentials
            .is_empty()
    );
    assert!(
        world
            .ctl(&["whoami"])
            .await
            .ok()
            .contains("bob@example.com")
    );
    let during = json(&world, &["credential-process"]).await;
    assert_ne!(before["AccessKeyId"], during["AccessKeyId"]);
    let token = json(&world, &["token"]).await;
    assert_eq!(
        (&token["kind"], &token["expires_at"]),
        (&"api_key".into(), &Value::Null)
    );
    let status = world.ctl(&["status"]).await.ok();
    assert!(
        status.contains("API key qk_") && !status.contains(&bobs.secret),
        "{status}"
    );
    world.ctl(&["clear-api-key"]).await.ok();
    assert!(
        world
            .ctl(&["whoami"])
            .await
            .ok()
            .contains("alice@example.com")
    );
    let after = json(&world, &["credential-process"]).await;
    assert_ne!(during["AccessKeyId"], after["AccessKeyId"]);
    world.ctl(&["clear-api-key"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_dies_says_so_and_leaves_the_login_alone() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let (id, secret) = planted(&world, "ci");
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    control.expire_key(&id);
    let line = world.ctl(&["whoami"]).await.failed(6);
    assert!(line.contains(REFUSED), "{line}");
    assert!(line.contains("run: quiltctl clear-api-key"), "{line}");
    control.reset_counts();
    for _ in 0..10 {
        world.ctl(&["whoami"]).await.failed(6);
        world.ctl(&["credential-process"]).await.failed(6);
    }
    assert_eq!(control.calls(Endpoint::Graphql), 0, "not asked in a loop");
    let session = world.client().session().await.unwrap().status;
    assert_eq!(session.state, SessionState::Expired);
    // Which key of which catalog it is, for whoever has several.
    let said = session.last_error.as_deref().unwrap();
    let catalog = world.stack.catalog_url();
    assert!(said.starts_with(REFUSED), "{said}");
    assert!(said.contains(catalog) && said.contains("qk_"), "{said}");
    world.ctl(&["clear-api-key"]).await.ok();
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_a_restart_forgot_is_told_from_no_login() {
    let mut world = World::start().await;
    let (_, secret) = planted(&world, "ci");
    let before = world.ctl(&["whoami"]).await.failed(3);
    assert!(before.contains("not logged in"), "the control: {before}");
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    world.ctl(&["whoami"]).await.ok();
    world.crash_and_restart().await;
    let line = world.ctl(&["credential-process"]).await.failed(3);
    assert!(line.contains("was forgotten when quiltd stopped"), "{line}");
    assert!(line.contains("run: quiltctl login --api-key"), "{line}");
    // The one that the environment has is given again.
    let with_key = async |line: &[&str]| -> Run {
        let mut command = world.ctl_command(line);
        command.env("QUILT_API_KEY", &secret);
        command.output().await.unwrap().into()
    };
    let line = with_key(&["credential-process"]).await.failed(3);
    let (_, hint) = line.split_once("; run: quiltctl ").unwrap();
    assert!(hint.contains("--api-key-env QUILT_API_KEY"), "{line}");
    with_key(&hint.split(' ').collect::<Vec<_>>()).await.ok();
    world.ctl(&["whoami"]).await.ok();
    world.crash_and_restart().await;
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    world.ctl(&["clear-api-key"]).await.ok();
    world.crash_and_restart().await;
    let after = world.ctl(&["whoami"]).await.failed(3);
    assert!(after.contains("not logged in"), "{after}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_key_without_a_login_names_what_mends() {
    let world = World::start().await;
    let (id, secret) = planted(&world, "ci");
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    world.stack.control().expire_key(&id);
    let line = world.ctl(&["whoami"]).await.failed(6);
    assert!(line.contains("run: quiltctl login --api-key"), "{line}");
    let (_, next) = planted(&world, "next");
    world
        .ctl_with_input(&["login", "--api-key"], &next)
        .await
        .ok();
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hiccup_does_not_kill_a_key() {
    let (world, _, secret) = with_key().await;
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, Fault::once(FaultKind::status(401)));
    world.ctl(&["whoami"]).await.ok();
    control.plant(Endpoint::Graphql, Fault::times(FaultKind::status(401), 2));
    world.ctl(&["whoami"]).await.failed(6);
    // Setting it again is a fresh start.
    world
        .ctl_with_input(&["login", "--api-key"], &secret)
        .await
        .ok();
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_network_a_key_is_taken_and_checked_later() {
    let world = World::start().await;
    let (_, secret) = planted(&world, "ci");
    world.stack.control().refuse(Host::Catalog, true);
    let run = world.ctl_with_input(&["login", "--api-key"], &secret).await;
    assert!(run.stderr.contains("not checked yet"), "{run:?}");
    run.ok();
    world.stack.control().refuse(Host::Catalog, false);
    world.ctl(&["whoami"]).await.ok();
    assert_eq!(
        world.client().session().await.unwrap().status.last_error,
        None
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_key_changes_nothing() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let revoked = planted(&world, "revoked");
    control.revoke_key(&revoked.0);
    let expired = planted(&world, "expired");
    control.expire_key(&expired.0);
    control.reset_counts();
    let huge = format!("qk_{}", "x".repeat(10 << 20));
    for (input, code, text) in [
        ("", 8, "nothing was given"),
        ("  \n ", 8, "nothing was given"),
        ("QK_abc", 8, PREFIX),
        ("abc", 8, PREFIX),
        ("qk_", 8, "characters that no key has"),
        ("qk_ab\ncd", 8, "characters that no key has"),
        ("qk_a\0b", 8, "characters that no key has"),
        (&huge, 8, "too long"),
    ] {
        let line = world
            .ctl_with_input(&["login", "--api-key"], input)
            .await
            .failed(code);
        assert!(line.contains(text), "{line}");
    }
    let binary = world.home.path().join("binary");
    std::fs::write(&binary, b"qk_\xff\xfe\x00").unwrap();
    let mut command = world.ctl_command(&["login", "--api-key"]);
    let input = std::fs::File::open(&binary).unwrap();
    let output = command.stdin(Stdio::from(input)).output().await.unwrap();
    assert_eq!(output.status.code(), Some(8), "{output:?}");
    assert_eq!(
        control.calls(Endpoint::Graphql),
        0,
        "nothing was sent anywhere"
    );
    for (_, secret) in [&revoked, &expired] {
        let line = world
            .ctl_with_input(&["login", "--api-key"], secret)
            .await
            .failed(6);
        assert!(line.contains(REFUSED) && !line.contains(secret), "{line}");
    }
    for days in ["0", "366", "-1"] {
        control.reset_counts();
        let args = ["api-keys", "create", "n", "--expires-in-days", days];
        let line = world.ctl(&args).await.failed(8);
        assert!(line.contains("between 1 and 365 days"), "{line}");
        assert_eq!(control.calls(Endpoint::Graphql), 0);
    }
    world.ctl(&["api-keys", "create", " "]).await.failed(8);
    let bobs = control.add_key(&KeySeed::new("bob", "bobs")).unwrap();
    world.ctl(&["api-keys", "get", &bobs.id]).await.failed(7);
    world
        .ctl(&["api-keys", "revoke", &bobs.id, "--yes"])
        .await
        .failed(7);
    let line = world
        .ctl(&["api-keys", "revoke", &bobs.secret])
        .await
        .failed(8);
    assert!(!line.contains(&bobs.secret), "{line}");
    assert_eq!(kind(&world).await, Some(TokenKind::Interactive));
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
}

#[tokio::test(flavor = "multi_thread")]
async fn revoking_the_key_in_use_drops_it() {
    for by_secret in [false, true] {
        let (world, id, secret) = with_key().await;
        if by_secret {
            world
                .ctl_with_input(&["api-keys", "revoke", "--secret-stdin"], &secret)
                .await
                .ok();
        } else {
            world.ctl(&["api-keys", "revoke", &id, "--yes"]).await.ok();
        }
        assert_eq!(kind(&world).await, None);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leaked_key_can_be_revoked_without_a_login() {
    let world = World::start().await;
    let leaked = world
        .stack
        .control()
        .add_key(&KeySeed::new("bob", "leaked"))
        .unwrap();
    let revoke = ["api-keys", "revoke", "--secret-stdin"];
    world.ctl_with_input(&revoke, &leaked.secret).await.ok();
    assert_eq!(world.stack.control().key_count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_weeks_before_its_end_a_key_in_use_is_told_of() {
    for (days, told) in [(13, true), (16, false)] {
        let world = World::start().await;
        let seed = KeySeed {
            expires_in_seconds: days * DAY,
            ..KeySeed::new("alice", "ci")
        };
        let key = world.stack.control().add_key(&seed).unwrap();
        world
            .ctl_with_input(&["login", "--api-key"], &key.secret)
            .await
            .ok();
        let run = world.ctl(&["status"]).await;
        assert_eq!(
            run.stderr.contains("api-keys rotate --current"),
            told,
            "{run:?}"
        );
    }
}
