//! `login --web`: OAuth 2.1 through the browser, and who must not get in.

use std::process::Stdio;
use std::time::Duration;

use quilt_client::{Client, Error};
use quilt_proto::ErrorCode;
use quilt_proto::api::{AwaitWebLogin, StartWebLogin, WebLoginQuery};
use quilt_proto::wire::{WebLogin, WebLoginProgress};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Browser, World};
use reqwest::header::{CACHE_CONTROL, LOCATION, REFERRER_POLICY};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Child;
use url::Url;

/// Plays the browser: the stack approves at once, and nothing is followed
/// unasked.
pub(crate) struct Player(reqwest::Client);

impl Player {
    pub(crate) fn new() -> Self {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build();
        Self(client.unwrap())
    }

    /// Opens the daemon's page, and the stack's to which that leads; where this
    /// one sends the browser.
    pub(crate) async fn authorize(&self, start: &str) -> Url {
        let page = self.lead_on(start).await;
        self.lead_on(page.as_str()).await
    }

    /// Where a page leads.
    pub(crate) async fn lead_on(&self, page: &str) -> Url {
        let answer = self.0.get(page).send().await.unwrap();
        assert!(answer.status().is_redirection(), "{answer:?}");
        let to = answer.headers()[LOCATION].to_str().unwrap();
        Url::parse(to).unwrap()
    }

    pub(crate) async fn get(&self, url: &Url) -> (u16, String) {
        let answer = self.0.get(url.clone()).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    }
}

/// A stack that approves everything for alice.
pub(crate) fn approving() -> StackConfig {
    let mut config = StackConfig::default();
    config.settings.connect.auto_approve = Some("alice".to_owned());
    config
}

async fn world() -> World {
    World::with(approving()).await
}

async fn start(client: &Client) -> WebLogin {
    let call = StartWebLogin(WebLoginQuery::default());
    client.send(&call).await.unwrap()
}

pub(crate) fn parameter(url: &Url, name: &str) -> String {
    let mut pairs = url.query_pairs();
    pairs.find(|(key, _)| key == name).unwrap().1.into_owned()
}

fn with(url: &Url, name: &str, value: &str) -> Url {
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let mut changed = url.clone();
    changed.query_pairs_mut().clear().extend_pairs(
        pairs
            .iter()
            .map(|(key, old)| (key.as_str(), if key == name { value } else { old })),
    );
    changed
}

async fn ends_well(client: &Client, id: &str) {
    let call = AwaitWebLogin(id.to_owned());
    let state = client.send(&call).await.unwrap();
    assert_eq!(state.progress, WebLoginProgress::Done);
}

async fn ends_with(client: &Client, id: &str) -> ErrorCode {
    let call = AwaitWebLogin(id.to_owned());
    match client.send(&call).await {
        Err(Error::Problem(problem)) => problem.code,
        other => panic!("{other:?}"),
    }
}

/// Begins a login; what waits for its end, and the page to open.
pub(crate) async fn begun(world: &World) -> (Child, String) {
    let mut ctl = world
        .ctl_command(&["login", "--web", "--no-browser"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let page = page_named(ctl.stderr.take().unwrap()).await;
    (ctl, page)
}

/// The page that a login says to open.
pub(crate) async fn page_named(said: impl AsyncRead + Unpin) -> String {
    let mut lines = BufReader::new(said).lines();
    loop {
        let line = lines.next_line().await.unwrap().expect("a page is named");
        if let Some((_, page)) = line.split_once("http") {
            return format!("http{page}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_alone_logs_in() {
    let mut world = world().await;
    let (mut ctl, page) = begun(&world).await;
    let player = Player::new();
    let redirect = player.authorize(&page).await;
    assert_eq!(redirect.host_str(), Some("127.0.0.1"));
    let answer = player.0.get(redirect.clone()).send().await.unwrap();
    let headers = answer.headers().clone();
    assert_eq!(headers[CACHE_CONTROL], "no-store");
    assert_eq!(headers[REFERRER_POLICY], "no-referrer");
    assert_eq!(headers["cross-origin-opener-policy"], "same-origin");
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("default-src 'none'"));
    let shown = answer.text().await.unwrap();
    assert!(shown.contains("You are logged in"));
    for secret in ["code", "state"] {
        assert!(!shown.contains(&parameter(&redirect, secret)));
    }
    let mut printed = String::new();
    let mut stdout = ctl.stdout.take().unwrap();
    stdout.read_to_string(&mut printed).await.unwrap();
    assert!(ctl.wait().await.unwrap().success());
    assert_eq!(printed.trim(), world.stack.catalog_url());

    let log = world.log();
    for secret in ["code", "state"] {
        assert!(!log.contains(&parameter(&redirect, secret)), "in the log");
    }
    world.ctl(&["credential-process"]).await.ok();
    let token = world.ctl(&["token"]).await.ok();
    world.crash_and_restart().await;
    assert_eq!(world.ctl(&["token"]).await.ok(), token);
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    assert_eq!(world.stack.control().live_sessions(), 1);
    world.ctl(&["logout"]).await.ok();
    assert_eq!(world.stack.control().live_sessions(), 0, "revoked");
}

/// It is over here, and nobody else can end it there.
#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_the_stack_does_not_hear_of_says_so() {
    let world = World::with(approving()).await;
    for all in [false, true] {
        let (ctl, url) = begun(&world).await;
        let redirect = Player::new().authorize(&url).await;
        Player::new().get(&redirect).await;
        ctl.wait_with_output().await.unwrap();
        let away = Fault::once(FaultKind::status(503));
        world.stack.control().plant(Endpoint::ConnectRevoke, away);
        let args: &[&str] = if all {
            &["logout", "--all"]
        } else {
            &["logout"]
        };
        let run = world.ctl(args).await;
        let said = "could not be told that the login has ended";
        assert!(run.stderr.contains(said), "{run:?}");
        run.ok();
        world.ctl(&["token"]).await.failed(3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_registration_does_for_eight_logins_each_on_a_port_of_its_own() {
    for any_port in [true, false] {
        let world = world().await;
        let (control, client) = (world.stack.control(), world.client());
        control.update(|settings| {
            settings.connect.loopback_any_port = any_port;
            settings.connect.omit_refresh_token = true;
            settings.connect.omit_expires_in = true;
        });
        let player = Player::new();
        let mut ports = Vec::new();
        for _ in 0..8 {
            let login = start(&client).await;
            let redirect = player.authorize(&login.start_url).await;
            assert_eq!(player.get(&redirect).await.0, 200);
            ends_well(&client, &login.id).await;
            ports.push(redirect.port().unwrap());
            for _ in 0..2 {
                control.outdate_access_tokens();
                world.ctl(&["whoami"]).await.ok();
            }
        }
        assert_eq!(control.calls(Endpoint::ConnectRegister), 1);
        // What others served on a port that they saw lies in wait nowhere.
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 8);

        let login = start(&client).await;
        let redirect = player.authorize(&login.start_url).await;
        assert_eq!(player.get(&redirect).await.0, 200);
        ends_well(&client, &login.id).await;
        assert_eq!(control.calls(Endpoint::ConnectRegister), 2);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_can_end_or_hijack_a_login() {
    let world = world().await;
    let client = world.client();
    let login = start(&client).await;
    let player = Player::new();
    let redirect = player.authorize(&login.start_url).await;

    // Guesses, other paths, what a script on a page can send, rebound names.
    let start = Url::parse(&login.start_url).unwrap();
    let mut wrong_start = start.clone();
    wrong_start.set_path("/start/x");
    let mut root = redirect.clone();
    root.set_path("/");
    let mut bare = redirect.clone();
    bare.set_query(None);
    let twice = format!("{redirect}&state=x").parse().unwrap();
    for (url, status) in [
        (with(&redirect, "state", "x"), 400),
        (with(&redirect, "state", ""), 400),
        (with(&redirect, "iss", "https://evil.example"), 400),
        (root, 404),
        (wrong_start, 404),
        (bare, 400),
        (twice, 400),
    ] {
        assert_eq!(player.get(&url).await.0, status, "{url}");
    }
    for (name, value) in [
        ("Host", "evil.example"),
        ("Origin", "https://evil.example"),
        ("Sec-Fetch-Mode", "no-cors"),
        ("Sec-Fetch-Dest", "image"),
        ("Sec-Purpose", "prefetch"),
    ] {
        for page in [&redirect, &start] {
            let request = player.0.get(page.clone()).header(name, value);
            assert_eq!(request.send().await.unwrap().status(), 403, "{name}");
        }
    }
    let posted = player.0.post(redirect.clone()).send().await.unwrap();
    assert_eq!(posted.status(), 403);
    assert_eq!(world.stack.control().calls(Endpoint::ConnectToken), 0);

    // The real answer still counts, once.
    assert_eq!(player.get(&redirect).await.0, 200);
    ends_well(&client, &login.id).await;
    let again = player.0.get(redirect).send().await;
    assert!(
        again.map_or(true, |again| again.status() == 410),
        "a second redirect is not served"
    );
    assert_eq!(world.stack.control().calls(Endpoint::ConnectToken), 1);
    world.ctl(&["whoami"]).await.ok();
}

/// Cookies know no ports: whoever serves anything on this address can plant
/// them.
#[tokio::test(flavor = "multi_thread")]
async fn cookies_of_other_servers_keep_nobody_out() {
    let world = world().await;
    let client = world.client();
    let mut player = Player::new();
    let login = start(&client).await;
    let cookies = format!("of=others{}", "; of=others".repeat(64 * 1024));
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert(reqwest::header::COOKIE, cookies.parse().unwrap());
    let page = player.0.get(&login.start_url).headers(headers.clone());
    let page = page.send().await.unwrap();
    assert!(page.status().is_redirection(), "{page:?}");
    let stack = page.headers()[LOCATION].to_str().unwrap().to_owned();
    let redirect = player.lead_on(&stack).await;
    player.0 = reqwest::Client::builder()
        .no_proxy()
        .default_headers(headers)
        .build()
        .unwrap();
    let (status, shown) = player.get(&redirect).await;
    assert_eq!(status, 200, "{shown}");
    ends_well(&client, &login.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_another_login_is_worth_nothing() {
    let world = world().await;
    world.login().await;
    let token = world.ctl(&["token"]).await.ok();
    let (client, player) = (world.client(), Player::new());
    let first = start(&client).await;
    let theirs = player.authorize(&first.start_url).await;
    let login = start(&client).await;
    let ours = player.authorize(&login.start_url).await;
    let injected = with(&ours, "code", &parameter(&theirs, "code"));
    let (_, shown) = player.get(&injected).await;
    assert!(shown.contains("The login failed"), "{shown}");
    // Whoever reads it there is at any terminal.
    let again = format!("quiltctl login --catalog {}", world.stack.catalog_url());
    assert!(shown.contains(&again), "{shown}");
    assert_eq!(ends_with(&client, &login.id).await, ErrorCode::StackRefused);
    assert_eq!(world.ctl(&["token"]).await.ok(), token, "nothing is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_begins_another_login_ends_nobodys() {
    let world = world().await;
    let (client, player) = (world.client(), Player::new());
    let (first, second) = (start(&client).await, start(&client).await);
    for login in [&second, &first] {
        let redirect = player.authorize(&login.start_url).await;
        let (status, shown) = player.get(&redirect).await;
        assert_eq!(status, 200, "{shown}");
        ends_well(&client, &login.id).await;
        world.ctl(&["whoami"]).await.ok();
    }
    // They are not without number: of five, the oldest is told that it is over.
    let oldest = start(&client).await;
    for _ in 0..4 {
        start(&client).await;
    }
    let code = ends_with(&client, &oldest.id).await;
    assert_eq!(code, ErrorCode::LoginRequired);
}

/// Its user has done all there is to do: what the stack takes long for is no
/// reason to be told that others came later.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_came_back_from_the_browser_makes_way_for_no_other() {
    let world = world().await;
    let (client, player) = (world.client(), Player::new());
    let oldest = start(&client).await;
    let redirect = player.authorize(&oldest.start_url).await;
    let control = world.stack.control();
    let held = control.plant(Endpoint::ConnectToken, Fault::once(FaultKind::Hold));
    let answer = tokio::spawn(async move { player.get(&redirect).await });
    let asked = control.wait_for_counts(|now| now.calls(Endpoint::ConnectToken) == 1);
    asked.await;
    for _ in 0..5 {
        start(&client).await;
    }
    control.clear_fault(held);
    assert_eq!(answer.await.unwrap().0, 200);
    ends_well(&client, &oldest.id).await;
    world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_are_one_clear_line() {
    let world = World::start().await;
    let control = world.stack.control();
    control.update(|settings| settings.connect.auto_approve = Some("nobody".to_owned()));
    let (client, player) = (world.client(), Player::new());
    let login = start(&client).await;
    let redirect = player.authorize(&login.start_url).await;
    player.get(&redirect).await;
    assert_eq!(ends_with(&client, &login.id).await, ErrorCode::StackRefused);

    control.update(|settings| settings.connect.loopback_allowed = false);
    let other = ["login", "--web", "--no-browser"];
    let _held = tokio::net::TcpListener::bind(("127.0.0.1", redirect.port().unwrap())).await;
    let line = world.ctl(&other).await.failed(6);
    assert!(line.contains("refused"), "{line}");
    control.update(|settings| settings.connect.enabled = false);
    let line = world.ctl(&other).await.failed(7);
    assert!(line.contains("run: quiltctl login"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_real_browser_logs_in() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let world = world().await;
    let client = world.client();
    let login = start(&client).await;
    let shown = browser.show(&world.home, &login.start_url).await;
    assert!(shown.contains("You are logged in"), "{shown}");
    ends_well(&client, &login.id).await;
    world.ctl(&["credential-process"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_that_scans_ports_cannot_reach_a_login() {
    let Some(browser) = Browser::find() else {
        return;
    };
    let world = world().await;
    let client = world.client();
    let login = start(&client).await;
    let redirect = Player::new().authorize(&login.start_url).await;
    // Even with the right state and code: only a navigation is let in.
    let page = format!(
        "<!doctype html><img src=\"{redirect}\"><iframe src=\"{redirect}\"></iframe>\
         <script>fetch({redirect:?}, {{mode: 'no-cors'}})\
         .finally(() => document.title = 'tried')</script>",
        redirect = redirect.as_str()
    );
    let file = world.home.path().join("evil.html");
    std::fs::write(&file, page).unwrap();
    browser
        .show(&world.home, &format!("file://{}", file.display()))
        .await;
    assert_eq!(world.stack.control().calls(Endpoint::ConnectToken), 0);
    assert_eq!(Player::new().get(&redirect).await.0, 200);
    ends_well(&client, &login.id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_browser_holds_nothing_up() {
    let world = world().await;
    let client = world.client();
    let login = start(&client).await;
    let redirect = Player::new().authorize(&login.start_url).await;
    let address = ("127.0.0.1", redirect.port().unwrap());
    let _idle: Vec<_> =
        futures_util::future::join_all((0..4).map(|_| tokio::net::TcpStream::connect(address)))
            .await;
    assert_eq!(Player::new().get(&redirect).await.0, 200);
    ends_well(&client, &login.id).await;
    let stopping = world.daemon.unwrap().stop();
    let stopped = tokio::time::timeout(Duration::from_secs(8), stopping).await;
    assert!(stopped.unwrap().success());
}
