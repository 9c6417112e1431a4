//! Who is logged in after a login, and who was before.

use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Run, World};
use serde_json::Value;

use crate::web_login::{Player, approving};

/// Logs somebody in with a code, however that ends.
async fn login(world: &World, user: &str, args: &[&str]) -> Run {
    let code = world.stack.control().login_code(user).unwrap();
    let args = [&["login", "--code-stdin"], args].concat();
    world.ctl_with_input(&args, &code).await
}

fn place(world: &World) -> String {
    let catalog = world.stack.catalog_url();
    catalog.split_once("://").unwrap().1.to_owned()
}

/// What a login says on stderr; its stdout is the catalog alone.
fn said(world: &World, run: Run) -> Vec<String> {
    let lines = run.stderr.lines().map(str::to_owned).collect();
    assert_eq!(run.ok().trim(), world.stack.catalog_url());
    lines
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_says_where_this_shell_goes_instead() {
    let world = World::logged_in().await;
    let login = async |named: &str| {
        let code = world.stack.control().login_code("alice").unwrap();
        let args = ["login", "--code-stdin", world.stack.catalog_url()];
        let mut command = world.ctl_command(&args);
        command.env("QUILT_CATALOG", named);
        Run::with_input(command, &code).await
    };
    let other = "https://typo.example";
    let run = login(other).await;
    let advice = format!("QUILT_CATALOG names {other}, and this shell follows that");
    assert!(run.stderr.contains(&advice), "{run:?}");
    run.ok();
    assert!(
        !login(world.stack.catalog_url())
            .await
            .stderr
            .contains("this shell")
    );
    // So do others, whose own advice would not help.
    for args in [&["status"][..], &["doctor"]] {
        let mut command = world.ctl_command(args);
        command.env("QUILT_CATALOG", other);
        let run = Run::from(command.output().await.unwrap());
        let all = format!("{}{}", run.stdout, run.stderr);
        assert!(all.contains("unset QUILT_CATALOG"), "{all}");
        let first = all.lines().find(|line| line.contains("run: ")).unwrap();
        assert!(args != ["doctor"] || first.contains("unset"), "{all}");
    }
}

/// A key of somebody else's, in use over the login, leaves no word behind.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_came_back_from_under_a_key_is_who_was_before() {
    for is_restarted in [false, true] {
        let mut world = World::start().await;
        let was = |name: &str| format!("Before, {name} was logged in there.");
        let key = KeySeed::new("bob", "ci");
        let key = world.stack.control().add_key(&key).unwrap().secret;
        login(&world, "alice", &[]).await.ok();
        let over = world.ctl_with_input(&["login", "--api-key"], &key).await;
        assert!(over.stderr.contains(&was("alice")), "{over:?}");
        over.ok();
        if is_restarted {
            world.daemon.take().unwrap().stop().await;
            world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
        } else {
            world.ctl(&["clear-api-key"]).await.ok();
        }
        assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
        world.ctl(&["logout"]).await.ok();
        let next = login(&world, "bob", &[]).await;
        assert!(next.stderr.contains(&was("alice")), "{next:?}");
        // The control: a key that was in use to the end was who was there.
        world.ctl(&["logout"]).await.ok();
        login(&world, "alice", &[]).await.ok();
        world
            .ctl_with_input(&["login", "--api-key"], &key)
            .await
            .ok();
        world.ctl(&["logout"]).await.ok();
        let next = login(&world, "alice", &[]).await;
        assert!(next.stderr.contains(&was("bob")), "{next:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_says_whose_it_is_and_whose_was_before() {
    let mut world = World::with(approving()).await;
    let place = place(&world);
    let is = |name: &str, what: &str| format!("Logged in to {place} as {name} (role {what}).");
    let was = |name: &str| format!("Before, {name} was logged in there.");
    let role = |user: &str| {
        let overview = world.stack.control().overview();
        let users = overview["users"].as_array().unwrap().clone();
        let user = users.into_iter().find(|known| known["name"] == user);
        user.unwrap()["role"].as_str().unwrap().to_owned()
    };
    let admin = format!("{}, admin", role("alice"));
    let (alice, bob) = (is("alice", &admin), is("bob", &role("bob")));

    let configured = format!("{} is the default catalog now.", world.stack.catalog_url());
    let first = said(&world, login(&world, "alice", &[]).await);
    assert_eq!(first, [alice.clone(), configured]);
    // The same again is no change.
    assert_eq!(
        said(&world, login(&world, "alice", &[]).await),
        std::slice::from_ref(&alice)
    );
    let changed = said(&world, login(&world, "bob", &[]).await);
    assert_eq!(changed, [bob.clone(), was("alice")]);

    // After a restart, after a logout, after both.
    world.crash_and_restart().await;
    let changed = said(&world, login(&world, "alice", &[]).await);
    assert_eq!(changed, [alice.clone(), was("bob")]);
    world.ctl(&["logout"]).await.ok();
    world.crash_and_restart().await;
    let changed = said(&world, login(&world, "bob", &[]).await);
    assert_eq!(changed, [bob.clone(), was("alice")]);

    // An API key, and the login under it.
    let seed = KeySeed::new("alice", "ci");
    let key = world.stack.control().add_key(&seed).unwrap();
    let key = key.secret;
    let by_key = world.ctl_with_input(&["login", "--api-key"], &key).await;
    assert_eq!(said(&world, by_key), [alice.clone(), was("bob")]);
    let under = said(&world, login(&world, "bob", &[]).await);
    assert!(under[0].contains("quiltctl clear-api-key"), "{under:?}");
    assert_eq!(under[1..], [bob.clone(), was("alice")]);
    world.ctl(&["clear-api-key"]).await.ok();
    assert_eq!(said(&world, login(&world, "bob", &[]).await), [bob]);

    // Through the browser.
    let mut command = world.ctl_command(&["login", "--web", "--no-browser"]);
    let web = begin(&mut command);
    let (web, start) = web.await;
    let redirect = Player::new().authorize(&start).await;
    Player::new().get(&redirect).await;
    let ended = web.wait_with_output().await.unwrap();
    let ended = said(&world, ended.into());
    assert_eq!(ended, [alice, was("bob")]);

    // For programs.
    let json = login(&world, "bob", &["--json"]).await.ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["me"]["name"], "bob");
    assert_eq!(json["previous_user"], "alice");
    assert_eq!(json.get("me_error"), None);

    // Of whom the stack does not say who it is, it may be somebody else.
    let silent = Fault::always(FaultKind::status(500));
    world.stack.control().plant(Endpoint::Graphql, silent);
    let unknown = said(&world, login(&world, "alice", &[]).await);
    assert_eq!(unknown.last(), Some(&was("bob")), "{unknown:?}");
}

/// Starts a login through the browser; and where the browser has to go.
async fn begin(command: &mut tokio::process::Command) -> (tokio::process::Child, String) {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = crate::web_login::page_named(child.stderr.as_mut().unwrap()).await;
    (child, start)
}

/// Tokens that have ended when they come are no login, and none is lost for them.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_has_ended_when_it_comes_replaces_nobody() {
    let world = World::logged_in().await;
    let held = world.ctl(&["credential-process"]).await.ok();
    let sessions = || std::fs::read(world.home.state().join("sessions.json")).unwrap();
    let before = sessions();
    let control = world.stack.control();
    control.update(|settings| settings.access_token_seconds = -60);
    let line = login(&world, "bob", &[]).await.failed(1);
    assert!(line.contains("the clock is wrong"), "{line}");
    assert_eq!(sessions(), before);
    control.update(|settings| settings.access_token_seconds = 3600);
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), held);
    let changed = login(&world, "bob", &[]).await.stderr;
    assert!(changed.contains("Before, alice was logged in"), "{changed}");
}

/// Has the next renewal answered with tokens of a login of this user's.
async fn answer_renewal_for(world: &World, user: &str) {
    let control = world.stack.control();
    control.outdate_access_tokens();
    let code = control.login_code(user).unwrap();
    let url = format!("{}/api/token", world.stack.registry_url());
    let form = [("refresh_token", code)];
    let answer = reqwest::Client::new().post(url).form(&form).send().await;
    let body = answer.unwrap().text().await.unwrap();
    assert!(body.contains("access_token"), "{body}");
    let fault = FaultKind::Status { status: 200, body };
    control.plant(Endpoint::Token, Fault::once(fault));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_that_brings_another_users_tokens_ends_the_login() {
    let world = World::logged_in().await;
    // Another login of the same user's is nobody else.
    answer_renewal_for(&world, "alice").await;
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));

    answer_renewal_for(&world, "bob").await;
    let refused = world.ctl(&["whoami"]).await;
    assert!(
        refused.stderr.contains("renewal of alice's login"),
        "{refused:?}"
    );
    assert!(refused.stderr.contains("tokens of bob"), "{refused:?}");
    refused.failed(3);
    world.ctl(&["credential-process"]).await.failed(3);
    let status = world.ctl(&["status"]).await;
    let status = format!("{}{}", status.stdout, status.stderr);
    assert!(status.contains("tokens of bob"), "{status}");

    login(&world, "alice", &[]).await.ok();
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));
    world.ctl(&["credential-process"]).await.ok();
}

/// What the stack says of a login later is shown, and no more.
#[tokio::test(flavor = "multi_thread")]
async fn a_false_word_about_a_login_lets_nobody_else_in() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let me = serde_json::json!({
        "name": "bob", "email": "bob@example.com", "isAdmin": false,
        "role": { "name": "ReadQuiltBucket" }, "roles": [{ "name": "ReadQuiltBucket" }],
    });
    let body = serde_json::json!({ "data": { "me": me } }).to_string();
    let lie = FaultKind::Status { status: 200, body };
    control.plant(Endpoint::Graphql, Fault::once(lie));
    assert!(world.ctl(&["whoami"]).await.ok().contains("bob"));
    answer_renewal_for(&world, "bob").await;
    let refused = world.ctl(&["credential-process"]).await;
    assert!(
        refused.stderr.contains("renewal of alice's login"),
        "{refused:?}"
    );
    refused.failed(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_uses_renewed_tokens_before_it_is_known_whose_they_are() {
    let world = World::logged_in().await;
    answer_renewal_for(&world, "bob").await;
    let control = world.stack.control();
    let away = control.plant(Endpoint::Graphql, Fault::always(FaultKind::status(503)));
    let vend = ["credential-process"];
    for _ in 0..2 {
        world.ctl(&vend).await.failed(5);
    }
    assert_eq!(
        control.calls(Endpoint::GetCredentials),
        1,
        "nobody uses them"
    );
    control.clear_fault(away);
    // A failure stands for some moments.
    let refused = async {
        loop {
            let run = world.ctl(&vend).await;
            if run.code != 5 {
                return run;
            }
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    };
    let limit = std::time::Duration::from_mins(1);
    let refused = tokio::time::timeout(limit, refused).await.unwrap();
    assert!(refused.stderr.contains("tokens of bob"), "{refused:?}");
    refused.failed(3);
    login(&world, "alice", &[]).await.ok();
    assert!(world.ctl(&["whoami"]).await.ok().contains("alice"));

    // Those of the same user are used once it is known.
    answer_renewal_for(&world, "alice").await;
    world.ctl(&vend).await.ok();
}

/// Whose a login is was not noted, as the stack could not be asked.
#[tokio::test(flavor = "multi_thread")]
async fn another_users_tokens_are_not_used_where_nobody_knows_whose_the_login_is() {
    let world = World::start().await;
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, Fault::once(FaultKind::status(503)));
    let run = login(&world, "alice", &[]).await;
    assert!(run.stderr.contains("could not be asked"), "{run:?}");
    run.ok();
    answer_renewal_for(&world, "bob").await;
    let refused = world.ctl(&["credential-process"]).await;
    assert!(refused.stderr.contains("tokens of bob"), "{refused:?}");
    refused.failed(3);
}

/// What becomes of a renewal that is asked about is no news of a login since.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_made_while_a_renewal_is_doubted_is_not_in_doubt() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    answer_renewal_for(&world, "bob").await;
    let held = control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold));
    let asked = control.counts().calls(Endpoint::Graphql);
    let mut vending = world.ctl_command(&["credential-process"]);
    vending.stdout(Stdio::piped()).stderr(Stdio::piped());
    let vending = vending.spawn().unwrap();
    control
        .wait_for_counts(|now| now.calls(Endpoint::Graphql) > asked)
        .await;
    login(&world, "alice", &[]).await.ok();
    drop(vending.wait_with_output().await);
    crate::gateway::files::until(|| world.log().contains("somebody logged in meanwhile")).await;
    control.clear_fault(held);
    control.outdate_access_tokens();
    // A token that is refused while it is renewed is tried again some time later.
    let alice = async {
        while !world.ctl(&["whoami"]).await.stdout.contains("alice") {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
    };
    let limit = std::time::Duration::from_mins(2);
    tokio::time::timeout(limit, alice).await.expect("it works");
    world.ctl(&["credential-process"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_stands_where_the_stack_does_not_say_whose_it_is() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    control.plant(Endpoint::Graphql, Fault::once(FaultKind::status(503)));
    let said = said(&world, login(&world, "bob", &[]).await);
    // It may be somebody else than before.
    assert_eq!(said[1..], ["Before, alice was logged in there."]);
    assert!(said[0].contains("could not be asked"), "{said:?}");
    assert!(said[0].ends_with("run: quiltctl whoami"), "{said:?}");
    assert!(world.ctl(&["whoami"]).await.ok().contains("bob"));
    // What it said when it was asked later counts.
    let changed = login(&world, "alice", &[]).await.stderr;
    assert!(changed.contains("Before, bob was logged in"), "{changed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_login_of_a_home_makes_its_catalog_the_configured_one() {
    let world = World::start().await;
    let catalog = world.stack.catalog_url().to_owned();
    assert!(!world.home.config_yml().exists());
    let code = world.stack.control().login_code("alice").unwrap();
    world
        .ctl_with_input(&["login", "--code-stdin", "--catalog", &catalog], "wrong")
        .await
        .failed(6);
    assert!(
        !world.home.config_yml().exists(),
        "a login that failed does not"
    );
    world
        .ctl_with_input(&["login", "--code-stdin", "--catalog", &catalog], &code)
        .await
        .ok();
    // Found without being named.
    let mut command = world.ctl_command(&["whoami"]);
    let output = command.env_remove("QUILT_CATALOG").output().await.unwrap();
    assert!(Run::from(output).ok().contains("alice"));
    let config = std::fs::read_to_string(world.home.config_yml()).unwrap();
    assert!(config.contains(world.stack.registry_url()), "{config}");

    // A second catalog changes nothing there.
    let other = FakeStack::bind(StackConfig::default());
    let other = other.await.unwrap();
    let code = other.control().login_code("bob").unwrap();
    let there = ["login", "--code-stdin", "--catalog", other.catalog_url()];
    let run = world.ctl_with_input(&there, &code).await;
    assert!(!run.stderr.contains("configured"), "{run:?}");
    run.ok();
    assert_eq!(
        std::fs::read_to_string(world.home.config_yml()).unwrap(),
        config
    );
}

/// Begins a command whose first request to an endpoint is held, does something else,
/// and then lets it go on; how it ended.
async fn meanwhile(
    world: &World,
    args: &[&str],
    endpoint: Endpoint,
    done: impl AsyncFnOnce(),
) -> Run {
    let control = world.stack.control();
    let asked = control.calls(endpoint);
    let held = control.plant(endpoint, Fault::once(FaultKind::Hold));
    let mut command = world.ctl_command(args);
    command.stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let running = command.spawn().unwrap();
    control
        .wait_for_counts(|now| now.calls(endpoint) > asked)
        .await;
    done().await;
    control.clear_fault(held);
    running.wait_with_output().await.unwrap().into()
}

async fn shown_user(world: &World) -> Value {
    let status = world.ctl(&["status", "--json"]).await.ok();
    let status: Value = serde_json::from_str(&status).unwrap();
    status["catalogs"][0]["user"]["name"].clone()
}

/// What the stack says late is of whoever was there then.
#[tokio::test(flavor = "multi_thread")]
async fn a_late_word_of_who_it_was_is_not_noted() {
    let world = World::logged_in().await;
    let bob = async || {
        login(&world, "bob", &[]).await.ok();
    };
    meanwhile(&world, &["whoami"], Endpoint::Graphql, bob).await;
    assert_eq!(shown_user(&world).await, "bob");

    // Nor by a login that another one followed.
    let code = world.stack.control().login_code("alice").unwrap();
    let file = world.home.path().join("code");
    std::fs::write(&file, code).unwrap();
    let control = world.stack.control();
    let asked = control.calls(Endpoint::Graphql);
    let held = control.plant(Endpoint::Graphql, Fault::once(FaultKind::Hold));
    let mut command = world.ctl_command(&["login", "--code-stdin"]);
    command.stdin(std::fs::File::open(&file).unwrap());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let late = command.spawn().unwrap();
    control
        .wait_for_counts(|now| now.calls(Endpoint::Graphql) > asked)
        .await;
    bob().await;
    control.clear_fault(held);
    late.wait_with_output().await.unwrap();
    assert_eq!(shown_user(&world).await, "bob");
    // A new key is its maker's, who is known to be bob.
    let made = world.ctl(&["api-keys", "create", "mine"]).await.ok();
    assert!(made.contains("bob@example.com"), "{made}");
}

/// What is made for somebody who has gone meanwhile is for nobody.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_made_for_whoever_logged_out_meanwhile() {
    let world = crate::roles::world(StackConfig::default(), "").await;
    let logout = async || {
        world.ctl(&["logout"]).await.ok();
    };
    let console = ["console", "--print"];
    world.ctl(&console).await.ok();
    let run = meanwhile(&world, &console, Endpoint::Federation, logout).await;
    assert_eq!(run.stdout, "", "{run:?}");
    run.failed(3);
    login(&world, "alice", &[]).await.ok();
    // It asks nothing else before.
    let create = ["api-keys", "create", "k"];
    let run = meanwhile(&world, &create, Endpoint::Graphql, logout).await;
    assert!(!run.stdout.contains("qk_"), "{run:?}");
    assert_ne!(run.code, 0, "{run:?}");
}
