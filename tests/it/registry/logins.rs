//! Login codes and logins through the browser.

use std::fs;

use quilt_proto::api::{StartWebLogin, WebLoginQuery};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Daemon, World};
use serde_json::json;

use super::Two;
use crate::web_login::Player;

#[tokio::test(flavor = "multi_thread")]
async fn a_login_code_goes_where_one_went_before() {
    let mut two = Two::logged_in().await;
    two.lie();
    two.refused(two.login(&[]).await, "login");
    // The page that takes the password is not shown either.
    let shown = two.world.ctl(&["login", "--no-browser"]).await;
    two.refused(shown, "login");
    // The login there is goes on where it is.
    two.world.stack.control().outdate_access_tokens();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("alice"));
    two.world.ctl(&["credential-process"]).await.ok();
    two.world.ctl(&["search", "iris"]).await.ok();
    two.untouched();
    // After a restart, a logout, and both.
    two.world.crash_and_restart().await;
    two.refused(two.login(&[]).await, "login");
    two.world.ctl(&["whoami"]).await.ok();
    two.world.ctl(&["logout"]).await.ok();
    two.refused(two.login(&[]).await, "login");
    two.world.crash_and_restart().await;
    two.refused(two.login(&[]).await, "login");
    two.truth();
    two.login(&[]).await.ok();
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_spelling_of_a_catalog_is_no_first_use() {
    let two = Two::logged_in().await;
    let catalog = two.world.stack.catalog_url();
    let port = catalog.rsplit_once(':').unwrap().1;
    let spelt = format!("http://localhost:{port}");
    two.world.ctl(&["logout"]).await.ok();
    two.lie();
    let failed = two.login(&["--catalog", &spelt]).await.failed(6);
    assert!(
        failed.contains("names another registry than before"),
        "{failed}"
    );
    let key = two.key();
    let failed = two.use_key(&key, &["--catalog", &spelt]).await.failed(6);
    assert!(
        failed.contains("names another registry than before"),
        "{failed}"
    );
    two.untouched();
    // The probe works: by that name, too, the catalog is there, and one on
    // another server may name whatever it likes the first time.
    two.truth();
    two.login(&["--catalog", &spelt]).await.ok();
    let other = two.other.catalog_url().to_owned();
    let code = two.other.control().login_code("bob").unwrap();
    two.login_with(&code, &["--catalog", &other]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_before_such_things_were_kept_counts() {
    let mut two = Two::logged_in().await;
    let file = two.world.home.state().join("catalogs.json");
    two.world
        .restart_after(|| fs::remove_file(file).unwrap())
        .await;
    two.world.ctl(&["logout"]).await.ok();
    two.lie();
    two.refused(two.login(&[]).await, "login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_of_what_was_known_makes_no_use_the_first() {
    let mut two = Two::logged_in().await;
    two.world.ctl(&["logout"]).await.ok();
    let file = two.world.home.state().join("catalogs.json");
    two.world
        .restart_after(|| fs::write(&file, "{\"version\":1,").unwrap())
        .await;
    two.lie();
    let lost = "which one it was before was lost";
    for _ in 0..2 {
        let failed = two.login(&[]).await.failed(6);
        assert!(
            failed.contains(lost) && failed.contains(two.host()),
            "{failed}"
        );
        two.world.crash_and_restart().await;
    }
    two.untouched();
    // The truth is asked about as well: nobody knows which is which.
    two.truth();
    let failed = two.login(&[]).await.failed(6);
    assert!(failed.contains(lost), "{failed}");
    let host = two
        .world
        .stack
        .registry_url()
        .split_once("://")
        .unwrap()
        .1
        .to_owned();
    two.login(&["--accept-registry", &host]).await.ok();
    two.world.ctl(&["logout"]).await.ok();
    two.login(&[]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_through_the_browser_is_not_begun_there() {
    let two = Two::logged_in().await;
    two.lie();
    let web = two.world.ctl(&["login", "--web", "--no-browser"]).await;
    two.refused(web, "login --web");
    two.world.ctl(&["logout"]).await.ok();
    let web = two.world.ctl(&["login", "--web", "--no-browser"]).await;
    two.refused(web, "login --web");
    let calls = two.world.stack.control().calls(Endpoint::ConnectRegister);
    assert_eq!(calls, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_oauth_server_that_names_another_host_for_its_tokens_is_refused() {
    let two = Two::start().await;
    let (catalog, other) = (two.world.stack.catalog_url(), two.other.catalog_url());
    for elsewhere in [
        "issuer",
        "token_endpoint",
        "registration_endpoint",
        "revocation_endpoint",
    ] {
        let mut metadata = json!({
            "issuer": catalog,
            "token_endpoint": format!("{catalog}/auth/token"),
            "registration_endpoint": format!("{catalog}/auth/register"),
            "revocation_endpoint": format!("{catalog}/auth/revoke"),
        });
        metadata[elsewhere] = json!(format!("{other}/auth/x"));
        let forged = FaultKind::Status {
            status: 200,
            body: metadata.to_string(),
        };
        let control = two.world.stack.control();
        control.plant(Endpoint::ConnectMetadata, Fault::once(forged));
        let line = two
            .world
            .ctl(&["login", "--web", "--no-browser"])
            .await
            .failed(7);
        assert!(line.contains("does not offer a login"), "{line}");
        two.untouched();
    }
    // An id that would add to the address that the browser is sent to.
    for id in ["", "a b", "a\u{7f}", &"a".repeat(2000)] {
        let forged = FaultKind::Status {
            status: 200,
            body: json!({ "client_id": id }).to_string(),
        };
        let control = two.world.stack.control();
        control.plant(Endpoint::ConnectRegister, Fault::once(forged));
        let web = two.world.ctl(&["login", "--web", "--no-browser"]).await;
        let line = web.failed(5);
        assert!(line.contains("gave no client_id"), "{line}");
    }
    // The control: as it really is, it works.
    let client = two.world.client();
    let call = StartWebLogin(WebLoginQuery::default());
    let login = client.send(&call).await.unwrap();
    let redirect = Player::new().authorize(&login.start_url).await;
    assert!(
        Player::new()
            .get(&redirect)
            .await
            .1
            .contains("You are logged in")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_login_that_nobody_finished_leaves_no_client_behind() {
    let two = Two::start().await;
    let call = StartWebLogin(WebLoginQuery::default());
    two.world.client().send(&call).await.unwrap();
    assert_eq!(
        two.world.stack.control().calls(Endpoint::ConnectRegister),
        1
    );
    let kept = fs::read_to_string(two.world.home.sessions_file()).unwrap_or_default();
    assert!(!kept.contains("client_id"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_an_attempt_that_failed_is_kept() {
    // The first use of a catalog is free, also where that is a lie. What fails
    // there leaves no trace.
    let mut two = Two::start().await;
    two.lie();
    two.login(&[]).await.failed(6);
    two.use_key(&two.key(), &[]).await.failed(6);
    let asked = two.other.control().counts();
    assert!(!asked.endpoints.is_empty(), "the probe works: it was asked");
    two.other.control().reset_counts();
    two.truth();
    let session = two.world.client().session().await.unwrap();
    assert_eq!(session.registry_url, None);
    let key = two.key();
    two.use_key(&key, &[]).await.ok();
    two.world.ctl(&["clear-api-key"]).await.ok();
    two.login(&[]).await.ok();
    two.untouched();

    // Agreed to, and the code was wrong: it is asked about again.
    two.lie();
    let host = two.host().to_owned();
    let accept = ["--accept-registry", &*host];
    two.login(&accept).await.failed(6);
    two.use_key(&key, &accept).await.failed(6);
    assert!(!two.other.control().counts().endpoints.is_empty());
    two.other.control().reset_counts();
    two.world.ctl(&["whoami"]).await.ok();
    two.refused(two.login(&[]).await, "login");
    two.world.crash_and_restart().await;
    two.refused(two.login(&[]).await, "login");
    two.refused(two.use_key(&key, &[]).await, "login --api-key");
    two.truth();
    two.login(&[]).await.ok();
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_host_is_refused_and_the_right_one_goes_there_for_good() {
    let mut two = Two::logged_in().await;
    two.lie();
    let own = two
        .world
        .stack
        .registry_url()
        .split_once("://")
        .unwrap()
        .1
        .to_owned();
    for wrong in [own.as_str(), "registry.example", "127.0.0.1"] {
        let line = two.login(&["--accept-registry", wrong]).await.failed(6);
        assert!(line.contains(&format!("not {wrong};")), "{line}");
        let web = ["login", "--web", "--no-browser", "--accept-registry", wrong];
        two.world.ctl(&web).await.failed(6);
        let key = two.key();
        two.use_key(&key, &["--accept-registry", wrong])
            .await
            .failed(6);
    }
    for nonsense in ["", "https://registry.example", "a b", "$(x)"] {
        let args = ["login", "--code-stdin", "--accept-registry", nonsense];
        two.world.ctl_with_input(&args, "code").await.failed(2);
    }
    two.untouched();
    // A word for a registry that did not change has to be the right one, too.
    two.truth();
    two.login(&["--accept-registry", two.host()])
        .await
        .failed(6);
    two.login(&["--accept-registry", &own]).await.ok();

    two.lie();
    let code = two.other.control().login_code("bob").unwrap();
    let run = two
        .login_with(&code, &["--accept-registry", two.host()])
        .await;
    assert!(
        run.stderr.contains("Before, alice was logged in there."),
        "{run:?}"
    );
    run.ok();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("bob"));
    two.world.crash_and_restart().await;
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("bob"));
    let code = two.other.control().login_code("bob").unwrap();
    two.login_with(&code, &[]).await.ok();
    // From there, the way back is a way elsewhere.
    two.truth();
    let line = two.login(&[]).await.failed(6);
    assert!(
        line.contains(&format!("--accept-registry {own} ")),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_store_that_forgets_does_not_forget_where_secrets_went() {
    let mut two = Two::start().await;
    let args = ["--token-store", "memory"];
    two.world.daemon.take().unwrap().stop().await;
    two.world.daemon = Some(Daemon::start(&two.world.home, &args).await);
    two.login(&[]).await.ok();
    two.world.daemon.take().unwrap().kill().await;
    two.world.daemon = Some(Daemon::start(&two.world.home, &args).await);
    two.world.ctl(&["token"]).await.failed(3);
    two.lie();
    two.refused(two.login(&[]).await, "login");
    let kept = fs::read_to_string(two.world.home.state().join("catalogs.json")).unwrap();
    assert!(!kept.contains("token"), "{kept}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_login_that_was_begun_in_a_lie_moves_nothing() {
    let two = Two::start().await;
    let call = StartWebLogin(WebLoginQuery::default());
    let client = two.world.client();
    two.lie();
    let in_the_lie = client.send(&call).await.unwrap();
    two.truth();
    let true_one = client.send(&call).await.unwrap();
    let redirect = Player::new().authorize(&true_one.start_url).await;
    let (_, page) = Player::new().get(&redirect).await;
    assert!(page.contains("You are logged in"), "{page}");

    let spent = two.world.stack.control().calls(Endpoint::ConnectToken);
    let redirect = Player::new().authorize(&in_the_lie.start_url).await;
    let (_, page) = Player::new().get(&redirect).await;
    assert!(page.contains("names another registry"), "{page}");
    assert_eq!(
        two.world.stack.control().calls(Endpoint::ConnectToken),
        spent,
        "the code was not spent"
    );
    let session = client.session().await.unwrap();
    let registry = session.registry_url.map(|url| url.to_string());
    let own = two.world.stack.registry_url();
    assert_eq!(
        registry.as_deref().map(|it| it.trim_end_matches('/')),
        Some(own)
    );
    two.untouched();
    two.world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_known_of_catalogs_and_cannot_be_read_is_told_of() {
    let world = World::logged_in().await;
    let path = world.home.state().join("catalogs.json");
    let told = async || {
        let found = world.ctl(&["doctor"]).await.stdout.replace('\n', " ");
        found.contains("what is known of catalogs cannot be read")
    };
    assert!(!told().await, "the control");
    fs::remove_file(&path).ok();
    fs::create_dir(&path).unwrap();
    assert!(told().await);
    world.ctl(&["credential-process"]).await.ok();
    fs::remove_dir(&path).unwrap();
    assert!(!told().await);
}
