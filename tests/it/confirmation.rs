//! What destroys asks first, and does nothing where nobody is there to be asked.

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Run, World};
use serde_json::Value;

use crate::registry::terminal::Terminal;

/// A key of alice's: its id.
async fn key(world: &World, name: &str) -> String {
    let made = world
        .ctl(&["api-keys", "create", name, "--json"])
        .await
        .ok();
    let made: Value = serde_json::from_str(&made).unwrap();
    made["api_key"]["id"].as_str().unwrap().to_owned()
}

/// A local registry with one package: its URL.
fn registry(world: &World) -> String {
    let dir = world.home.path().join("registry");
    let hash = "a".repeat(64);
    for (path, text) in [
        (
            format!(".quilt/named_packages/ns/name/{}", 1_700_000_000),
            hash.as_str(),
        ),
        (
            ".quilt/named_packages/ns/name/latest".to_owned(),
            hash.as_str(),
        ),
        (format!(".quilt/packages/{hash}"), "{\"version\": \"v0\"}\n"),
    ] {
        let file = dir.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, text).unwrap();
    }
    format!("file://{}", dir.display())
}

/// Runs a command that was suggested, in a shell.
async fn run_hint(world: &World, hint: &str) -> Run {
    let mut shell = world.home.command("sh");
    let program = quilt_tests::harness::binaries::quiltctl();
    let dir = program.parent().unwrap().display();
    let path = format!("{dir}:{}", std::env::var("PATH").unwrap());
    shell
        .env("PATH", path)
        .env("QUILT_CATALOG", world.stack.catalog_url());
    shell.args(["-c", hint]).output().await.unwrap().into()
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_is_there_nothing_is_done_whatever_stdin_holds() {
    let world = World::logged_in().await;
    let registry = registry(&world);
    let (own, any) = (key(&world, "own").await, key(&world, "any").await);
    let list = ["packages", "list", &registry];
    assert_eq!(world.ctl(&list).await.ok(), "ns/name\n");
    let commands: [&[&str]; 4] = [
        &["packages", "delete", "ns/name", "--registry", &registry],
        &["api-keys", "revoke", &own],
        &["admin", "api-keys", "revoke", &any],
        &["uninstall"],
    ];
    for args in commands {
        for input in ["", "y\n", "yes\nyes\n"] {
            let line = world.ctl_with_input(args, input).await.failed(2);
            assert!(line.contains("nothing was changed"), "{line}");
            let json = [args, &["--json"]].concat();
            let line = world.ctl_with_input(&json, input).await.failed(2);
            let problem: Value = serde_json::from_str(&line).unwrap();
            let hint = problem["hint"].as_str().unwrap();
            assert!(hint.ends_with("--yes"), "{hint}");
        }
    }
    // All of it is still there.
    assert_eq!(world.ctl(&list).await.ok(), "ns/name\n");
    for id in [&own, &any] {
        world.ctl(&["api-keys", "get", id]).await.ok();
    }
    // What is suggested does it.
    for args in &commands[..3] {
        let line = world.ctl(args).await.failed(2);
        let hint = line.rsplit_once("; run: ").unwrap().1;
        run_hint(&world, hint).await.ok();
    }
    assert_eq!(world.ctl(&list).await.ok(), "");
    for id in [&own, &any] {
        world.ctl(&["api-keys", "get", id]).await.failed(7);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_it_is_asked_by_name() {
    let world = World::logged_in().await;
    let registry = registry(&world);
    let (own, any) = (key(&world, "ci-nightly").await, key(&world, "laptop").await);
    let commands: [(&[&str], &str); 3] = [
        (
            &["packages", "delete", "ns/name", "--registry", &registry],
            "Delete ns/name with all its versions from ",
        ),
        (
            &["api-keys", "revoke", &own],
            "Revoke the API key ci-nightly (qk_",
        ),
        (
            &["admin", "api-keys", "revoke", &any],
            "Revoke the API key laptop (qk_",
        ),
    ];
    for (args, question) in commands {
        for answer in ["n\n", "\n", "\u{4}", "nonsense\n"] {
            let ctl = Terminal::open(&world, args);
            let (code, shown) = ctl.shows("[y/N] ").await.types(answer).end().await;
            assert!(shown.contains(question), "{shown}");
            assert_eq!(code, 1, "{shown}");
            assert!(shown.contains("nothing was changed"), "{shown}");
        }
    }
    world.ctl(&["api-keys", "get", &own]).await.ok();
    for (args, _) in commands {
        let ctl = Terminal::open(&world, args);
        let (code, shown) = ctl.shows("[y/N] ").await.types("y\n").end().await;
        assert_eq!(code, 0, "{shown}");
    }
    world.ctl(&["api-keys", "get", &own]).await.failed(7);
    world.ctl(&["api-keys", "get", &any]).await.failed(7);
    // A key nobody has is said so before anything is asked.
    let ctl = Terminal::open(&world, &["api-keys", "revoke", &own]);
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 7, "{shown}");
}

/// What is configured may lie elsewhere than on this machine.
#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_without_a_place_is_asked_about_with_the_place_that_is_meant() {
    let world = World::logged_in().await;
    for (configured, place) in [
        ("", "the local registry"),
        ("s3://demo-bucket", "s3://demo-bucket"),
    ] {
        let set = format!("default_local_registry={configured}");
        world.ctl(&["config", "--set", &set]).await.ok();
        let ctl = Terminal::open(&world, &["packages", "delete", "ns/name"]);
        let (code, shown) = ctl.shows("[y/N] ").await.types("n\n").end().await;
        assert_eq!(code, 1, "{shown}");
        let question = format!("Delete ns/name with all its versions from {place}? [y/N]");
        assert!(shown.contains(&question), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_long_says_for_what_it_waits_and_wipes_that() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold));
    let ctl = Terminal::open(&world, &["whoami"])
        .shows("Waiting for quiltd: ")
        .await;
    control.clear_faults();
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    let after = shown.rsplit("\r\u{1b}[K").next().unwrap();
    assert!(
        after.contains("alice") && !after.contains("Waiting"),
        "{shown:?}"
    );
    // In a pipe nothing of it.
    let piped = world.ctl(&["whoami"]).await;
    assert_eq!(piped.stderr, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_name_is_answered_with_the_right_ones() {
    let world = World::logged_in().await;
    let settings = world.home.settings();
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let url = world.stack.catalog_url();
    let text = format!(
        "[catalogs.prod]\nurl = \"{url}\"\n[catalogs.lab]\nurl = \"https://lab.example\"\n\
         [profiles.lake]\nregion = \"eu-west-1\"\n"
    );
    std::fs::write(settings, text).unwrap();

    let line = world.ctl(&["role", "switch", "Nonsense"]).await.failed(6);
    for role in ["ReadWriteQuiltBucket", "ReadQuiltBucket"] {
        assert!(line.contains(role), "{line}");
    }
    let profile: [&[&str]; 4] = [
        &["credential-process", "--profile", "lak"],
        &["exec", "--profile", "lak", "--", "true"],
        &["console", "--profile", "lak"],
        &["setup", "aws", "--profile", "lak"],
    ];
    for args in profile {
        let line = world.ctl(args).await.failed(7);
        assert!(line.contains("there are default, lake"), "{args:?}: {line}");
    }
    for args in [
        &["use", "prodd"][..],
        &["whoami", "--catalog", "prodd"],
        &["login", "prodd"],
    ] {
        let line = world.ctl(args).await.failed(8);
        assert!(line.contains("lab, prod"), "{args:?}: {line}");
        assert!(!line.contains("prodd"), "{args:?}: {line}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn json_is_for_everything_but_what_has_none() {
    let world = World::logged_in().await;
    for args in [&["completions", "bash"][..], &["man"], &["man", "login"]] {
        let args = [args, &["--json"]].concat();
        let line = world.ctl(&args).await.failed(2);
        let problem: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(problem["code"], "usage", "{args:?}");
    }
    let reads: [&[&str]; 17] = [
        &["status"],
        &["whoami"],
        &["role", "list"],
        &["token"],
        &["profiles"],
        &["grants", "list"],
        &["audit"],
        &["doctor"],
        &["api-keys", "list"],
        &["admin", "api-keys", "list"],
        &["admin", "api-keys", "unused"],
        &["admin", "api-keys", "report"],
        &["config"],
        &["env"],
        &["credential-process"],
        &["logged-in"],
        &["search", "hello"],
    ];
    for args in reads {
        let args = [args, &["--json"]].concat();
        let run = world.ctl(&args).await;
        let one = serde_json::from_str::<Value>(&run.stdout);
        assert!(one.is_ok(), "{args:?} prints one document: {run:?}");
    }
    // A failure is one, too.
    world.ctl(&["logout"]).await.ok();
    for args in [
        &["whoami"][..],
        &["token"],
        &["credential-process"],
        &["api-keys", "list"],
    ] {
        let args = [args, &["--json"]].concat();
        let line = world.ctl(&args).await.failed(3);
        let problem: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(problem["code"], "login_required", "{args:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_removes_what_is_quiltds_and_nothing_else() {
    let world = World::logged_in().await;
    for args in [
        &["setup", "aws"][..],
        &["setup", "quilt3"],
        &["credential-process"],
        &["exec", "--", "true"],
    ] {
        world.ctl(args).await.ok();
    }
    let dir = world.home.state();
    let names = || {
        let entries = std::fs::read_dir(&dir).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    assert!(names().contains(&"sessions.json".to_owned()), "the control");
    // What was set aside may hold a login as well.
    for name in ["sessions.json.newer", "sessions.json.broken-1795702440"] {
        std::fs::write(dir.join(name), "of quiltd").unwrap();
    }
    // On macOS some of them are in the same folder.
    let users = ["auth.json", "config.yml", "quiltd.toml", "thesis.txt"];
    for name in users {
        std::fs::write(dir.join(name), "of the user").unwrap();
    }
    world.ctl(&["uninstall", "--state", "--yes"]).await.ok();
    assert_eq!(names(), users);
}
