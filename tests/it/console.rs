//! Signing in to the AWS console.

use std::process::Stdio;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Home, Users, World, binaries};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

use crate::roles::{arn, world, world_of};

#[tokio::test(flavor = "multi_thread")]
async fn the_printed_url_signs_in_with_the_profile() {
    let settings = format!(
        "[profiles.lake]\nrole_arn = '{}'\nregion = 'eu-west-1'\n",
        arn("lake")
    );
    let world = world(StackConfig::default(), &settings).await;
    for (profile, role) in [("default", "quilt-ReadWriteQuiltBucket"), ("lake", "lake")] {
        let url = world
            .ctl(&["console", "--print", "--profile", profile])
            .await
            .ok();
        assert_eq!(url.lines().count(), 1);
        let page = reqwest::get(url.trim())
            .await
            .unwrap()
            .text()
            .await
            .unwrap();
        assert!(page.contains("Signed in") && page.contains(role), "{page}");
        let token = url.split("SigninToken=").nth(1).unwrap().trim();
        assert!(
            token.len() > 8 && !world.log().contains(token),
            "the URL is a secret"
        );
    }
    let json = world
        .ctl(&[
            "console",
            "--json",
            "--destination",
            "https://x.example/a b",
        ])
        .await
        .ok();
    let json: Value = serde_json::from_str(&json).unwrap();
    let url = json["url"].as_str().unwrap();
    assert!(
        url.contains("Destination=https%3A%2F%2Fx.example%2Fa+b"),
        "{url}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_browser_gets_the_url_without_it_being_on_a_command_line() {
    let world = world(StackConfig::default(), "").await;
    let seen = world.home.path().join("argument");
    let page = world.home.path().join("page");
    let browser = world.home.path().join("browser");
    let script = format!(
        "#!/bin/sh\nprintf %s \"$1\" > {}\ncurl -sSL \"$1\" > {}\n",
        seen.display(),
        page.display()
    );
    binaries::script(&browser, &script);
    let output = world
        .ctl_command(&["console"])
        .env("BROWSER", &browser)
        .output()
        .await
        .unwrap();
    assert!(
        output.status.success() && output.stdout.is_empty(),
        "{output:?}"
    );
    let argument = std::fs::read_to_string(seen).unwrap();
    assert!(
        argument.starts_with("http://127.0.0.1:") && !argument.contains("Signin"),
        "{argument}"
    );
    while !std::fs::read_to_string(&page).is_ok_and(|page| page.contains("Signed in")) {
        tokio::task::yield_now().await;
    }
}

/// Asks for the page that a browser is to open; what came back, up to its end.
const ASK: &str = "
import socket, sys
from urllib.parse import urlsplit
page = urlsplit(sys.argv[1])
connection = socket.create_connection((page.hostname, page.port), 60)
answer = b''
try:
    lines = [f'GET {page.path} HTTP/1.1', f'Host: {page.netloc}', *sys.argv[2:]]
    connection.sendall('\\r\\n'.join([*lines, '', '']).encode())
    while part := connection.recv(65536):
        answer += part
except OSError:
    # Hung up on.
    pass
print(answer.decode())
";

/// A console whose browser only tells what it was started with, as `ps` does.
struct Shown {
    world: World,
    console: Child,
    page: String,
}

impl Shown {
    async fn to(home: Home) -> Self {
        let world = world_of(home, StackConfig::default(), &[]).await;
        let browser = world.home.path().join("browser");
        let seen = world.home.path().join("argument");
        let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" > '{}'\n", seen.display());
        binaries::script(&browser, &script);
        world.home.give(&browser);
        let mut console = world.ctl_command(&["console"]);
        let console = console.env("BROWSER", &browser).stdout(Stdio::piped());
        let console = console.stderr(Stdio::piped()).spawn().unwrap();
        let page = loop {
            match std::fs::read_to_string(&seen) {
                Ok(page) if page.ends_with('\n') => break page.trim().to_owned(),
                _ => tokio::task::yield_now().await,
            }
        };
        Self {
            world,
            console,
            page,
        }
    }

    /// The control: what one's own browser asks is answered.
    async fn signs_in(self, headers: &[&str]) {
        let asked = [&[self.page.as_str()], headers].concat();
        let mine = self.world.home.python(ASK, &asked).await.ok();
        assert!(mine.contains("SigninToken="), "{mine}");
        let ended = self.console.wait_with_output().await.unwrap();
        assert!(
            ended.status.success() && ended.stdout.is_empty(),
            "{ended:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_user_who_reads_the_browsers_command_line_signs_in_nowhere() {
    let Some(users) = Users::find("another user at the page of a console").await else {
        return;
    };
    let shown = Shown::to(Home::of(&users.a)).await;
    let theirs = Home::of(&users.b).python(ASK, &[&shown.page]).await.ok();
    assert_eq!(theirs.trim(), "", "another user is hung up on");
    shown.signs_in(&[]).await;
}

/// Asks for what is not there, again and again, beside connections of its own
/// that make the list of all long.
const FLOOD: &str = "
import socket, sys
from urllib.parse import urlsplit
page = urlsplit(sys.argv[1])
here = (page.hostname, page.port)
other = socket.create_server(('127.0.0.1', 0), backlog=4096)
crowd = [socket.create_connection(other.getsockname()) for _ in range(400)]
for asked in range(100000):
    connection = socket.socket()
    connection.setblocking(False)
    try:
        connection.connect(here)
    except BlockingIOError:
        pass
    try:
        connection.send(b'GET / HTTP/1.1\\r\\n\\r\\n')
    except OSError:
        pass
    connection.close()
    if asked == 1000:
        print('flooding', flush=True)
";

#[tokio::test(flavor = "multi_thread")]
async fn another_user_who_asks_again_and_again_keeps_no_browser_waiting() {
    let Some(users) = Users::find("another user who floods the page of a console").await else {
        return;
    };
    let shown = Shown::to(Home::of(&users.a)).await;
    let theirs = Home::of(&users.b);
    let mut flood = theirs.command("python3");
    let flood = flood.args(["-I", "-c", FLOOD, &shown.page]);
    let mut flood = flood.stdout(Stdio::piped()).spawn().unwrap();
    let mut begun = [0; 1];
    let said = flood.stdout.as_mut().unwrap();
    said.read_exact(&mut begun).await.unwrap();
    shown.signs_in(&[]).await;
    flood.kill().await.unwrap();
}

/// For every line that it reads: connects; and then as the line says.
const STEPS: &str = "
import socket, sys
from urllib.parse import urlsplit
page = urlsplit(sys.argv[1])
lines = [f'GET {page.path} HTTP/1.1', f'Host: {page.netloc}', '', '']
held = []
for line in sys.stdin:
    if line.startswith('connect'):
        count = int(line.split()[1])
        held = [socket.create_connection((page.hostname, page.port)) for _ in range(count)]
        print('connected', flush=True)
    else:
        try:
            held[0].sendall('\\r\\n'.join(lines).encode())
            answer = held[0].recv(4096)
        except OSError:
            answer = b''
        print('in' if b'SigninToken=' in answer else 'out', flush=True)
";

/// A process that is told what to do, line by line.
struct Steps {
    process: Child,
    said: Lines<BufReader<ChildStdout>>,
}

impl Steps {
    fn of(home: &Home, page: &str) -> Self {
        let mut command = home.command("python3");
        let command = command.args(["-I", "-c", STEPS, page]);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.kill_on_drop(true).spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, said }
    }

    async fn step(&mut self, line: &str) -> String {
        let stdin = self.process.stdin.as_mut().unwrap();
        stdin.write_all(line.as_bytes()).await.unwrap();
        self.said.next_line().await.unwrap().unwrap()
    }
}

/// More than there may be at a time come after one's own browser, before it asks.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_takes_its_time_is_not_put_out_by_others() {
    let Some(users) = Users::find("another user who crowds the page of a console").await else {
        return;
    };
    let shown = Shown::to(Home::of(&users.a)).await;
    let mut mine = Steps::of(&shown.world.home, &shown.page);
    let mut theirs = Steps::of(&Home::of(&users.b), &shown.page);
    // Two seconds may be over on a busy machine.
    for _ in 0..5 {
        assert_eq!(mine.step("connect 1\n").await, "connected");
        assert_eq!(theirs.step("connect 700\n").await, "connected");
        if mine.step("ask\n").await == "in" {
            return;
        }
    }
    panic!("the browser was put out");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_page_makes_a_browser_ask_signs_in_nowhere_and_uses_nothing_up() {
    let shown = Shown::to(Home::new()).await;
    for header in [
        "Host: evil.example",
        "Origin: https://evil.example",
        "Sec-Fetch-Dest: image",
        "Sec-Purpose: prefetch",
    ] {
        let answer = shown
            .world
            .home
            .python(ASK, &[&shown.page, header])
            .await
            .ok();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{header}: {answer}");
    }
    // The control; cookies of whatever else is on this address go along.
    let cookies = format!("Cookie: {}", "of=others; ".repeat(8 * 1024));
    let [mode, dest] = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    shown.signs_in(&[mode, dest, &cookies]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_told() {
    let world = world(StackConfig::default(), "").await;
    let control = world.stack.control();
    let fault = control.plant(Endpoint::Federation, Fault::always(FaultKind::status(503)));
    let line = world.ctl(&["console", "--print"]).await.failed(5);
    assert!(line.contains("AWS sign-in answered 503"), "{line}");
    control.clear_fault(fault);
    control.plant(Endpoint::Federation, Fault::once(FaultKind::status(400)));
    world.ctl(&["console", "--print"]).await.failed(6);
    world.ctl(&["logout"]).await.ok();
    world.ctl(&["console", "--print"]).await.failed(3);
}
