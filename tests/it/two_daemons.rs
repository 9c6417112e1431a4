//! Daemons that share a state directory: on two machines each notices at its
//! next request what the other did; on one machine there is only one.

use std::fs;
use std::process::Stdio;

use quilt_tests::fake_stack::{Counts, Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Daemon, Run, World, binaries, can_be_anybody};

use crate::sessions::second_daemon;

/// Runs `quiltctl` against the other daemon.
fn there<'a>(socket: &'a str, args: &[&'a str]) -> Vec<&'a str> {
    [args, &["--socket", socket]].concat()
}

async fn log_in(world: &World, socket: &str, who: &str) {
    let code = world.stack.control().login_code(who).unwrap();
    let login = there(socket, &["login", "--code-stdin"]);
    world.ctl_with_input(&login, &code).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_made_there_is_taken_up_here_and_a_logout_ends_it() {
    let world = World::start().await;
    let (_second, socket) = second_daemon(&world).await;
    // It starts logged out, and has said so: what it holds is that.
    world.ctl(&["token"]).await.failed(3);
    log_in(&world, &socket, "alice").await;
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    let token = world.ctl(&["token"]).await.ok();
    let theirs = world.ctl(&there(&socket, &["token"])).await.ok();
    assert_eq!(token, theirs, "one login, one token");
    world.ctl(&["credential-process"]).await.ok();

    world.ctl(&there(&socket, &["logout"])).await.ok();
    // Everything that was held is at hand, and none of it is handed out.
    world.ctl(&["token"]).await.failed(3);
    world.ctl(&["credential-process"]).await.failed(3);
    world.ctl(&["logged-in"]).await.code_is(3);
    let status = world.client().status().await.unwrap();
    assert_eq!(status.catalogs[0].credentials, []);

    // The other way round.
    world.login().await;
    world.ctl(&there(&socket, &["token"])).await.ok();
    world.ctl(&["logout"]).await.ok();
    world.ctl(&there(&socket, &["token"])).await.failed(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_as_somebody_else_there_is_somebody_else_here() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let alices = world.ctl(&["credential-process"]).await.ok();
    log_in(&world, &socket, "bob").await;
    assert!(world.ctl(&["whoami"]).await.ok().contains("bob"));
    let bobs = world.ctl(&["credential-process"]).await.ok();
    assert_ne!(bobs, alices);
    // Nothing changed: what is held is given.
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), bobs);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_switched_there_leaves_nothing_of_the_old_role_here() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let before = world.ctl(&["credential-process"]).await.ok();
    let me = world.client().me().await.unwrap();
    let mut others = me.roles.iter();
    let other = others.find(|role| Some(*role) != me.role.as_ref()).unwrap();
    let switch = there(&socket, &["role", "switch", other]);
    world.ctl(&switch).await.ok();
    let after = world.ctl(&["credential-process"]).await.ok();
    assert_ne!(after, before);
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), after);
    // A rotation forgets nothing of it.
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), after);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_on_their_way_are_not_given_after_a_logout_there() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let control = world.stack.control();
    let asked = |counts: &Counts| counts.calls(Endpoint::GetCredentials);
    for logs_out in [false, true] {
        // A busy machine may be too slow for the one who waits.
        let run = loop {
            let before = asked(&control.counts());
            control.plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hold));
            let mut waits = world.ctl_command(&["credential-process"]);
            let waits = waits.stdout(Stdio::piped()).stderr(Stdio::piped());
            let waits = waits.spawn().unwrap();
            control.wait_for_counts(|now| asked(now) > before).await;
            if logs_out {
                world.ctl(&there(&socket, &["logout"])).await.ok();
            }
            control.clear_faults();
            let run = Run::from(waits.wait_with_output().await.unwrap());
            if [0, 3].contains(&run.code) {
                break run;
            }
            world.login().await;
        };
        if logs_out {
            assert!(run.failed(3).contains("not logged in"));
        } else {
            // The control; what was given is forgotten with who it was for.
            assert!(run.ok().contains("SecretAccessKey"));
            world.ctl(&["logout"]).await.ok();
            world.login().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_with_a_grant_are_cut_off_by_a_logout_there() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let fetch = "import os, time, urllib.request, sys\n\
        def get():\n\
        \x20   url = os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']\n\
        \x20   token = os.environ['AWS_CONTAINER_AUTHORIZATION_TOKEN']\n\
        \x20   request = urllib.request.Request(url, headers={'Authorization': token})\n\
        \x20   return urllib.request.urlopen(request).status\n\
        assert get() == 200\n\
        print('first', flush=True)\n\
        sys.stdin.readline()\n\
        try:\n\
        \x20   print(get())\n\
        except urllib.error.HTTPError as error:\n\
        \x20   print('refused', error.code)\n";
    let mut child = world
        .ctl_command(&["exec", "--", "python3", "-I", "-c", fetch])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdout = child.stdout.take().unwrap();
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(stdout));
    assert_eq!(lines.next_line().await.unwrap().unwrap(), "first");
    world.ctl(&there(&socket, &["logout"])).await.ok();
    let mut stdin = child.stdin.take().unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stdin, b"\n")
        .await
        .unwrap();
    let second = lines.next_line().await.unwrap().unwrap();
    assert!(second.starts_with("refused"), "{second}");
    child.wait().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_key_stays_where_it_was_set() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let made = world
        .ctl(&["api-keys", "create", "here", "--json"])
        .await
        .ok();
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let key = made["secret"].as_str().unwrap();
    let login = ["login", "--api-key"];
    world.ctl_with_input(&login, key).await.ok();
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), key);
    let theirs = world.ctl(&there(&socket, &["token"])).await.ok();
    assert_ne!(theirs.trim(), key);
    // Nor does a logout there end what was set here.
    world.ctl(&there(&socket, &["logout"])).await.ok();
    assert_eq!(world.ctl(&["token"]).await.ok().trim(), key);
    world.ctl(&["clear-api-key"]).await.ok();
    world.ctl(&["token"]).await.failed(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyring_tells_as_well() {
    // A session bus is for one user, who is root in a namespace of an ordinary one.
    if !can_be_anybody("a keyring that two machines share") {
        return;
    }
    let Some((mut world, mut bus)) = crate::keyring::world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    let args = ["--token-store", "keyring"];
    let variables = bus.variables();
    world.daemon = Some(Daemon::start_with(&world.home, &args, &variables).await);
    let socket = world.home.path().join("run/second.sock");
    let socket = socket.to_str().unwrap();
    let args = ["--token-store", "keyring", "--socket", socket];
    let _second = Daemon::on_another_machine_with(&world.home, &args, &variables).await;
    world.ctl(&["token"]).await.failed(3);
    log_in(&world, socket, "alice").await;
    world.ctl(&["token"]).await.ok();
    world.ctl(&there(socket, &["logout"])).await.ok();
    world.ctl(&["token"]).await.failed(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn on_one_machine_the_second_is_refused_and_led_to_the_first() {
    let mut world = World::with(StackConfig::default()).await;
    let socket = world.home.path().join("run/second.sock");
    let start = |store: &'static str| {
        let mut command = world.home.command(binaries::quiltd());
        command
            .args(["--token-store", store, "--socket"])
            .arg(&socket);
        command
    };
    for store in ["file", "memory"] {
        let output = start(store).output().await.unwrap();
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8(output.stderr).unwrap();
        let line = said.lines().last().unwrap();
        let first = world.home.socket();
        assert!(line.contains("another quiltd (pid "), "{line}");
        assert!(line.contains(first.to_str().unwrap()), "{line}");
        // Clients find the first where they look anyway.
        assert!(line.ends_with("; run: quiltctl daemon stop"), "{line}");
        assert!(!socket.exists(), "its socket is gone with it");
    }
    // Whose end it was, and how, does not matter.
    world.daemon.take().unwrap().kill().await;
    let args = [
        "--token-store",
        "file",
        "--socket",
        socket.to_str().unwrap(),
    ];
    world.daemon = Some(Daemon::start(&world.home, &args).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_without_a_runtime_directory_finds_the_one_there_is() {
    let world = World::logged_in().await;
    for autostart in [false, true] {
        let mut command = world.home.command(binaries::quiltctl());
        command
            .env_remove("XDG_RUNTIME_DIR")
            .env("QUILT_CATALOG", world.stack.catalog_url());
        if !autostart {
            command.arg("--no-autostart");
        }
        let output = command.arg("whoami").output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
    }
    let names = fs::read_dir(world.home.state()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let locks: Vec<_> = names.filter(|name| name.starts_with("daemon-")).collect();
    assert_eq!(locks.len(), 1, "{locks:?}");
    assert!(world.client().status().await.is_ok());
}

/// Homes are shared, and each machine has a daemon of its own.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_removed_is_no_lock_that_a_daemon_elsewhere_holds() {
    let world = World::logged_in().await;
    let lock = |machine: &str| {
        let path = world.home.state().join(format!("daemon-{machine}.lock"));
        let file = fs::File::create(&path).unwrap();
        (path, file)
    };
    let (held, holder) = lock("962e2be8-05c1");
    holder.try_lock().unwrap();
    let (free, _) = lock("962e2be8-05c2");
    world.ctl(&["uninstall", "--state", "--yes"]).await.ok();
    assert!(held.exists() && !free.exists());
}
