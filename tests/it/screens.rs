//! What people meet on a terminal, with the real daemon behind it.

use std::fs;

use quilt_tests::harness::{Run, World, binaries};

fn name_it(world: &World) {
    let settings = world.home.settings();
    let text = format!("[catalogs.prod]\nurl = \"{}\"\n", world.stack.catalog_url());
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(settings, text).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_who_is_logged_in_and_by_which_name() {
    let world = World::start().await;
    name_it(&world);
    let code = world.stack.control().login_code("alice").unwrap();
    let run = world
        .ctl_with_input(&["login", "prod", "--code-stdin"], &code)
        .await;
    assert_eq!(run.ok().trim(), world.stack.catalog_url());
    let status = world.ctl(&["status"]).await.ok();
    assert!(
        status.contains("alice") && status.contains("ReadWrite"),
        "{status}"
    );
    assert!(status.contains("prod"), "{status}");
    let json = world.ctl(&["status", "--json"]).await.ok();
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["default_catalog"], world.stack.catalog_url());
    assert_eq!(json["catalogs"][0]["alias"], "prod");
    assert_eq!(json["catalogs"][0]["user"]["name"], "alice");
    // Whoever is gone is not shown.
    world.ctl(&["logout"]).await.ok();
    let status = world.ctl(&["status"]).await.ok();
    assert!(
        !status.contains("alice") && status.contains("logged out"),
        "{status}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_is_used_by_its_name_and_no_other_name_is_one() {
    let world = World::logged_in().await;
    name_it(&world);
    let said = world.ctl(&["use", "prod"]).await.ok();
    assert!(said.contains("is the default catalog now"), "{said}");
    let line = world.ctl(&["use", "nonsense"]).await.failed(8);
    assert!(!line.contains("nonsense"), "{line}");
    assert!(line.contains("quiltd.toml names prod"), "{line}");
    let page = format!("{}/b/lake/tree/a", world.stack.catalog_url());
    for named in ["prod", page.as_str()] {
        let mut whoami = world.ctl_command(&["whoami", "--catalog", named]);
        let run: Run = whoami.output().await.unwrap().into();
        assert!(run.ok().contains("alice"), "{named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_under_exec_know_as_whom_they_act() {
    let world = World::logged_in().await;
    let script = "echo $QUILT_PROFILE $QUILT_CATALOG";
    let said = world.ctl(&["exec", "--", "sh", "-c", script]).await.ok();
    assert_eq!(
        said.trim(),
        format!("default {}", world.stack.catalog_url())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn over_ssh_the_way_to_the_page_is_said_before_the_wait() {
    let world = World::start().await;
    let mut login = world.ctl_command(&["login", "--web"]);
    login
        .env("SSH_CONNECTION", "192.0.2.7 50000 192.0.2.8 22")
        .env("USER", "me")
        .stderr(std::process::Stdio::piped())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let mut child = login.spawn().unwrap();
    let said = child.stderr.take().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(said));
    let mut seen = String::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        seen += &line;
        if line.contains("ssh -N -L ") {
            break;
        }
    }
    let tunnel = seen.split("ssh -N -L ").nth(1).unwrap();
    let (port, rest) = tunnel.split_once(':').unwrap();
    assert_eq!(rest, format!("127.0.0.1:{port} me@192.0.2.8"));
    assert!(seen.contains(&format!("127.0.0.1:{port}/")), "{seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn uninstalling_undoes_what_was_set_up_and_asks_first() {
    let world = World::logged_in().await;
    let config = world.home.path().join(".aws/config");
    fs::create_dir_all(config.parent().unwrap()).unwrap();
    fs::write(&config, "[profile mine]\nregion = eu-west-1\n").unwrap();
    world.ctl(&["setup", "aws"]).await.ok();
    world.ctl(&["setup", "completions", "bash"]).await.ok();
    let rc = world.home.path().join(".bashrc");
    assert!(fs::read_to_string(&rc).unwrap().contains("quiltctl"));
    let line = world.ctl(&["uninstall"]).await.failed(2);
    assert!(line.ends_with("run: quiltctl uninstall --yes"), "{line}");
    assert!(
        fs::read_to_string(&config)
            .unwrap()
            .contains("credential_process")
    );
    let said = world.ctl(&["uninstall", "--state", "--yes"]).await.ok();
    assert!(said.contains("AWS programs"), "{said}");
    let left = fs::read_to_string(&config).unwrap();
    assert_eq!(left, "[profile mine]\nregion = eu-west-1\n");
    assert!(!rc.exists());
    let state = fs::read_dir(world.home.state());
    assert!(state.is_err() || state.unwrap().next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_need_a_login_are_logged_in_one_after_another() {
    let world = World::start().await;
    let other = quilt_tests::fake_stack::FakeStack::bind(crate::web_login::approving())
        .await
        .unwrap();
    let settings = world.home.settings();
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    let (one, two) = (world.stack.catalog_url(), other.catalog_url());
    let text = format!("[catalogs.one]\nurl = \"{one}\"\n[catalogs.two]\nurl = \"{two}\"\n");
    fs::write(settings, text).unwrap();
    world.stack.control().update(|settings| {
        settings.connect.auto_approve = Some("alice".to_owned());
    });
    // A browser that follows wherever it is led.
    let browser = world.home.path().join("browser");
    binaries::script(&browser, "#!/bin/sh\ncurl --silent --location \"$1\"\n");
    let login = || {
        let mut login = world.home.command(binaries::quiltctl());
        login
            .args(["login", "--all", "--web"])
            .env("BROWSER", &browser);
        login.stdin(std::process::Stdio::null());
        login
    };
    // Nobody was ever logged in to either: quiltd.toml names them.
    let status = world.ctl(&["status"]).await.ok();
    assert!(
        status.contains("(one)") && status.contains("(two)"),
        "{status}"
    );
    let run: Run = login().output().await.unwrap().into();
    assert_eq!(run.stderr.matches("as alice").count(), 2, "{run:?}");
    let run: Run = login().output().await.unwrap().into();
    assert!(
        run.stderr.contains("Every catalog is logged in."),
        "{run:?}"
    );
    world.ctl(&["logout", "--all"]).await.ok();
    let run: Run = login().output().await.unwrap().into();
    let said = run.stderr.clone();
    run.ok();
    for seen in ["1 of 2: ", "2 of 2: "] {
        assert!(said.contains(seen), "{said}");
    }
    assert_eq!(said.matches("as alice").count(), 2, "{said}");
    let run: Run = login().output().await.unwrap().into();
    assert!(
        run.stderr.contains("Every catalog is logged in."),
        "{run:?}"
    );
    // One that fails does not keep the user from the other.
    world.ctl(&["logout", "--all"]).await.ok();
    other.control().update(|settings| {
        settings.connect.auto_approve = Some("nobody".to_owned());
    });
    let run: Run = login().output().await.unwrap().into();
    assert_eq!(run.code, 6, "{run:?}");
    assert_eq!(run.stderr.matches("as alice").count(), 1, "{run:?}");
    let last = run.stderr.trim_end().lines().last().unwrap();
    assert!(
        last.ends_with("not every catalog is logged in; run: quiltctl login --all --web"),
        "{last}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_daemon_wrote_is_shown_where_quiltctl_started_it() {
    let mut world = World::start().await;
    let line = world.ctl(&["daemon", "logs"]).await.failed(7);
    assert!(line.contains("a service manager"), "{line}");
    world.daemon.take().unwrap().stop().await;
    let quiltctl = |args: &[&str]| {
        let mut command = world.home.command(binaries::quiltctl());
        command.args(args).stdin(std::process::Stdio::null());
        command
    };
    let run: Run = quiltctl(&["daemon", "start"])
        .output()
        .await
        .unwrap()
        .into();
    run.ok();
    let logs: Run = quiltctl(&["daemon", "logs"]).output().await.unwrap().into();
    let logs = logs.ok();
    assert!(!logs.trim().is_empty(), "it wrote something");
    let one: Run = quiltctl(&["daemon", "logs", "--lines", "1"])
        .output()
        .await
        .unwrap()
        .into();
    assert_eq!(one.ok().lines().count(), 1);
    let refused: Run = quiltctl(&["daemon", "logs", "--json"])
        .output()
        .await
        .unwrap()
        .into();
    refused.failed(2);
    let stop: Run = quiltctl(&["daemon", "stop"]).output().await.unwrap().into();
    stop.code_is(0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_gets_a_word_and_never_a_failure() {
    let mut world = World::start().await;
    let host = world.stack.catalog_url().to_owned();
    assert_eq!(world.ctl(&["status", "--prompt"]).await.ok(), "", "nobody");
    world.login().await;
    assert_eq!(world.ctl(&["status", "--prompt"]).await.ok().trim(), host);
    name_it(&world);
    // The stack is gone: the prompt does not ask it.
    let gone = quilt_tests::fake_stack::Host::Registry;
    world.stack.control().refuse(gone, true);
    assert!(!world.ctl(&["status", "--prompt"]).await.ok().is_empty());
    world.daemon.take().unwrap().stop().await;
    let run = world.ctl(&["status", "--prompt"]).await;
    assert_eq!(
        (run.code, run.stdout.as_str(), run.stderr.as_str()),
        (0, "", "")
    );
    assert!(!world.home.socket().exists(), "a prompt starts no daemon");
}
