//! What people meet on a terminal, with the real daemon behind it.

use std::fs;

use quilt_tests::harness::{Run, World};

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
