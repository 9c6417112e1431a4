//! Daemons that are started with a key for each of several catalogs.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use quilt_tests::harness::{Home, Run, World, binaries};

use super::{end, key_at, restart, set, start_in, status, token};
use crate::roles;

fn written(path: &Path, text: &str, mode: u32) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Two catalogs, `one` with its key in a file, `two` with it in a credential,
/// and a third file that is no key.
async fn served() -> (World, FakeStack, [String; 2]) {
    let home = Home::new();
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let keys = [key_at(&stack), key_at(&other)];
    let at = |name: &str| home.path().join(name);
    fs::create_dir(at("credentials")).unwrap();
    written(&at("one.key"), &format!("{}\n", keys[0]), 0o600);
    written(&at("loose.key"), &keys[0], 0o644);
    written(&at("credentials/quilt-api-key.two"), &keys[1], 0o400);
    let settings = format!(
        "[catalogs.one]\nurl = '{}'\napi_key_file = '{}'\n\
         [catalogs.two]\nurl = '{}'\n\
         [catalogs.three]\nurl = 'https://three.quilt.example'\napi_key_file = '{}'\n",
        stack.catalog_url(),
        at("one.key").display(),
        other.catalog_url(),
        at("loose.key").display(),
    );
    roles::set(&home, &settings);
    let credentials = at("credentials");
    let variables = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let daemon = Some(start_in(&home, &variables).await);
    let world = World {
        stack,
        home,
        daemon,
    };
    (world, other, keys)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_catalog_has_its_key_and_a_bad_one_is_said() {
    let (world, other, keys) = served().await;
    assert_eq!(token(&world, "one").await, keys[0]);
    assert_eq!(token(&world, "two").await, keys[1]);
    assert_eq!(token(&world, other.catalog_url()).await, keys[1]);
    let findings = status(&world).await.findings;
    let found: Vec<_> = findings.iter().filter(|it| it.code == "api_key").collect();
    assert_eq!(found.len(), 1, "{findings:#?}");
    assert!(found[0].summary.contains("loose.key"), "{findings:#?}");
    let hint = found[0].hint.to_string();
    assert!(hint.starts_with("chmod go= "), "{hint}");
    // Whatever the status warns of, the doctor finds.
    let doctor = world.ctl(&["doctor", "--json"]).await.stdout;
    for finding in &findings {
        let summary = serde_json::to_string(&finding.summary).unwrap();
        assert!(doctor.contains(&summary), "{summary}: {doctor}");
    }
    for key in &keys {
        assert!(!world.log().contains(key.as_str()));
    }
}

/// Why it was not taken says more than that it is not there any more.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_file_cannot_be_read_any_more_is_one_finding() {
    let (mut world, _other, _keys) = served().await;
    let of_one = async |world: &World| {
        let findings = status(world).await.findings;
        let of_keys = findings.into_iter().filter(|it| it.code == "api_key");
        let ours = of_keys.filter(|it| !it.summary.contains("loose.key"));
        ours.map(|it| it.summary).collect::<Vec<_>>()
    };
    assert_eq!(of_one(&world).await, [""; 0]);
    world.daemon.take().unwrap().stop().await;
    // Without its file it was forgotten; then the file is there, and loose.
    let file = world.home.path().join("one.key");
    let key = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    for (loose, said) in [(false, "one.key"), (true, "mode 0644")] {
        if loose {
            written(&file, &key, 0o644);
        }
        let daemon = start_in(&world.home, &[]).await;
        let found = of_one(&world).await;
        assert!(found.iter().any(|found| found.contains(said)), "{found:#?}");
        let catalog = world.stack.catalog_url();
        let twice = found.iter().filter(|found| found.contains(catalog));
        assert!(
            !twice.into_iter().any(|found| found.contains("forgotten")),
            "{found:#?}"
        );
        daemon.stop().await;
    }
}

/// Whoever clears a key that each start reads has it back with the next.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_a_file_is_mended_in_that_file() {
    let (mut world, _other, _keys) = served().await;
    let file = world.home.path().join("one.key");
    let at = file.display().to_string();
    let seed = KeySeed::new("alice", "another");
    let key = world.stack.control().add_key(&seed).unwrap();
    world.daemon.take().unwrap().stop().await;
    written(&file, &key.secret, 0o600);
    let daemon = start_in(&world.home, &[]).await;
    assert_eq!(token(&world, "one").await, key.secret);
    world.stack.control().expire_key(&key.id);
    let edit = format!("${{EDITOR:-vi}} {at} && quiltctl daemon restart");
    let line = world.ctl(&["whoami", "--catalog", "one"]).await.failed(6);
    assert!(line.contains(&at), "{line}");
    assert!(line.ends_with(&format!("; run: {edit}")), "{line}");
    let of_one = |status: &quilt_proto::wire::Status| {
        let mut all = status.catalogs.iter();
        let one = all.find(|of| of.alias.as_deref() == Some("one")).unwrap();
        (one.session.last_error.clone(), one.hint.clone())
    };
    let (error, hint) = of_one(&status(&world).await);
    assert!(error.unwrap().contains(&at));
    assert_eq!(hint.unwrap().to_string(), edit);

    daemon.stop().await;
    fs::remove_file(&file).unwrap();
    let daemon = start_in(&world.home, &[]).await;
    let (error, hint) = of_one(&status(&world).await);
    let error = error.unwrap();
    assert!(
        error.contains(&at) && !error.contains("forgotten"),
        "{error}"
    );
    let mend = hint.unwrap().to_string();
    assert_eq!(
        mend,
        format!("${{EDITOR:-vi}} {at} && chmod go= {at} && quiltctl daemon restart")
    );
    let line = world.ctl(&["token", "--catalog", "one"]).await.failed(3);
    assert!(line.contains(&at), "{line}");
    assert!(line.ends_with(&format!("; run: {mend}")), "{line}");
    daemon.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_others_may_have_put_there_is_not_taken() {
    let home = Home::new();
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let key = key_at(&stack);
    let credentials = home.path().join("credentials");
    fs::create_dir(&credentials).unwrap();
    written(&credentials.join("quilt-api-key.one"), &key, 0o400);
    let settings = format!("[catalogs.one]\nurl = '{}'\n", stack.catalog_url());
    roles::set(&home, &settings);
    let variables = [("CREDENTIALS_DIRECTORY", credentials.to_str().unwrap())];
    let mode = |mode| fs::set_permissions(&credentials, Permissions::from_mode(mode)).unwrap();
    mode(0o777);
    let daemon = Some(start_in(&home, &variables).await);
    let mut world = World {
        stack,
        home,
        daemon,
    };
    let token = ["token", "--catalog", "one"];
    world.ctl(&token).await.failed(3);
    let findings = status(&world).await.findings;
    let found = findings.iter().find(|it| it.code == "api_key").unwrap();
    assert!(found.summary.contains("by other users"), "{found:?}");
    // Nor is the one for the configured catalog.
    fs::rename(
        credentials.join("quilt-api-key.one"),
        credentials.join("quilt-api-key"),
    )
    .unwrap();
    world.daemon.take().unwrap().stop().await;
    let mut command = world.home.command(binaries::quiltd());
    let output = command.envs(variables).output().await.unwrap();
    let line = Run::from(output).failed(1);
    assert!(line.contains("API key"), "{line}");
    // The control: where nobody else may write, it is.
    mode(0o500);
    let catalog = world.stack.catalog_url().to_owned();
    let variables = [&variables[..], &[("QUILT_CATALOG", &*catalog)]].concat();
    world.daemon = Some(start_in(&world.home, &variables).await);
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), key);
    mode(0o700);
}

#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn over_a_restart_files_are_read_again_and_what_was_set_since_is_kept() {
    let (world, other, keys) = served().await;
    // Set over what the credential says; the file's changes.
    let set_since = key_at(&other);
    set(&world, "two", &set_since).await;
    let newer = key_at(&world.stack);
    written(&world.home.path().join("one.key"), &newer, 0o600);
    assert_eq!(token(&world, "one").await, keys[0]);
    restart(&world).await.ok();
    assert_eq!(token(&world, "one").await, newer);
    assert_eq!(token(&world, "two").await, set_since);
    end(world).await;
}

/// A service without a configured catalog: the key's is the one that is meant,
/// by every command, be the key refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_only_keys_catalog_is_the_one_that_is_meant() {
    let home = Home::new();
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let seed = KeySeed::new("alice", "service");
    let key = stack.control().add_key(&seed).unwrap();
    let variables = [
        ("QUILT_CATALOG", stack.catalog_url()),
        ("QUILT_API_KEY", &*key.secret),
        ("AWS_ENDPOINT_URL_S3", stack.s3_url()),
    ];
    let daemon = Some(start_in(&home, &variables).await);
    let world = World {
        stack,
        home,
        daemon,
    };
    // As other programs of the machine ask, without the variable.
    let ask = async |args: &[&str]| {
        let mut command = world.ctl_command(args);
        let output = command.env_remove("QUILT_CATALOG").output().await.unwrap();
        Run::from(output)
    };
    for args in [
        &["logged-in"][..],
        &["token"],
        &["whoami"],
        &["credential-process"],
        &["role", "list"],
        &["profiles"],
        &["api-keys", "list"],
        &["search", "hello"],
        &["packages", "list", "s3://demo-bucket"],
        &["env", "--format", "json"],
        &["config"],
        &["setup", "quilt3"],
        &["setup", "aws"],
        &["status"],
        &["doctor"],
    ] {
        let run = ask(args).await;
        assert!(!run.stderr.contains("no catalog"), "{args:?}: {run:?}");
        assert!(!run.stdout.contains("no catalog"), "{args:?}: {run:?}");
        if args != ["doctor"] {
            assert_eq!(run.code, 0, "{args:?}: {run:?}");
        }
    }
    assert!(ask(&["profiles"]).await.ok().contains("127.0.0.1"));

    // Once the stack refuses the key, that is what is wrong.
    world.stack.control().revoke_key(&key.id);
    for args in [["whoami"], ["token"], ["logged-in"]] {
        let run = ask(&args).await;
        assert_ne!(run.code, 0, "{args:?}: {run:?}");
        assert!(!run.stderr.contains("no catalog"), "{args:?}: {run:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_names_what_the_next_start_reads() {
    let (world, other, keys) = served().await;
    let file = world.home.path().join("one.key");
    let rotate = async |catalog| {
        let args = ["api-keys", "rotate", "--current", "--catalog", catalog];
        world.ctl(&args).await
    };
    let run = rotate("one").await;
    assert_eq!(run.code, 0, "{run:?}");
    let edit = format!(
        "run: ${{EDITOR:-vi}} {} && quiltctl daemon restart",
        file.display()
    );
    let advice = run.stderr.find(&edit);
    let revoked = run.stderr.find("is revoked");
    assert!(advice.is_some() && advice < revoked, "{}", run.stderr);
    // Nobody but whoever wrote the unit knows how the other one is changed.
    let run = rotate("two").await;
    assert!(
        run.stderr.contains("the credential quilt-api-key.two"),
        "{run:?}"
    );
    assert!(!run.stderr.contains("EDITOR"), "{run:?}");
    // One that the daemon was given while it ran is in no file.
    let typed = KeySeed::new("alice", "typed");
    let typed = other.control().add_key(&typed).unwrap();
    set(&world, "two", &typed.secret).await;
    let run = rotate("two").await;
    assert!(
        run.code == 0 && !run.stderr.contains("at each start"),
        "{run:?}"
    );
    assert!(!world.log().contains(&keys[0]));
}
