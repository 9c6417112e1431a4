//! Pipes where quiltctl looks for files by itself.

use std::process::Stdio;
use std::time::Duration;

use quilt_tests::harness::World;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::api_keys::planted;

/// How long a command may take that waits for nobody.
const AT_ONCE: Duration = Duration::from_mins(1);

/// Files that quiltctl looks for by itself, and nobody named for it to read.
const LOOKED_FOR: &[&str] = &[
    ".aws/config",
    ".aws/credentials",
    ".config/fish/completions/quiltctl.fish",
    ".config/systemd/user/quiltd.service",
    ".config/systemd/user/quiltd.socket",
    ".local/share/bash-completion/completions/quiltctl",
    "token",
];

/// Whoever reads no more is noticed although nothing happens.
#[tokio::test(flavor = "multi_thread")]
async fn watch_ends_with_its_reader() {
    let world = World::logged_in().await;
    for args in [&["watch"][..], &["watch", "--json"]] {
        let mut command = world.ctl_command(args);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        lines.next_line().await.unwrap().expect("what there is");
        drop(lines);
        let ended = tokio::time::timeout(AT_ONCE, child.wait()).await;
        ended.expect("it waits for news").unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_in_the_place_of_a_file_keeps_no_command_waiting() {
    let world = World::logged_in().await;
    let token = world.home.path().join("token");
    let uri = "http://127.0.0.1:9/v1";
    let commands: &[&[&str]] = &[
        &["setup", "systemd", "--undo"],
        &["setup", "completions", "fish"],
        &["setup", "completions", "--undo"],
        &["setup", "aws"],
        &["status"],
        &["doctor"],
        &["uninstall", "--yes"],
    ];
    // The control, without any.
    for is_pipe in [false, true] {
        for path in LOOKED_FOR.iter().filter(|_| is_pipe) {
            let path = world.home.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let _ = std::fs::remove_file(&path);
            let made = world.home.command("mkfifo").arg(&path).status().await;
            assert!(made.unwrap().success());
        }
        for command in commands {
            let mut running = world.ctl_command(command);
            running
                .env("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri)
                .env("AWS_CONTAINER_AUTHORIZATION_TOKEN", "a")
                .env("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", &token)
                .env("TZ", format!(":{}", token.display()))
                .env("XDG_CONFIG_HOME", world.home.path().join(".config"))
                .env("XDG_DATA_HOME", world.home.path().join(".local/share"))
                .stdin(Stdio::null())
                .kill_on_drop(true);
            let ended = tokio::time::timeout(AT_ONCE, running.output()).await;
            let ended = ended.unwrap_or_else(|_| panic!("{command:?} waits, {is_pipe}"));
            println!("{command:?}, {is_pipe}: {:?}", ended.unwrap());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pipe_that_was_named_is_said_to_be_waited_for() {
    let world = World::start().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let pipe = world.home.path().join("named");
    let made = world.home.command("mkfifo").arg(&pipe).status().await;
    assert!(made.unwrap().success());
    let path = pipe.to_str().unwrap();
    let (_, key) = planted(&world, "ci");
    for (command, text) in [
        (
            ["login", "--api-key-dotenv", path],
            format!("QUILT_API_KEY={key}\n"),
        ),
        (
            ["search", "--dsl", path],
            r#"{"query": {"match_all": {}}}"#.to_owned(),
        ),
    ] {
        let mut running = world.ctl_command(&command);
        running.stderr(Stdio::piped()).stdout(Stdio::piped());
        let mut child = running.kill_on_drop(true).spawn().unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
        let line = said.next_line().await.unwrap().unwrap();
        assert!(line.contains("named is a pipe: waiting"), "{line}");
        tokio::fs::write(&pipe, text).await.unwrap();
        let ended = child.wait_with_output().await.unwrap();
        assert!(ended.status.success(), "{command:?}: {ended:?}");
    }
}
