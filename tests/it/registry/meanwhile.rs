//! What was shown or asked about is what counts, whatever becomes the default
//! while somebody is waited for.

use std::fs;
use std::io::{Read, Write};
use std::process::Stdio;

use quilt_tests::fake_stack::Endpoint;
use quilt_tests::harness::Run;
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Two;
use super::terminal::Terminal;
use crate::gateway::files::until;

async fn run(two: &Two, args: &[&str]) -> Run {
    Run::from(two.unnamed(args).output().await.unwrap())
}

/// The other catalog becomes the default one; what it was asked for that is
/// forgotten.
async fn use_other(two: &Two) {
    run(two, &["use", two.other.catalog_url()]).await.ok();
    two.other.control().reset_counts();
}

/// Whom this stack heard of since.
fn heard(two: &Two) -> u64 {
    let control = two.other.control();
    control.calls(Endpoint::Token) + control.calls(Endpoint::Graphql)
}

/// Gives a secret to a command that has been waiting for it, once the other catalog
/// is the default one.
async fn slowly(two: &Two, mut command: Command, secret: &str) -> (i32, String) {
    let looked = async || {
        let metrics = two.world.ask("GET", "/metrics", "*/*", None).await.text();
        let lines = metrics
            .lines()
            .filter(|line| line.contains("\"/v1/session\""));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let before = looked().await;
    command.stdin(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    drop(command);
    // It has asked which catalog is meant.
    while looked().await == before {
        tokio::task::yield_now().await;
    }
    use_other(two).await;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(secret.as_bytes()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().unwrap(), shown)
}

async fn started() -> Two {
    let two = Two::logged_in().await;
    run(&two, &["use", two.world.stack.catalog_url()])
        .await
        .ok();
    two
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_goes_to_the_catalog_whose_page_was_shown() {
    let two = started().await;
    let lab = |url: &str| format!("[catalogs.lab]\nurl = \"{url}\"\n");
    fs::create_dir_all(two.world.home.settings().parent().unwrap()).unwrap();
    fs::write(
        two.world.home.settings(),
        lab(two.world.stack.catalog_url()),
    )
    .unwrap();
    for args in [
        &["login", "--no-browser"][..],
        &["login", "lab", "--no-browser"],
    ] {
        let ctl = Terminal::of(two.unnamed(args)).shows("Code: ").await;
        use_other(&two).await;
        fs::write(two.world.home.settings(), lab(two.other.catalog_url())).unwrap();
        let code = two.world.stack.control().login_code("alice").unwrap();
        let (code, shown) = ctl.types(&format!("{code}\r")).end().await;
        assert_eq!(code, 0, "{shown}");
        assert!(shown.contains(" as alice (role "), "{shown}");
        assert_eq!(heard(&two), 0, "the other registry was sent the code");
        run(&two, &["use", two.world.stack.catalog_url()])
            .await
            .ok();
        fs::write(
            two.world.home.settings(),
            lab(two.world.stack.catalog_url()),
        )
        .unwrap();
    }
    // Nor does one that is typed, or comes from a program, without a page.
    for is_typed in [true, false] {
        let code = two.world.stack.control().login_code("alice").unwrap();
        let stdin = two.unnamed(&["login", "--code-stdin"]);
        let (code, shown) = if is_typed {
            let ctl = Terminal::of(stdin).shows("Code: ").await;
            use_other(&two).await;
            ctl.types(&format!("{code}\r")).end().await
        } else {
            slowly(&two, stdin, &code).await
        };
        assert_eq!(code, 0, "{shown}");
        assert_eq!(heard(&two), 0, "the other registry was sent the code");
        run(&two, &["use", two.world.stack.catalog_url()])
            .await
            .ok();
    }
    // The other one is heard where it is meant.
    use_other(&two).await;
    let code = two.other.control().login_code("alice").unwrap();
    let ctl = Terminal::of(two.unnamed(&["login", "--no-browser"]));
    let ctl = ctl.shows("Code: ").await.types(&format!("{code}\r"));
    assert_eq!(ctl.end().await.0, 0);
    assert!(heard(&two) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_typed_goes_to_the_catalog_that_was_the_default_one_before() {
    let two = started().await;
    for args in [
        &["login", "--api-key"][..],
        &["api-keys", "revoke", "--secret-stdin"],
    ] {
        let key = two.key();
        let ctl = Terminal::of(two.unnamed(args)).shows("API key: ").await;
        use_other(&two).await;
        let (code, shown) = ctl.types(&format!("{key}\r")).end().await;
        assert_eq!(code, 0, "{shown}");
        assert_eq!(heard(&two), 0, "the other registry was sent the key");
        run(&two, &["use", two.world.stack.catalog_url()])
            .await
            .ok();
    }
    assert_eq!(two.world.stack.control().key_count(), 1, "one is revoked");
    // Nor from a program that takes its time, nor where only the key is typed at
    // a terminal.
    let key = two.key();
    let (code, shown) = slowly(&two, two.unnamed(&["login", "--api-key"]), &key).await;
    assert_eq!(code, 0, "{shown}");
    assert_eq!(heard(&two), 0, "the other registry was sent the key");
    run(&two, &["use", two.world.stack.catalog_url()])
        .await
        .ok();
    // A key that is known at another one is that one's all the same.
    let key = two.key();
    two.use_key(&key, &[]).await.ok();
    use_other(&two).await;
    let ctl = Terminal::of(two.unnamed(&["login", "--api-key"]));
    let ctl = ctl.shows("API key: ").await.types(&format!("{key}\r"));
    assert_eq!(ctl.end().await.0, 0);
    assert_eq!(heard(&two), 0, "the other registry was sent the key");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_agreed_to_is_revoked_where_it_was_asked() {
    let two = started().await;
    two.key();
    for args in [
        &["api-keys", "revoke", "ci"][..],
        &["admin", "api-keys", "revoke", "ci"],
    ] {
        let ctl = Terminal::of(two.unnamed(args)).shows("[y/N] ").await;
        use_other(&two).await;
        let (code, shown) = ctl.types("y\r").end().await;
        assert_eq!(code, 0, "{shown}");
        assert_eq!(two.world.stack.control().key_count(), 0, "{shown}");
        assert_eq!(heard(&two), 0);
        run(&two, &["use", two.world.stack.catalog_url()])
            .await
            .ok();
        two.key();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_revokes_where_it_made_a_key() {
    let two = started().await;
    two.key();
    // Whoever reads the secret is waited for: the pipe is full.
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let flags = fcntl_getfl(&writer).unwrap();
    fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
    while writer.write(&[b' '; 4096]).is_ok() {}
    fcntl_setfl(&writer, flags).unwrap();
    let mut rotate = two.unnamed(&["api-keys", "rotate", "ci"]);
    rotate.stdout(Stdio::from(writer)).stderr(Stdio::piped());
    let child = rotate.spawn().unwrap();
    drop(rotate);
    let keys = || two.world.stack.control().key_count();
    until(|| keys() == 2).await;
    use_other(&two).await;
    let reading = tokio::task::spawn_blocking(move || {
        let mut all = String::new();
        reader.read_to_string(&mut all).unwrap();
        all
    });
    let output = child.wait_with_output().await.unwrap();
    let shown = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{shown}");
    assert!(reading.await.unwrap().contains("Secret: qk_"));
    assert_eq!(keys(), 1, "{shown}");
    assert_eq!(heard(&two), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_package_is_deleted_only_where_it_was_asked() {
    let two = started().await;
    let dir = two.world.home.path().join("elsewhere");
    let latest = dir.join(".quilt/named_packages/ns/name/latest");
    fs::create_dir_all(latest.parent().unwrap()).unwrap();
    fs::write(&latest, "a".repeat(64)).unwrap();
    let set = format!("default_local_registry=file://{}", dir.display());
    let delete = ["packages", "delete", "ns/name"];
    let ctl = Terminal::of(two.unnamed(&delete)).shows("[y/N] ").await;
    run(&two, &["config", "--set", &set]).await.ok();
    let (code, shown) = ctl.types("y\r").end().await;
    assert_eq!(code, 1, "{shown}");
    assert!(
        shown.contains("another registry was configured meanwhile"),
        "{shown}"
    );
    assert!(latest.exists());
    let ctl = Terminal::of(two.unnamed(&delete)).shows("[y/N] ").await;
    let (code, shown) = ctl.types("y\r").end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(!latest.exists());
}

/// At the first login of a home nothing tells the true registry but the page.
#[tokio::test(flavor = "multi_thread")]
async fn a_first_code_goes_to_the_registry_whose_page_was_shown() {
    let two = Two::start().await;
    let login = ["login", two.world.stack.catalog_url(), "--no-browser"];
    let ctl = Terminal::of(two.unnamed(&login)).shows("Code: ").await;
    two.lie();
    let code = two.world.stack.control().login_code("alice").unwrap();
    let asked = ctl.types(&format!("{code}\r")).shows("[y/N]").await;
    let (code, shown) = asked.types("n\r").end().await;
    assert_ne!(code, 0, "{shown}");
    two.untouched();
    // The control, and nothing of it is kept.
    two.truth();
    let ctl = Terminal::of(two.unnamed(&login)).shows("Code: ").await;
    let code = two.world.stack.control().login_code("alice").unwrap();
    let (code, shown) = ctl.types(&format!("{code}\r")).end().await;
    assert_eq!(code, 0, "{shown}");
    assert!(shown.contains(" as alice (role "), "{shown}");
}
