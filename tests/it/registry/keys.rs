//! API keys: set, given at the start, made and rotated.

use quilt_proto::wire::TokenKind;
use quilt_proto::{ErrorCode, Secret};
use quilt_tests::fake_stack::{Endpoint, FakeStack, Host, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Run, binaries};

use super::Two;
use crate::gateway::files::until;
use crate::gateway::grant;
use crate::gateway::own_keys::me;

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_goes_where_secrets_went_before() {
    let mut two = Two::logged_in().await;
    let key = two.key();
    two.lie();
    two.refused(two.use_key(&key, &[]).await, "login --api-key");
    assert_eq!(two.kind().await, Some(TokenKind::Interactive));
    two.world.ctl(&["logout"]).await.ok();
    two.refused(two.use_key(&key, &[]).await, "login --api-key");
    two.world.crash_and_restart().await;
    two.refused(two.use_key(&key, &[]).await, "login --api-key");
    assert_eq!(two.kind().await, None);
    // Programs are told the same.
    let call = quilt_proto::api::UseApiKey(Secret::new(key.clone()).into());
    match two.world.client().send(&call).await {
        Err(quilt_client::Error::Problem(problem)) => {
            assert_eq!(problem.code, ErrorCode::RegistryChanged);
            assert_eq!(problem.registry_host.unwrap().as_str(), two.host());
        }
        other => panic!("{other:?}"),
    }
    // Revoking a key that is in the wrong hands needs no agreement, and nobody
    // else to do it.
    let revoke = ["api-keys", "revoke", "--secret-stdin"];
    two.world.ctl_with_input(&revoke, &key).await.ok();
    assert_eq!(two.world.stack.control().key_count(), 0);
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_set_stays_where_it_is() {
    let two = Two::start().await;
    let key = two.key();
    two.use_key(&key, &[]).await.ok();
    two.lie();
    two.world.ctl(&["whoami"]).await.ok();
    two.world.ctl(&["search", "iris"]).await.ok();
    two.world.ctl(&["credential-process"]).await.ok();
    two.world
        .ctl(&["api-keys", "rotate", "--current"])
        .await
        .ok();
    assert_eq!(two.world.stack.control().key_count(), 1);
    two.world.ctl(&["whoami"]).await.ok();
    // One that is to be used is made where the session is, and goes no further.
    two.world.ctl(&["logout"]).await.ok();
    two.truth();
    two.login(&[]).await.ok();
    two.lie();
    let made = two.world.ctl(&["api-keys", "create", "new", "--use"]).await;
    assert_eq!(made.code, 6, "{made:?}");
    assert!(made.stderr.contains("names another registry than before"));
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_without_network_goes_to_the_known_registry_alone() {
    let two = Two::logged_in().await;
    let key = two.key();
    let control = two.world.stack.control();
    control.refuse(Host::Catalog, true);
    two.use_key(&key, &[]).await.ok();
    control.refuse(Host::Catalog, false);
    two.lie();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("alice"));
    assert_eq!(two.kind().await, Some(TokenKind::ApiKey));
    two.untouched();
}

/// A daemon that starts with a key.
async fn start_with_key(two: &mut Two, key: &str) {
    two.world.daemon.take().unwrap().stop().await;
    let catalog = two.world.stack.catalog_url().to_owned();
    let variables = [("QUILT_API_KEY", key), ("QUILT_CATALOG", &*catalog)];
    let args = ["--token-store", "file"];
    two.world.daemon = Some(Daemon::start_with(&two.world.home, &args, &variables).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_given_at_the_start_is_held_back_and_said_so() {
    let mut two = Two::logged_in().await;
    let key = two.key();
    two.lie();
    start_with_key(&mut two, &key).await;
    let whoami = two.world.ctl(&["whoami"]).await;
    two.refused(whoami, "config");
    let status = two.world.client().status().await.unwrap();
    let (host, catalog) = (two.host().to_owned(), two.world.stack.catalog_url());
    let command = format!("run: quiltctl config --catalog {catalog} --accept-registry {host}");
    let warned = status.warnings.iter().any(|line| line.ends_with(&command));
    assert!(warned, "{:?}", status.warnings);
    let doctor = two.world.ctl(&["doctor"]).await;
    assert!(doctor.stdout.contains(&command[5..]), "{doctor:?}");
    // Another host than the one that is named is agreed to in vain.
    let wrong = ["config", "--accept-registry", "registry.example"];
    let line = two.world.ctl(&wrong).await.failed(6);
    assert!(line.contains("not registry.example"), "{line}");
    two.untouched();
    // Over, and the key works where it belongs.
    two.truth();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("alice"));
    let status = two.world.client().status().await.unwrap();
    assert!(!status.warnings.iter().any(|line| line.contains("accept")));
    two.untouched();
}

/// The shared configuration is anybody's to change, the key is one catalog's.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_given_at_the_start_stays_with_its_catalog_when_another_one_is_configured() {
    let mut two = Two::start().await;
    let mut key = two.key();
    let catalog = two.world.stack.catalog_url().to_owned();
    let args = ["--token-store", "file"];
    for configured in [catalog.as_str(), two.other.catalog_url()] {
        let variables = [("QUILT_API_KEY", key.as_str())];
        two.world.ctl(&["config", configured]).await.ok();
        two.world.daemon.take().unwrap().stop().await;
        two.world.daemon = Some(Daemon::start_with(&two.world.home, &args, &variables).await);
        two.other.control().reset_counts();
        let whoami = two.world.ctl(&["whoami", "--catalog", &catalog]).await;
        assert!(whoami.ok().contains("alice"));
        let asked = two.other.control().calls(Endpoint::Graphql);
        assert_eq!(asked, 0, "the other registry was sent the key");
        // One that takes its place is as well.
        let rotate = ["api-keys", "rotate", "--current", "--json"];
        let rotated = two.world.ctl(&rotate).await.ok();
        let rotated: serde_json::Value = serde_json::from_str(&rotated).unwrap();
        key = rotated["secret"].as_str().unwrap().to_owned();
    }
}

/// Whatever names no catalog means the one whose the key is, also to revoke it.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_worked_somewhere_goes_to_no_other_catalog_unnamed() {
    let two = Two::logged_in().await;
    let key = two.key();
    two.use_key(&key, &[]).await.ok();
    two.world.ctl(&["clear-api-key"]).await.ok();
    stays(&two, &key).await;
}

/// Nor does one that was made there, and used nowhere yet.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_made_somewhere_goes_to_no_other_catalog_unnamed() {
    let two = Two::logged_in().await;
    let made = two
        .world
        .ctl(&["api-keys", "create", "ci", "--json"])
        .await
        .ok();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    stays(&two, made["secret"].as_str().unwrap()).await;
}

/// Runs quiltctl where nothing but the configuration names a catalog.
async fn unnamed(two: &Two, args: &[&str], key: &str) -> Run {
    Run::with_input(two.unnamed(args), key).await
}

async fn stays(two: &Two, key: &str) {
    let unnamed = async |args: &[&str]| unnamed(two, args, key).await;
    unnamed(&["use", two.other.catalog_url()]).await.ok();
    two.other.control().reset_counts();
    unnamed(&["login", "--api-key"]).await.ok();
    assert_eq!(two.kind().await, Some(TokenKind::ApiKey));
    unnamed(&["api-keys", "revoke", "--secret-stdin"])
        .await
        .ok();
    assert_eq!(two.world.stack.control().key_count(), 0);
    two.untouched();
}

/// A catalog that knew a key first, or says that it did, keeps it from no other
/// one that the user names and that knows it as well.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_given_for_another_catalog_too_is_that_ones_where_it_is_configured() {
    let two = Two::logged_in().await;
    let key = two.key();
    let known = KeySeed {
        secret: Some(key.clone()),
        ..KeySeed::new("alice", "ci")
    };
    two.other.control().add_key(&known).unwrap();
    for catalog in [two.other.catalog_url(), two.world.stack.catalog_url()] {
        two.use_key(&key, &["--catalog", catalog]).await.ok();
        two.world
            .ctl(&["clear-api-key", "--catalog", catalog])
            .await
            .ok();
    }
    let unnamed = async |configured: &str| {
        unnamed(&two, &["use", configured], "").await.ok();
        for stack in [&two.world.stack, &two.other] {
            stack.control().reset_counts();
        }
        unnamed(&two, &["login", "--api-key"], &key).await
    };
    let asked = |stack: &FakeStack| stack.control().calls(Endpoint::Graphql) > 0;
    unnamed(two.world.stack.catalog_url()).await.ok();
    assert!(asked(&two.world.stack) && !asked(&two.other));
    unnamed(two.other.catalog_url()).await.ok();
    assert!(asked(&two.other) && !asked(&two.world.stack));
    // Which one is meant is guessed nowhere else.
    let third = FakeStack::bind(StackConfig::default()).await.unwrap();
    let line = unnamed(third.catalog_url()).await.failed(8);
    assert!(line.contains("is known at") && line.contains(two.other.catalog_url()));
    assert!(
        ![&two.world.stack, &two.other, &third]
            .into_iter()
            .any(asked)
    );
}

/// Where it worked was lost with a broken file: it has to be said.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_catalog_was_lost_is_sent_nowhere_unnamed() {
    let two = Two::logged_in().await;
    let key = two.key();
    two.use_key(&key, &[]).await.ok();
    let mut world = two.world;
    world.ctl(&["use", two.other.catalog_url()]).await.ok();
    world.daemon.take().unwrap().stop().await;
    std::fs::write(world.home.state().join("catalogs.json"), "{").unwrap();
    two.other.control().reset_counts();
    let mut command = world.home.command(binaries::quiltd());
    command
        .args(["--token-store", "file"])
        .env("QUILT_API_KEY", &key);
    let run = Run::from(command.output().await.unwrap());
    assert_eq!(run.code, 1, "{run:?}");
    let named = "; run: quiltd --catalog https://YOUR-CATALOG";
    assert!(run.stderr.contains(named), "{run:?}");
    assert_eq!(two.other.control().calls(Endpoint::Graphql), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_held_back_is_used_once_the_user_agrees() {
    let mut two = Two::logged_in().await;
    let there = two
        .other
        .control()
        .add_key(&KeySeed::new("bob", "ci"))
        .unwrap();
    two.lie();
    start_with_key(&mut two, &there.secret).await;
    two.world.ctl(&["whoami"]).await.failed(6);
    two.untouched();
    let host = two.host().to_owned();
    two.world
        .ctl(&["config", "--accept-registry", &host])
        .await
        .ok();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("bob"));
    // Agreed to for good.
    start_with_key(&mut two, &there.secret).await;
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_own_key_goes_where_one_succeeded_before() {
    let two = Two::start().await;
    let catalog = two.world.stack.catalog_url();
    two.world.ctl(&["config", catalog]).await.ok();
    two.world.ctl(&["setup", "quilt3"]).await.ok();
    let key = two.key();

    // The first use is free, and one that failed is none.
    two.lie();
    let (status, _) = me(&two.world, &key).await;
    assert_eq!(status, 401, "the other stack does not know the key");
    let asked = two.other.control().counts();
    assert!(!asked.endpoints.is_empty(), "the probe works: it was asked");
    two.other.control().reset_counts();
    two.truth();
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");

    two.lie();
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");
    // It is where a login goes as well.
    two.refused(two.login(&[]).await, "login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_programs_own_key_stays_with_its_catalog_when_another_one_is_configured() {
    let two = Two::logged_in().await;
    two.world.ctl(&["setup", "quilt3"]).await.ok();
    let key = two.key();
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");

    // The gateway's first address is the other catalog's from now on.
    two.world
        .ctl(&["config", two.other.catalog_url()])
        .await
        .ok();
    two.other.control().reset_counts();
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");
    let asked = || two.other.control().calls(Endpoint::Graphql);
    assert_eq!(asked(), 0, "the other registry was sent the key");
    // Whichever daemon is asked.
    two.world.ctl(&["daemon", "restart"]).await.ok();
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");
    assert_eq!(asked(), 0, "the other registry was sent the key");
}

/// Whose a program's key was is lost with a file that broke: at the address that
/// names no catalog, it may be another one's.
#[tokio::test(flavor = "multi_thread")]
async fn a_programs_own_key_goes_nowhere_unnamed_where_what_was_known_is_lost() {
    let two = Two::logged_in().await;
    two.world.ctl(&["setup", "quilt3"]).await.ok();
    let key = two.key();
    // The control.
    let (status, body) = me(&two.world, &key).await;
    assert!(status == 200 && body.contains("alice"), "{status} {body}");
    let mut world = two.world;
    world.ctl(&["config", two.other.catalog_url()]).await.ok();
    world.daemon.take().unwrap().stop().await;
    std::fs::write(world.home.state().join("catalogs.json"), "{").unwrap();
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    // Another program may have had the port meanwhile.
    until(|| std::net::TcpStream::connect(grant(&world).0).is_ok()).await;
    two.other.control().reset_counts();
    let (status, _) = me(&world, &key).await;
    assert_eq!(status, 401);
    assert_eq!(two.other.control().calls(Endpoint::Graphql), 0);
}
