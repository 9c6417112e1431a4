//! What is left in the daemon's memory of secrets that are no longer in use.

use std::fs;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use quilt_client::Client;
use quilt_proto::ProfileName;
use quilt_proto::api::{RoleChoice, SwitchRole};
use quilt_tests::fake_stack::Endpoint;
use quilt_tests::harness::{Canaries, Home, Sighting, World, can_look};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use super::whole_world;
use crate::web_login::begun;

/// How many times everything is replaced.
const ROUNDS: usize = 1000;

/// How long connections that are over may take to be gone: on the socket idle
/// ones stay for half a minute.
const TIMEOUT: Duration = Duration::from_secs(45);

/// What the daemon held, oldest first.
#[derive(Default)]
struct Held {
    access: Vec<String>,
    refresh: Vec<String>,
    /// Secret access keys and session tokens, of the stack's credentials and
    /// of a role assumed with them.
    aws: Vec<String>,
}

impl Held {
    fn all(&self) -> Vec<&String> {
        [&self.access, &self.refresh, &self.aws]
            .into_iter()
            .flatten()
            .collect()
    }

    /// What the newest round brought, and all before it.
    fn split(&self) -> (Vec<&String>, Vec<&String>) {
        let last = |list: &'_ Vec<String>, count: usize| list.len() - count;
        let mut old = Vec::new();
        let mut new = Vec::new();
        for (list, count) in [(&self.access, 1), (&self.refresh, 1), (&self.aws, 4)] {
            let (before, after) = list.split_at(last(list, count));
            old.extend(before);
            new.extend(after);
        }
        (old, new)
    }

    async fn note(&mut self, world: &World, client: &Client) {
        let token = client.token().await.unwrap();
        self.access.push(signature(token.token.expose()));
        let text = fs::read_to_string(world.home.sessions_file()).unwrap();
        let state: Value = serde_json::from_str(&text).unwrap();
        let record = &state["sessions"][world.stack.catalog_url()];
        self.refresh
            .push(record["refresh_token"].as_str().unwrap().to_owned());
        for profile in ["default", "lake"] {
            let profile: ProfileName = profile.parse().unwrap();
            let given = client.credentials(&profile).await.unwrap();
            self.aws.push(given.secret_access_key.expose().to_owned());
            self.aws.push(given.session_token.expose().to_owned());
        }
    }
}

/// The part of a token that no other one has.
fn signature(token: &str) -> String {
    token.rsplit('.').next().unwrap().to_owned()
}

/// Looks until nothing is found any more, or for a while.
async fn left(pid: i32, canaries: &Canaries) -> Vec<Sighting> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let left = canaries.in_memory(pid);
        if left.is_empty() || Instant::now() > deadline {
            return left;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

async fn logged_in() -> World {
    let world = whole_world("", &[]).await;
    world.login().await;
    world
}

/// Lets the stack replace every token, and the role everything of AWS.
async fn replace(world: &World, client: &Client, round: usize) {
    world.stack.control().outdate_access_tokens();
    let role = ["ReadQuiltBucket", "ReadWriteQuiltBucket"][round % 2].to_owned();
    client.send(&SwitchRole(RoleChoice { role })).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_of_what_was_replaced_a_thousand_times() {
    if !can_look("a look for superseded secrets in the daemon's memory") {
        return;
    }
    let world = logged_in().await;
    let pid = world.daemon.as_ref().unwrap().pid();
    let client = world.client();
    let mut held = Held::default();
    held.note(&world, &client).await;
    let rotations = world.stack.control().calls(Endpoint::Token);
    for round in 0..ROUNDS {
        replace(&world, &client, round).await;
        held.note(&world, &client).await;
    }
    let rotations = world.stack.control().calls(Endpoint::Token) - rotations;
    assert!(rotations >= ROUNDS as u64, "{rotations} rotations");
    drop(client);

    let (old, new) = held.split();
    let distinct: std::collections::HashSet<_> = held.all().into_iter().collect();
    assert_eq!(
        distinct.len(),
        held.all().len(),
        "every round brings new ones"
    );
    let found = Canaries::of(&new).in_memory(pid);
    // The refresh token is read from the store when it is needed.
    for index in [0, 2, 3, 4, 5] {
        let seen = found.iter().any(|sighting| sighting.secret == index);
        assert!(seen, "the control: {index} of what is in use is found");
    }
    let canaries = Canaries::of(&old).except(&new);
    let left = left(pid, &canaries).await;
    assert!(left.is_empty(), "{:?}", described(&left, &old, &held));

    // The same look finds what a program does not forget.
    let careless = careless(&world.home, old[0]).await;
    let pid = i32::try_from(careless.id().unwrap()).unwrap();
    assert!(!canaries.in_memory(pid).is_empty(), "the control is found");
}

/// What was found, without repeating it.
fn described(left: &[Sighting], of: &[&String], held: &Held) -> Vec<String> {
    let kind = |secret: &String| {
        let lists = [
            ("access", &held.access),
            ("refresh", &held.refresh),
            ("aws", &held.aws),
        ];
        let found = lists.into_iter().find_map(|(kind, list)| {
            let at = list.iter().position(|other| other == secret)?;
            Some(format!("{kind} {at} of {}", list.len()))
        });
        found.unwrap_or_default()
    };
    let mut lines: Vec<_> = left
        .iter()
        .map(|seen| format!("{} in {}", kind(of[seen.secret]), seen.mapping))
        .collect();
    lines.dedup();
    lines.truncate(20);
    lines
}

/// A process that keeps what it is told, and is told something secret.
async fn careless(home: &Home, secret: &str) -> tokio::process::Child {
    let script = "import sys\nkept = sys.stdin.readline()\nprint('kept', flush=True)\n\
                  sys.stdin.readline()";
    let mut child = home
        .command("python3")
        .args(["-I", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let stdin = child.stdin.as_mut().unwrap();
    let line = format!("{secret}\n");
    stdin.write_all(line.as_bytes()).await.unwrap();
    let stdout = BufReader::new(child.stdout.take().unwrap());
    let said = stdout.lines().next_line().await.unwrap();
    assert_eq!(said.as_deref(), Some("kept"));
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_a_session_is_left_after_a_logout() {
    if !can_look("a look for a session's secrets after its end") {
        return;
    }
    for web in [false, true] {
        let world = logged_in().await;
        let pid = world.daemon.as_ref().unwrap().pid();
        let mut held = Held::default();
        let client = world.client();
        let mut secrets = Vec::new();
        if web {
            secrets.extend(web_login(&world).await);
        }
        held.note(&world, &client).await;
        replace(&world, &client, 0).await;
        held.note(&world, &client).await;
        drop(client);
        secrets.extend(use_everything(&world).await);
        secrets.extend(held.all().into_iter().cloned());
        let canaries = Canaries::of(&secrets);
        assert!(
            !canaries.in_memory(pid).is_empty(),
            "the control: something is found"
        );
        world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
        world.ctl(&["logout"]).await.ok();
        world.ctl(&["token"]).await.failed(3);
        let left = left(pid, &canaries).await;
        let mut places: Vec<_> = left
            .iter()
            .map(|seen| (seen.secret, &seen.mapping))
            .collect();
        places.dedup();
        assert!(
            left.is_empty(),
            "web: {web}, of {}: {places:?}",
            secrets.len()
        );
    }
}

/// Logs in by web; what passed through the browser.
async fn web_login(world: &World) -> Vec<String> {
    let (mut ctl, page) = begun(world).await;
    let seen = follow(&page).await;
    assert!(ctl.wait().await.unwrap().success());
    seen
}

/// Opens a page as a browser does; the code in the address it was led to at
/// last. (The state beside it is of no use any more.)
pub(super) async fn follow(page: &str) -> Vec<String> {
    let addresses = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&addresses);
    let policy = reqwest::redirect::Policy::custom(move |attempt| {
        seen.lock().unwrap().push(attempt.url().clone());
        attempt.follow()
    });
    let browser = reqwest::Client::builder().redirect(policy).no_proxy();
    let answer = browser.build().unwrap().get(page).send().await.unwrap();
    let shown = answer.text().await.unwrap();
    assert!(shown.contains("You are logged in"), "{shown}");
    let addresses = addresses.lock().unwrap();
    let last = addresses.last().unwrap();
    let pairs = last.query_pairs();
    pairs
        .filter(|(name, _)| name == "code")
        .map(|(_, value)| value.into_owned())
        .collect()
}

/// Uses a session in every way there is; what it had to be told for that.
async fn use_everything(world: &World) -> Vec<String> {
    for args in [
        &["whoami"][..],
        &["token"],
        &["credential-process"],
        &["credential-process", "--profile", "lake"],
        &["env"],
        &["status"],
        &["role", "list"],
        &["search", "hello"],
        &["api-keys", "list"],
        &["packages", "list", "s3://demo-bucket"],
        &["setup", "quilt3"],
    ] {
        world.ctl(args).await.ok();
    }
    let script = "curl -s -H \"Authorization: $AWS_CONTAINER_AUTHORIZATION_TOKEN\" \
                  \"$AWS_CONTAINER_CREDENTIALS_FULL_URI\"; \
                  printf '\\n%s\\n' \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\"";
    let said = world.ctl(&["exec", "--", "sh", "-c", script]).await.ok();
    assert!(said.contains("SecretAccessKey"), "{said}");
    let console = world.ctl(&["console", "--print"]).await.ok();
    let (gateway, bearer) = crate::gateway::grant(world);
    let answer = through(&gateway, &bearer).await;
    assert!(answer.contains("SecretAccessKey"), "{answer}");
    vec![
        said.lines().last().unwrap().to_owned(),
        console
            .split("SigninToken=")
            .nth(1)
            .unwrap()
            .trim()
            .to_owned(),
        // What comes before is no secret.
        signature(&bearer),
    ]
}

/// Credentials by the gateway.
async fn through(gateway: &str, bearer: &str) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "GET /api/auth/get_credentials HTTP/1.1\r\nHost: {gateway}\r\n\
         Authorization: Bearer {bearer}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
