//! A catalog that names another registry for a moment gets no secret there.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use quilt_proto::wire::{ApiKeyHandover, TokenKind};
use quilt_proto::{ErrorCode, Secret};
use quilt_tests::harness::{Daemon, Run, World};
use quilt_tests::stack::{Endpoint, FakeStack, Fault, FaultKind, KeySeed, StackConfig};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use serde_json::json;

use crate::web_login::{Player, approving};

const TIMEOUT: Duration = Duration::from_secs(30);

/// A stack, and another one whose registry it can be made to name.
struct Two {
    world: World,
    other: FakeStack,
}

impl Two {
    async fn start() -> Self {
        Self::with(World::with(approving()).await).await
    }

    async fn logged_in() -> Self {
        let two = Self::start().await;
        two.world.login().await;
        two
    }

    async fn with(world: World) -> Self {
        let other = FakeStack::bind(StackConfig::default()).await.unwrap();
        Self { world, other }
    }

    /// The catalog names the other registry.
    fn lie(&self) {
        let url = self.other.registry_url().to_owned();
        self.world.stack.control().update(|settings| {
            settings
                .config_overrides
                .insert("registryUrl".to_owned(), json!(url));
        });
    }

    /// The catalog names its own again.
    fn truth(&self) {
        let control = self.world.stack.control();
        control.update(|settings| drop(settings.config_overrides.remove("registryUrl")));
    }

    /// The other registry's host, as a user agrees to it.
    fn host(&self) -> &str {
        self.other.registry_url().split_once("://").unwrap().1
    }

    /// Nobody asked the other registry for anything.
    #[track_caller]
    fn untouched(&self) {
        let counts = self.other.control().counts();
        assert!(counts.endpoints.is_empty(), "{counts:?}");
    }

    async fn login(&self, args: &[&str]) -> Run {
        let code = self.world.stack.control().login_code("alice").unwrap();
        self.login_with(&code, args).await
    }

    async fn login_with(&self, code: &str, args: &[&str]) -> Run {
        let args = [&["login", "--code-stdin"], args].concat();
        self.world.ctl_with_input(&args, code).await
    }

    async fn use_key(&self, key: &str, args: &[&str]) -> Run {
        let args = [&["login", "--api-key"], args].concat();
        self.world.ctl_with_input(&args, key).await
    }

    /// A key of alice's at her own stack.
    fn key(&self) -> String {
        let control = self.world.stack.control();
        control
            .add_key(&KeySeed::new("alice", "ci"))
            .unwrap()
            .secret
    }

    /// The line of a refusal that names what was not asked, and the command
    /// with which it may be agreed to.
    #[track_caller]
    fn refused(&self, run: Run, command: &str) {
        let line = run.failed(6);
        let (host, catalog) = (self.host(), self.world.stack.catalog_url());
        assert!(
            line.contains("names another registry than before"),
            "{line}"
        );
        let hint = format!("run: quiltctl {command} --catalog {catalog} --accept-registry {host}");
        assert!(line.ends_with(&hint), "{line}");
        self.untouched();
    }

    async fn kind(&self) -> Option<TokenKind> {
        self.world.client().session().await.unwrap().status.kind
    }
}

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
async fn a_login_of_before_such_things_were_kept_counts() {
    let mut two = Two::logged_in().await;
    fs::remove_file(two.world.home.state().join("catalogs.json")).unwrap();
    two.world.crash_and_restart().await;
    two.world.ctl(&["logout"]).await.ok();
    two.lie();
    two.refused(two.login(&[]).await, "login");
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
        let lie = FaultKind::Status {
            status: 200,
            body: metadata.to_string(),
        };
        let control = two.world.stack.control();
        control.plant(Endpoint::ConnectMetadata, Fault::once(lie));
        let line = two
            .world
            .ctl(&["login", "--web", "--no-browser"])
            .await
            .failed(7);
        assert!(line.contains("does not offer a login"), "{line}");
        two.untouched();
    }
    // The control: as it really is, it works.
    let client = two.world.client();
    let call = quilt_proto::call::StartWebLogin {
        connect_url: None,
        accept_registry: None,
    };
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
    let call = quilt_proto::call::StartWebLogin {
        connect_url: None,
        accept_registry: None,
    };
    two.world.client().send(&call).await.unwrap();
    assert_eq!(
        two.world.stack.control().calls(Endpoint::ConnectRegister),
        1
    );
    let kept = fs::read_to_string(two.world.home.sessions_file()).unwrap_or_default();
    assert!(!kept.contains("client_id"), "{kept}");
}

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
    let call = quilt_proto::call::UseApiKey(ApiKeyHandover {
        key: Secret::new(key.clone()),
        accept_registry: None,
    });
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
    control.refuse(quilt_tests::stack::Host::Catalog, true);
    two.use_key(&key, &[]).await.ok();
    control.refuse(quilt_tests::stack::Host::Catalog, false);
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
    let command = format!("run: quiltctl config --accept-registry {host} --catalog {catalog}");
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
        line.ends_with(&format!("--accept-registry {own}")),
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
async fn the_configuration_of_quilt3_follows_no_lie() {
    let two = Two::logged_in().await;
    let catalog = two.world.stack.catalog_url();
    let config = || fs::read_to_string(two.world.home.config_yml()).unwrap();
    let before = config();
    assert!(before.contains(two.world.stack.registry_url()));
    two.lie();
    two.refused(two.world.ctl(&["config", catalog]).await, "config");
    two.refused(two.world.ctl(&["setup", "quilt3"]).await, "config");
    two.refused(
        two.world.ctl(&["setup", "quilt3", "--import"]).await,
        "config",
    );
    assert_eq!(config(), before);
    two.world
        .ctl(&["config", catalog, "--accept-registry", "registry.example"])
        .await
        .failed(6);
    assert_eq!(config(), before);
    two.world
        .ctl(&["config", catalog, "--accept-registry", two.host()])
        .await
        .ok();
    assert!(config().contains(two.other.registry_url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_import_of_a_login_sends_it_where_it_was_made() {
    let two = Two::logged_in().await;
    two.world.ctl(&["logout"]).await.ok();
    // A login that quilt3 made, at both registries: only one is known.
    let tokens = |stack: &FakeStack| {
        let code = stack.control().login_code("alice").unwrap();
        json!({ "refresh_token": code, "access_token": "a", "expires_at": 5 })
    };
    let auth = json!({
        two.world.stack.registry_url(): tokens(&two.world.stack),
        two.other.registry_url(): tokens(&two.other),
    });
    let dir = two.world.home.config_yml().parent().unwrap().to_owned();
    fs::write(dir.join("auth.json"), auth.to_string()).unwrap();
    two.lie();
    let import = ["setup", "quilt3", "--import"];
    two.refused(two.world.ctl(&import).await, "config");
    two.truth();
    two.world.ctl(&import).await.ok();
    assert!(two.world.ctl(&["whoami"]).await.ok().contains("alice"));
    two.untouched();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_says_it_is_another_one_configures_neither_unasked() {
    let two = Two::start().await;
    let (catalog, other) = (two.world.stack.catalog_url(), two.other.catalog_url());
    two.world.ctl(&["config", catalog]).await.ok();
    let config = || fs::read_to_string(two.world.home.config_yml()).unwrap();
    let before = config();
    let name = |name: &str| {
        let name = json!(name);
        two.world.stack.control().update(|settings| {
            settings
                .config_overrides
                .insert("navigator_url".to_owned(), name);
        });
    };
    // Its own name, however it is written, is its own.
    name(&format!("{catalog}/"));
    two.world.ctl(&["config", catalog]).await.ok();
    assert_eq!(config(), before);
    for (named, hint) in [
        (other, other.to_owned()),
        (
            "https://b.example/$(touch x);y",
            "'https://b.example/$(touch%20x);y'".to_owned(),
        ),
    ] {
        name(named);
        let line = two.world.ctl(&["config", catalog]).await.failed(6);
        assert!(line.contains("says that it is another catalog"), "{line}");
        assert!(
            line.ends_with(&format!("; run: quiltctl config {hint}")),
            "{line}"
        );
        assert_eq!(config(), before);
    }
    // Whatever it calls itself, a login makes the one configured that was named.
    name(other);
    two.world.ctl(&["config", ""]).await.ok();
    two.login(&[]).await.ok();
    assert!(
        config().contains(catalog) && !config().contains(other),
        "{}",
        config()
    );

    // At a terminal it is asked about.
    let ctl = Terminal::open(&two.world, &["config", catalog]);
    let ctl = ctl.shows("instead? [y/N] ").await.types("n\n");
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 6, "{shown}");
    let ctl = Terminal::open(&two.world, &["config", catalog]);
    let ctl = ctl.shows("instead? [y/N] ").await.types("y\n");
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    // As that one says it itself.
    assert!(config().contains(other) && config().contains(two.other.registry_url()));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_a_terminal_it_is_asked_before_anything_is_given_away() {
    let two = Two::logged_in().await;
    two.lie();
    let question = format!("Go on with {}? [y/N] ", two.host());
    for answer in ["n\n", "\n", "\u{4}"] {
        let ctl = Terminal::open(&two.world, &["login", "--no-browser"]);
        let (code, shown) = ctl.shows(&question).await.types(answer).end().await;
        assert_eq!(code, 6, "{shown}");
        assert!(!shown.contains("Code:"), "{shown}");
    }
    for args in [&["login", "--api-key"][..], &["login", "--web"]] {
        let ctl = Terminal::open(&two.world, args);
        let (code, shown) = ctl.shows(&question).await.types("no\n").end().await;
        assert_eq!(code, 6, "{shown}");
        assert!(!shown.contains("API key:"), "{shown}");
    }
    two.untouched();

    let code = two.other.control().login_code("bob").unwrap();
    let ctl = Terminal::open(&two.world, &["login", "--no-browser"]);
    let ctl = ctl.shows(&question).await.types("y\n");
    let ctl = ctl.shows("Code: ").await.types(&format!("{code}\r"));
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" as bob (role "), "{shown}");
    assert!(
        shown.contains("Before, alice was logged in there."),
        "{shown}"
    );
    let page = format!("{}/login", two.other.registry_url());
    assert!(shown.contains(&page), "{shown}");

    // A key, from there back.
    two.truth();
    let ctl = Terminal::open(&two.world, &["login", "--api-key"]);
    let ctl = ctl.shows("? [y/N] ").await.types("yes\n");
    let ctl = ctl
        .shows("API key: ")
        .await
        .types(&format!("{}\r", two.key()));
    let (code, shown) = ctl.end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" as alice (role "), "{shown}");
}

/// A person's terminal with quiltctl in it.
struct Terminal {
    person: File,
    child: tokio::process::Child,
    shown: String,
}

impl Terminal {
    fn open(world: &World, args: &[&str]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap();
        let program = File::options()
            .read(true)
            .write(true)
            .open(name.to_str().unwrap());
        let program = program.unwrap();
        let mut command = world.ctl_command(args);
        let child = command
            .stdin(Stdio::from(program.try_clone().unwrap()))
            .stdout(Stdio::from(program.try_clone().unwrap()))
            .stderr(Stdio::from(program))
            .spawn()
            .unwrap();
        // The command keeps copies of the program's side.
        drop(command);
        Self {
            person: File::from(person),
            child,
            shown: String::new(),
        }
    }

    async fn read_to(mut self, until: Option<String>) -> Self {
        let reading = tokio::task::spawn_blocking(move || {
            let mut byte = [0];
            // Linux fails where the other side is closed.
            while !until
                .as_ref()
                .is_some_and(|until| self.shown.ends_with(until))
                && self.person.read(&mut byte).unwrap_or(0) == 1
            {
                self.shown.push(char::from(byte[0]));
            }
            self
        });
        let read = tokio::time::timeout(TIMEOUT, reading).await;
        read.expect("the terminal shows it").unwrap()
    }

    async fn shows(self, until: &str) -> Self {
        let terminal = self.read_to(Some(until.to_owned())).await;
        assert!(terminal.shown.ends_with(until), "{}", terminal.shown);
        terminal
    }

    fn types(mut self, keys: &str) -> Self {
        self.person.write_all(keys.as_bytes()).unwrap();
        self
    }

    /// Its exit code, and all that the terminal showed.
    async fn end(self) -> (i32, String) {
        let mut terminal = self.read_to(None).await;
        let status = terminal.child.wait().await.unwrap();
        (status.code().unwrap(), terminal.shown)
    }
}
