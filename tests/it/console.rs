//! Signing in to the AWS console.

use quilt_tests::stack::{Endpoint, Fault, FaultKind, StackConfig};
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
    std::fs::write(&browser, script).unwrap();
    std::fs::set_permissions(
        &browser,
        std::os::unix::fs::PermissionsExt::from_mode(0o700),
    )
    .unwrap();
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
