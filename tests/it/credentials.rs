//! AWS credentials: shared, fresh, and never dead.

use std::time::Duration;

use futures_util::future::join_all;
use quilt_client::Client;
use quilt_proto::{ProfileName, Timestamp};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Host, StackConfig};
use quilt_tests::harness::{World, within};

fn default() -> ProfileName {
    ProfileName::default_profile()
}

#[tokio::test(flavor = "multi_thread")]
async fn five_hundred_cold_requests_are_one_call_upstream() {
    let world = World::logged_in().await;
    let held = world
        .stack
        .control()
        .plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hold));
    world.stack.control().reset_counts();
    // The first caller hangs up while its call is under way.
    let first = tokio::spawn(ask(world.client()));
    world
        .stack
        .control()
        .wait_for_counts(|now| now.calls(Endpoint::GetCredentials) == 1)
        .await;
    first.abort();
    let callers: Vec<_> = (0..500)
        .map(|_| tokio::spawn(ask(world.client())))
        .collect();
    tokio::task::yield_now().await;
    world.stack.control().clear_fault(held);
    let mut answers: Vec<String> = join_all(callers)
        .await
        .into_iter()
        .map(Result::unwrap)
        .collect();
    assert_eq!(answers.len(), 500);
    answers.dedup();
    assert_eq!(answers.len(), 1, "all answers are equal");
    assert_eq!(world.stack.control().calls(Endpoint::GetCredentials), 1);
}

async fn ask(client: Client) -> String {
    let credentials = client.credentials(&default()).await.unwrap();
    serde_json::to_string(&credentials).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_stack_is_down_valid_ones_are_served_and_expired_ones_never() {
    let mut config = StackConfig::default();
    config.settings.credential_seconds = 6;
    let world = World::with(config).await;
    world.login().await;
    let first = world.client().credentials(&default()).await.unwrap();
    world.stack.control().refuse(Host::Registry, true);
    let mut served = 0;
    loop {
        let asked_at = Timestamp::now();
        match world.client().credentials(&default()).await {
            Ok(again) => {
                assert_eq!(again, first);
                assert!(asked_at < again.expiration, "served although expired");
                served += 1;
            }
            Err(error) => {
                assert!(
                    first.expiration.seconds_since(Timestamp::now()) <= 2,
                    "{error}"
                );
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(served > 20, "served {served} times");
    let line = world.ctl(&["credential-process"]).await.failed(5);
    assert!(line.contains("cannot be reached"), "{line}");
    world.stack.control().refuse(Host::Registry, false);
    loop {
        if let Ok(renewed) = world.client().credentials(&default()).await {
            assert_ne!(renewed, first);
            break;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_replaced_ahead_of_time_although_nobody_asks() {
    let mut config = StackConfig::default();
    config.settings.credential_seconds = 4;
    let world = World::with(config).await;
    world.login().await;
    world.client().credentials(&default()).await.unwrap();
    world.stack.control().reset_counts();
    world
        .stack
        .control()
        .wait_for_counts(|now| now.calls(Endpoint::GetCredentials) >= 1)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_past_half_its_life_is_handed_out_while_the_stack_issues() {
    let mut config = StackConfig::default();
    config.settings.credential_seconds = 8;
    let world = World::with(config).await;
    world.login().await;
    let end = Timestamp::now().plus_seconds(10);
    while Timestamp::now() < end {
        let credentials = world.client().credentials(&default()).await.unwrap();
        let left = credentials.expiration.seconds_since(Timestamp::now());
        // Whole seconds on both sides: one is lost to rounding.
        assert!(left >= 3, "{left} s left of 8");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_clock_is_named() {
    let mut config = StackConfig::default();
    config.settings.credential_seconds = -300;
    let world = World::with(config).await;
    world.login().await;
    let line = world.ctl(&["credential-process"]).await.failed(1);
    assert!(line.contains("the clock is wrong"), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_stack_never_holds_up_credential_process_for_long() {
    let world = World::logged_in().await;
    world
        .stack
        .control()
        .plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hang));
    let ask = async || world.ctl(&["credential-process"]).await.failed(5);
    within(Duration::from_secs(4), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_profile_is_an_error_that_helps() {
    let world = World::logged_in().await;
    let line = world
        .ctl(&["credential-process", "--profile", "nope"])
        .await
        .failed(7);
    assert!(
        line.contains("'nope'") && line.contains("run: quiltctl"),
        "{line}"
    );
    world
        .ctl(&["credential-process", "--profile", "no/pe"])
        .await
        .failed(2);
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_outlive_the_login_above_them() {
    let world = World::logged_in().await;
    let held = world.ctl(&["credential-process"]).await.ok();
    world.stack.control().revoke_sessions(Some("alice"));
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.failed(3);
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), held);
}
