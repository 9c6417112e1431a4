//! Signing in to the AWS console.

use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Daemon, Home, Users, World, binaries};
use serde_json::Value;

use crate::roles::{arn, world};

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

#[tokio::test(flavor = "multi_thread")]
async fn another_user_who_reads_the_browsers_command_line_signs_in_nowhere() {
    let Some(users) = Users::find("another user at the page of a console").await else {
        return;
    };
    let home = Home::of(&users.a);
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let federation = stack.federation_url();
    let variables = [
        ("AWS_ENDPOINT_URL_STS", stack.sts_url()),
        ("QUILTD_CONSOLE_ENDPOINT", federation.as_str()),
    ];
    let daemon = Daemon::start_with(&home, &["--token-store", "file"], &variables).await;
    let world = World {
        stack,
        home,
        daemon: Some(daemon),
    };
    world.login().await;
    // A browser that only tells what it was started with, as `ps` does.
    let browser = world.home.path().join("browser");
    let seen = world.home.path().join("argument");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" > '{}'\n", seen.display());
    binaries::script(&browser, &script);
    world.home.give(&browser);
    let mut console = world.ctl_command(&["console"]);
    let console = console.env("BROWSER", &browser).spawn().unwrap();
    let page = loop {
        match std::fs::read_to_string(&seen) {
            Ok(page) if page.ends_with('\n') => break page.trim().to_owned(),
            _ => tokio::task::yield_now().await,
        }
    };
    let theirs = Home::of(&users.b).python(ASK, &[&page]).await.ok();
    assert_eq!(theirs.trim(), "", "another user is hung up on");
    // The control: the same request of one's own is answered.
    let mine = world.home.python(ASK, &[&page]).await.ok();
    assert!(mine.contains("SigninToken="), "{mine}");
    let ended = console.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_page_makes_a_browser_ask_signs_in_nowhere_and_uses_nothing_up() {
    let world = world(StackConfig::default(), "").await;
    let browser = world.home.path().join("browser");
    let seen = world.home.path().join("argument");
    let script = format!("#!/bin/sh\nprintf '%s\\n' \"$1\" > '{}'\n", seen.display());
    binaries::script(&browser, &script);
    let mut console = world.ctl_command(&["console"]);
    let console = console.env("BROWSER", &browser).spawn().unwrap();
    let page = loop {
        match std::fs::read_to_string(&seen) {
            Ok(page) if page.ends_with('\n') => break page.trim().to_owned(),
            _ => tokio::task::yield_now().await,
        }
    };
    for header in [
        "Host: evil.example",
        "Origin: https://evil.example",
        "Sec-Fetch-Dest: image",
        "Sec-Purpose: prefetch",
    ] {
        let answer = world.home.python(ASK, &[&page, header]).await.ok();
        assert!(answer.starts_with("HTTP/1.1 403 "), "{header}: {answer}");
    }
    // The control; cookies of whatever else is on this address go along.
    let cookies = format!("Cookie: {}", "of=others; ".repeat(8 * 1024));
    let [mode, dest] = ["Sec-Fetch-Mode: navigate", "Sec-Fetch-Dest: document"];
    let mine = world
        .home
        .python(ASK, &[&page, mode, dest, &cookies])
        .await
        .ok();
    assert!(mine.contains("SigninToken="), "{mine}");
    let ended = console.wait_with_output().await.unwrap();
    assert!(ended.status.success(), "{ended:?}");
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
