//! Logging in and out, and what ends a login.

use std::fs;

use quilt_client::Client;
use quilt_proto::wire::SessionState;
use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, Host, Rotation, StackConfig};
use quilt_tests::harness::{Daemon, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_pasted_code_logs_in_and_logout_forgets() {
    let world = World::start().await;
    world.ctl(&["logged-in"]).await.code_is(3);
    let code = world.stack.control().login_code("alice").unwrap();
    let padded = format!(" \t{code}\r\n");
    let printed = world
        .ctl_with_input(&["login", "--code-stdin"], &padded)
        .await
        .ok();
    assert_eq!(printed.trim(), world.stack.catalog_url());
    assert_eq!(
        world.ctl(&["logged-in"]).await.ok().trim(),
        world.stack.catalog_url()
    );
    let me = world.ctl(&["whoami", "--json"]).await.ok();
    let me: serde_json::Value = serde_json::from_str(&me).unwrap();
    assert_eq!(me["email"], "alice@example.com");
    world.ctl(&["logout"]).await.ok();
    world.ctl(&["logged-in"]).await.code_is(3);
    let line = world.ctl(&["credential-process"]).await.failed(3);
    assert!(line.contains("run: quiltctl login"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_code_is_refused_and_costs_nothing() {
    let world = World::logged_in().await;
    let line = world
        .ctl_with_input(&["login", "--code-stdin"], "wrong")
        .await
        .failed(6);
    assert!(line.contains("run: quiltctl login"), "{line}");
    for bad in ["", "two words", "zwei\nZeilen"] {
        world
            .ctl_with_input(&["login", "--code-stdin"], bad)
            .await
            .failed(8);
    }
    world.ctl(&["token"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_needs_no_new_login_and_no_network() {
    let mut world = World::logged_in().await;
    let token = world.ctl(&["token"]).await.ok();
    world.stack.control().reset_counts();
    world.crash_and_restart().await;
    assert_eq!(world.ctl(&["token"]).await.ok(), token);
    assert_eq!(world.stack.control().calls(Endpoint::Token), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_refusal_of_the_token_endpoint_is_a_hiccup() {
    for status in [400, 401] {
        let world = World::logged_in().await;
        world.stack.control().outdate_access_tokens();
        world
            .stack
            .control()
            .plant(Endpoint::Token, Fault::once(FaultKind::status(status)));
        world.ctl(&["whoami"]).await.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_refusals_end_the_session_for_good_and_say_so() {
    let mut world = World::logged_in().await;
    world.stack.control().outdate_access_tokens();
    world
        .stack
        .control()
        .plant(Endpoint::Token, Fault::times(FaultKind::status(401), 2));
    let line = world.ctl(&["whoami"]).await.failed(3);
    assert!(
        line.contains("has ended") && line.contains("run: quiltctl login"),
        "{line}"
    );
    world.crash_and_restart().await;
    let status = world.client().status().await.unwrap();
    assert_eq!(status.catalogs[0].session.state, SessionState::Expired);
    world.stack.control().reset_counts();
    world.ctl(&["token"]).await.failed(3);
    assert_eq!(
        world.stack.control().calls(Endpoint::Token),
        0,
        "a dead session is not asked for"
    );
    world.login().await;
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_never_ends_a_session() {
    // An answer that is lost after the token was rotated can only be survived
    // where the old token lives on until the new one is used.
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Grace;
    let world = World::with(config).await;
    world.login().await;
    for kind in [
        FaultKind::status(500),
        FaultKind::status(502),
        FaultKind::status(503),
        FaultKind::status(429),
        FaultKind::status(403),
        page(400),
        page(401),
        page(403),
        page(407),
        FaultKind::status(404),
        FaultKind::status(409),
        FaultKind::status(421),
        FaultKind::Reset,
        FaultKind::Garbage,
        FaultKind::Truncated,
        FaultKind::Html,
    ] {
        world.stack.control().outdate_access_tokens();
        let fault = world
            .stack
            .control()
            .plant(Endpoint::Token, Fault::times(kind.clone(), 3));
        let line = world.ctl(&["whoami"]).await.failed(5);
        assert!(!line.contains("eyJ"), "no token in {line}");
        world.stack.control().clear_fault(fault);
        wait_out_the_pause(&world).await;
        world.ctl(&["whoami"]).await.ok();
    }
}

/// What a load balancer or firewall answers with.
fn page(status: u16) -> FaultKind {
    FaultKind::Status {
        status,
        body: "<!doctype html><title>Blocked</title>".to_owned(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_refuses_fresh_tokens_ends_no_login() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    control.plant(
        Endpoint::GetCredentials,
        Fault::times(FaultKind::status(401), 2),
    );
    control.plant(Endpoint::Graphql, Fault::times(FaultKind::status(401), 2));
    let line = world.ctl(&["credential-process"]).await.failed(5);
    assert!(line.contains("stay logged in"), "{line}");
    let session = world.client().session().await.unwrap().status;
    assert_eq!(session.state, SessionState::Active);
    assert!(
        session
            .last_error
            .unwrap()
            .contains("still does not accept")
    );
    control.clear_faults();
    world.ctl(&["whoami"]).await.ok();
    let session = world.client().session().await.unwrap().status;
    assert_eq!(session.last_error, None);
    while world.ctl(&["credential-process"]).await.code != 0 {}
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_ends_a_login_under_way() {
    let world = World::start().await;
    let control = world.stack.control();
    let held = control.plant(Endpoint::Token, Fault::once(FaultKind::Hold));
    let code = control.login_code("alice").unwrap();
    let login = async {
        world
            .ctl_with_input(&["login", "--code-stdin"], &code)
            .await
            .failed(3)
    };
    let logout = async {
        control
            .wait_for_counts(|counts| counts.calls(Endpoint::Token) > 0)
            .await;
        world.ctl(&["logout"]).await.ok();
    };
    let (line, ()) = tokio::join!(login, logout);
    assert!(line.contains("logged out of meanwhile"), "{line}");
    control.clear_fault(held);
    // The daemon ends when what is on its way has: the answer has come.
    let mut world = world;
    world.daemon.take().unwrap().stop().await;
    let stored = fs::read_to_string(world.home.sessions_file()).unwrap_or_default();
    assert!(!stored.contains("refresh_token"));
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.ctl(&["logged-in"]).await.code_is(3);
}

/// A stack where a rotation whose answer is lost costs the login.
async fn strict() -> World {
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Strict;
    let world = World::with(config).await;
    world.login().await;
    world.stack.control().outdate_access_tokens();
    world.stack.control().reset_counts();
    world
}

/// Such a stack ends the login of a code that it is shown twice.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_is_pasted_twice_does_not_end_its_login() {
    let world = strict().await;
    let control = world.stack.control();
    let code = control.login_code("alice").unwrap();
    let paste = async || {
        world
            .ctl_with_input(&["login", "--code-stdin"], &code)
            .await
    };
    paste().await.ok();
    control.reset_counts();
    paste().await.ok();
    assert_eq!(control.calls(Endpoint::Token), 0);
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    // Once its login is over, the stack decides, as ever.
    world.ctl(&["logout"]).await.ok();
    paste().await.failed(6);
    assert!(control.calls(Endpoint::Token) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_was_sent_is_waited_for_whatever_stops() {
    let mut world = strict().await;
    let slow = FaultKind::Latency { ms: 12_000 };
    world
        .stack
        .control()
        .plant(Endpoint::Token, Fault::once(slow));
    let client = world.client();
    let asked = tokio::spawn(async move { client.me().await });
    let control = world.stack.control();
    control
        .wait_for_counts(|counts| counts.calls(Endpoint::Token) > 0)
        .await;
    world.daemon.take().unwrap().stop().await;
    drop(asked.await.unwrap());
    assert!(world.stack.control().last_exchange().is_some());
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_freeze_loses_no_answer_that_has_arrived() {
    use rustix::process::{Pid, Signal, kill_process};

    let world = strict().await;
    let control = world.stack.control();
    let late = FaultKind::Latency { ms: 1000 };
    control.plant(Endpoint::Token, Fault::once(late));
    let client = world.client();
    let asked = tokio::spawn(async move { client.me().await });
    control
        .wait_for_counts(|counts| counts.calls(Endpoint::Token) > 0)
        .await;
    let pid = Pid::from_raw(world.daemon.as_ref().unwrap().pid()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    // The freeze itself, longer than any request may take.
    tokio::time::sleep(std::time::Duration::from_secs(17)).await;
    kill_process(pid, Signal::CONT).unwrap();
    drop(asked.await.unwrap());
    world.ctl(&["whoami"]).await.ok();
    assert_eq!(control.calls(Endpoint::Token), 1, "its answer was read");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_with_endless_tokens_harms_no_other_login() {
    let mut world = World::logged_in().await;
    let body = format!(
        "{{\"access_token\":\"{0}\",\"refresh_token\":\"{0}\",\"expires_at\":4000000000}}",
        "x".repeat(1024 * 1024)
    );
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    other.control().plant(
        Endpoint::Token,
        Fault::always(FaultKind::Status { status: 200, body }),
    );
    let code = other.control().login_code("bob").unwrap();
    let login = ["login", "--code-stdin", "--catalog", other.catalog_url()];
    let line = world.ctl_with_input(&login, &code).await.failed(5);
    assert!(line.contains("a token is longer than any token"), "{line}");
    world.crash_and_restart().await;
    world.ctl(&["whoami"]).await.ok();
}

/// Asks until the daemon has tried again; it does so by itself after a second.
async fn wait_out_the_pause(world: &World) {
    world.stack.control().reset_counts();
    while world.stack.control().calls(Endpoint::Token) == 0 {
        let _ = world.client().me().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_down_is_told_apart() {
    let world = World::start().await;
    world.stack.control().refuse(Host::Catalog, true);
    let code = world.stack.control().login_code("alice").unwrap();
    let line = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .failed(5);
    assert!(line.contains("cannot be reached"), "{line}");
    let line = world
        .ctl(&["config", world.stack.catalog_url()])
        .await
        .failed(5);
    assert!(line.contains("cannot be reached"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_catalogs_never_mix() {
    let world = World::logged_in().await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let code = other.control().login_code("bob").unwrap();
    let there = ["--catalog", other.catalog_url()];
    let login = [&["login", "--code-stdin"], &there[..]].concat();
    world.ctl_with_input(&login, &code).await.ok();

    let ours = world.ctl(&["whoami", "--json"]).await.ok();
    let theirs = world
        .ctl(&[&["whoami", "--json"], &there[..]].concat())
        .await
        .ok();
    assert!(ours.contains("alice") && theirs.contains("bob"));
    let one = world.ctl(&["credential-process"]).await.ok();
    let two = world
        .ctl(&[&["credential-process"], &there[..]].concat())
        .await
        .ok();
    assert_ne!(one, two);
    let everything = Client::new(world.home.socket()).status().await.unwrap();
    assert_eq!(everything.catalogs.len(), 2);

    world.ctl(&["logout"]).await.ok();
    world.ctl(&["credential-process"]).await.failed(3);
    let still = world
        .ctl(&[&["credential-process"], &there[..]].concat())
        .await
        .ok();
    assert_eq!(two, still);
    world.ctl(&["logout", "--all"]).await.ok();
    world
        .ctl(&[&["credential-process"], &there[..]].concat())
        .await
        .failed(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn two_daemons_on_one_state_directory_share_a_login() {
    // The strict mode kills the whole family of a token that is used twice.
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Strict;
    config.settings.access_token_seconds = 60;
    let world = World::with(config).await;
    world.login().await;
    let (_second, socket) = second_daemon(&world).await;
    let there = ["whoami", "--socket", &socket];
    for _ in 0..5 {
        world.stack.control().outdate_access_tokens();
        let (one, two) = tokio::join!(world.ctl(&["whoami"]), world.ctl(&there),);
        one.ok();
        two.ok();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn switching_the_role_flushes_credentials_before_it_answers() {
    let world = World::logged_in().await;
    let before = world.ctl(&["credential-process"]).await.ok();
    let me = world.client().me().await.unwrap();
    let other = me
        .roles
        .iter()
        .find(|role| Some(*role) != me.role.as_ref())
        .unwrap();
    world.ctl(&["role", "switch", other]).await.ok();
    assert_ne!(world.ctl(&["credential-process"]).await.ok(), before);
    world.ctl(&["role", "switch", "NoSuchRole"]).await.failed(6);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_switch_whose_answer_is_lost_flushes_all_the_same() {
    let world = World::logged_in().await;
    for lost in [FaultKind::LostAnswer, FaultKind::Truncated] {
        world
            .ctl(&["role", "switch", "ReadWriteQuiltBucket"])
            .await
            .ok();
        let before = world.ctl(&["credential-process"]).await.ok();
        let fault = Fault::once(lost.clone());
        world.stack.control().plant(Endpoint::Graphql, fault);
        let run = world.ctl(&["role", "switch", "ReadQuiltBucket"]).await;
        assert_ne!(run.code, 0, "{lost:?}");
        assert!(
            run.stderr.contains("the role may have been switched"),
            "{run:?}"
        );
        assert!(run.stderr.ends_with("; run: quiltctl whoami\n"), "{run:?}");
        assert_ne!(world.ctl(&["credential-process"]).await.ok(), before);
        let status = world.ctl(&["status"]).await.ok();
        assert!(!status.contains("ReadWriteQuiltBucket"), "{status}");
        assert!(
            world
                .ctl(&["whoami"])
                .await
                .ok()
                .contains("ReadQuiltBucket")
        );
    }
}

/// Where nothing could be sent, nothing was switched.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_switch_that_reaches_nobody_costs_no_credentials() {
    let world = World::logged_in().await;
    let held = world.ctl(&["credential-process"]).await.ok();
    world.stack.control().refuse(Host::Registry, true);
    let switch = ["role", "switch", "ReadQuiltBucket"];
    world.ctl(&switch).await.failed(5);
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), held);
    // The control: one that arrives does.
    world.stack.control().refuse(Host::Registry, false);
    world.ctl(&switch).await.ok();
    assert_ne!(world.ctl(&["credential-process"]).await.ok(), held);
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_that_arrive_expired_are_a_wrong_clock_and_not_a_busy_loop() {
    let mut config = StackConfig::default();
    config.settings.access_token_seconds = -60;
    let world = World::with(config).await;
    let code = world.stack.control().login_code("alice").unwrap();
    let line = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .failed(1);
    assert!(line.contains("the clock is wrong"), "{line}");
    world.stack.control().reset_counts();
    tokio::time::sleep(std::time::Duration::from_secs(5)).await;
    let calls = world.stack.control().calls(Endpoint::Token);
    assert!(calls <= 4, "{calls} rotations in 5 s");
}

/// A daemon of another machine on the same state directory, and its socket.
pub(crate) async fn second_daemon(world: &World) -> (Daemon, String) {
    let socket = world
        .home
        .path()
        .join("run/second.sock")
        .to_str()
        .unwrap()
        .to_owned();
    let args = ["--token-store", "file", "--socket", &socket];
    (Daemon::on_another_machine(&world.home, &args).await, socket)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_another_daemon_rotated_gets_a_second_chance() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let there = ["whoami", "--socket", &socket];
    world.stack.control().outdate_access_tokens();
    world.ctl(&there).await.ok();
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    world.ctl(&there).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_through_another_daemon_never_mixes_two_users() {
    let world = World::logged_in().await;
    let (_second, socket) = second_daemon(&world).await;
    let alices = world.ctl(&["credential-process"]).await.ok();
    let code = world.stack.control().login_code("bob").unwrap();
    let login = ["login", "--code-stdin", "--socket", &socket];
    world.ctl_with_input(&login, &code).await.ok();
    world
        .stack
        .control()
        .plant(Endpoint::Graphql, Fault::once(FaultKind::status(401)));
    assert!(world.ctl(&["whoami"]).await.ok().contains("bob"));
    assert_ne!(world.ctl(&["credential-process"]).await.ok(), alices);
    world.ctl(&["logout", "--all"]).await.ok();
    let stored = fs::read_to_string(world.home.sessions_file()).unwrap_or_default();
    assert!(!stored.contains("refresh_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_allowed_does_not_rotate_tokens_each_time() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let forbidden = FaultKind::Status {
        status: 403,
        body: "{\"message\": \"not for you\"}".to_owned(),
    };
    control.plant(Endpoint::Search, Fault::always(forbidden));
    let before = control.calls(Endpoint::Token);
    for _ in 0..5 {
        let line = world.ctl(&["search", "iris"]).await.failed(6);
        assert!(line.contains("not for you"), "{line}");
    }
    assert_eq!(control.calls(Endpoint::Token), before);
    control.clear_faults();
    control.outdate_access_tokens();
    world.ctl(&["search", "iris"]).await.ok();
    assert_eq!(control.calls(Endpoint::Token), before + 1);
}
