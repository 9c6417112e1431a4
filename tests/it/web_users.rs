//! `login --web` among several users of a machine: whoever is not the one who
//! began it, neither sees what it needs nor gets to end it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use quilt_tests::fake_stack::Endpoint;
use quilt_tests::harness::toolchain::not_run;
use quilt_tests::harness::{Daemon, Home, User, Users, World, binaries};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};
use url::Url;

use crate::web_login::{approving, parameter};

const TIMEOUT: Duration = Duration::from_mins(1);

/// Asks for a page as a browser does, follows nothing, and says what came.
const VISIT: &str = r#"
import http.client, sys, urllib.parse
url = urllib.parse.urlsplit(sys.argv[1])
connection = http.client.HTTPConnection(url.netloc)
try:
    connection.request("GET", url.path + ("?" + url.query if url.query else ""))
    answer = connection.getresponse()
    print(answer.status, answer.headers.get("location", "-"), answer.read().decode())
except (ConnectionError, http.client.BadStatusLine):
    print("hung up")
"#;

/// Every program's command line that names a word.
const COMMAND_LINES: &str = r#"
import os, sys
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/cmdline", "rb").read().decode(errors="replace").split("\0")
    except OSError:
        continue
    if any(sys.argv[1] in word for word in words) and str(os.getpid()) != pid:
        print(" ".join(words))
"#;

/// Opens connections without end until it is told to stop, holds on to each,
/// and says how many there were. A thousand at once, then a thousand a second:
/// what the kernel has no room for is not the daemon's to serve.
const FLOOD: &str = r#"
import resource, select, socket, sys
most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
held, count = [], 0
while not select.select([sys.stdin], [], [], 0.001 if count >= 1000 else 0)[0]:
    try:
        connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5)
    except OSError:
        held.clear()
        continue
    held.append(connection)
    if len(held) > 1200:
        held.pop(0).close()
    count += 1
    if count == 1000:
        print("a thousand", flush=True)
print(count, flush=True)
"#;

/// A login that waits for its browser, begun by `quiltctl`.
struct Begun {
    ctl: Child,
    /// What the browser was started with.
    start: String,
}

impl Begun {
    async fn by(world: &World, args: &[&str]) -> Self {
        let seen = world.home.path().join("opened");
        let browser = world.home.path().join("browser");
        // Stays, as a browser does, so that its command line can be read.
        let script = format!("#!/bin/sh\necho \"$@\" >>{}\nsleep 60\n", seen.display());
        binaries::script(&browser, &script);
        world.home.give(&browser);
        let mut command = world.ctl_command(&[&["login", "--web"], args].concat());
        let mut ctl = command
            .env("BROWSER", &browser)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(ctl.stderr.as_mut().unwrap()).lines();
        let line = lines.next_line().await.unwrap().unwrap();
        let start = line[line.find("http").expect(&line)..].to_owned();
        Self { ctl, start }
    }

    /// Its exit code, stdout and the rest of stderr.
    async fn end(self) -> (i32, String, String) {
        let output = tokio::time::timeout(TIMEOUT, self.ctl.wait_with_output());
        let output = output.await.expect("the login ends").unwrap();
        (
            output.status.code().unwrap(),
            String::from_utf8(output.stdout).unwrap(),
            String::from_utf8(output.stderr).unwrap(),
        )
    }
}

/// Connections that somebody opens without end.
struct Flood {
    program: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Flood {
    /// Returns when there were a thousand.
    async fn of(home: &Home, url: &str) -> Self {
        let port = Url::parse(url).unwrap().port().unwrap().to_string();
        let mut program = home
            .command("python3")
            .args(["-I", "-c", FLOOD, &port])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(program.stdout.take().unwrap()).lines();
        let mut flood = Self { program, said };
        assert_eq!(flood.line().await, "a thousand");
        flood
    }

    async fn line(&mut self) -> String {
        let line = tokio::time::timeout(TIMEOUT, self.said.next_line()).await;
        line.unwrap().unwrap().expect("it goes on")
    }

    /// How many there were.
    async fn stop(mut self) -> usize {
        let mut stdin = self.program.stdin.take().unwrap();
        stdin.write_all(b"stop\n").await.unwrap();
        self.line().await.parse().unwrap()
    }
}

async fn visit(home: &Home, url: &str) -> String {
    home.python(VISIT, &[url]).await.ok().trim().to_owned()
}

/// Where a page led the browser of a home's user.
async fn led(home: &Home, url: &str) -> Url {
    let answer = visit(home, url).await;
    let to = answer.split(' ').nth(1).unwrap_or_default();
    Url::parse(to).unwrap_or_else(|_| panic!("led nowhere: {answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_cannot_complete_a_login() {
    let Some(Users { a, b }) = Users::find("a test of two users").await else {
        return;
    };
    let world = World::of(&a, approving()).await;
    let (ours, theirs) = (&world.home, Home::of(&b));
    let begun = Begun::by(&world, &[]).await;

    // Who owns the browser is led on; somebody else is told nothing at all.
    let page = led(ours, &begun.start).await;
    assert_eq!(visit(&theirs, &begun.start).await, "hung up");
    // They see what the browser was started with, and nothing that is of use.
    let seen = theirs.python(COMMAND_LINES, &[&begun.start]).await.ok();
    assert!(seen.contains(&begun.start), "the probe works: {seen}");
    let everything = theirs.python(COMMAND_LINES, &[""]).await.ok();
    for secret in ["state", "code_challenge"] {
        let secret = parameter(&page, secret);
        assert!(secret.len() > 40, "worth looking for");
        assert!(!everything.contains(&secret), "{everything}");
    }

    // Even with everything in their hands: bob's code, sent to alice's login.
    let bobs = led(&theirs, with_user(&page, "bob").as_str()).await;
    assert_eq!(parameter(&bobs, "state"), parameter(&page, "state"));
    assert_eq!(visit(&theirs, bobs.as_str()).await, "hung up");
    let control = world.stack.control();
    assert_eq!(control.calls(Endpoint::ConnectToken), 0);
    world.ctl(&["logged-in"]).await.code_is(3);

    // The control: the very same by the user whose login it is.
    let alices = led(ours, page.as_str()).await;
    let answer = visit(ours, alices.as_str()).await;
    assert!(answer.contains("You are logged in"), "{answer}");
    let (code, stdout, stderr) = begun.end().await;
    assert_eq!((code, stdout.trim()), (0, world.stack.catalog_url()));
    assert!(stderr.contains(" as alice (role "), "{stderr}");
    assert!(world.log().contains("hung up on another user"));
}

/// The page, as somebody approves it without being asked.
fn with_user(page: &Url, user: &str) -> Url {
    let mut page = page.clone();
    page.query_pairs_mut().append_pair("user", user);
    page
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_connections_of_another_user_delay_nobody() {
    let Some(Users { a, b }) = Users::find("a test of two users").await else {
        return;
    };
    let world = World::of(&a, approving()).await;
    let (ours, theirs) = (&world.home, Home::of(&b));
    let begun = Begun::by(&world, &[]).await;
    let flood = Flood::of(&theirs, &begun.start).await;

    // While they go on.
    let page = led(ours, &begun.start).await;
    let redirect = led(ours, page.as_str()).await;
    let answer = visit(ours, redirect.as_str()).await;
    assert!(answer.contains("You are logged in"), "{answer}");
    let (code, ..) = begun.end().await;
    assert_eq!(code, 0);
    let count = flood.stop().await;
    assert!(count >= 1000, "{count}");
    let refused = world.log().matches("hung up on another user").count();
    assert!(refused >= 900, "{refused} of {count} were another user's");
}

/// Runs what follows as the one user that there is, as a container does.
const ALONE: [&str; 3] = ["--user", "--map-current-user", "--"];

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_of_nobody_the_system_tells_is_refused_in_words() {
    let Some(Users { a, b }) = Users::find("a test of two users").await else {
        return;
    };
    let mut world = World::of(&a, approving()).await;
    world.daemon.take().unwrap().stop().await;
    if !can_be_alone(&a).await {
        let reason = "user namespaces are not allowed";
        return not_run("a test of a container", reason);
    }
    // A daemon that knows its own user and no other.
    let mut command = world.home.command("unshare");
    command
        .args(ALONE)
        .arg(world.home.program(binaries::quiltd()));
    let args = ["--token-store", "file"];
    world.daemon = Some(Daemon::start_by(command, &world.home, &args).await);
    let (ours, theirs) = (&world.home, Home::of(&b));
    let begun = Begun::by(&world, &[]).await;

    let page = led(ours, &begun.start).await;
    let bobs = led(&theirs, with_user(&page, "bob").as_str()).await;
    for url in [begun.start.as_str(), bobs.as_str()] {
        let answer = visit(&theirs, url).await;
        assert!(answer.starts_with("403 - "), "{answer}");
        assert!(answer.contains("does not tell whose browser"), "{answer}");
        assert!(answer.contains("<code>quiltctl login</code>"), "{answer}");
    }
    assert_eq!(world.stack.control().calls(Endpoint::ConnectToken), 0);
    // Those that are turned away hold nothing up, however many they are.
    let flood = Flood::of(&theirs, &begun.start).await;
    let alices = led(ours, page.as_str()).await;
    let answer = visit(ours, alices.as_str()).await;
    assert!(answer.contains("You are logged in"), "{answer}");
    assert_eq!(begun.end().await.0, 0);
    flood.stop().await;
}

async fn can_be_alone(user: &User) -> bool {
    let mut command = user.command("unshare", Path::new("/"));
    command.args(ALONE).arg("true");
    let status = command.stdin(Stdio::null()).stderr(Stdio::null()).status();
    status.await.is_ok_and(|status| status.success())
}
