//! What ends something, and what must not.

use std::fs;

use quilt_proto::api::{RoleChoice, SwitchRole};
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::{Daemon, World};

use crate::roles::{arn, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_settings_file_and_a_restart_take_no_profile_away() {
    let profile = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    let mut world = world(StackConfig::default(), &profile).await;
    let ask = ["credential-process", "--profile", "lake"];
    world.ctl(&ask).await.ok();
    fs::write(
        world.home.settings(),
        profile.replace("role_arn", "role_arm"),
    )
    .unwrap();
    for _ in 0..2 {
        world.daemon.take().unwrap().stop().await;
        let args = ["--token-store", "file"];
        let sts = [("AWS_ENDPOINT_URL_STS", world.stack.sts_url())];
        world.daemon = Some(Daemon::start_with(&world.home, &args, &sts).await);
        world.ctl(&ask).await.ok();
        let status = world.client().status().await.unwrap();
        let warning = status.warnings.iter().find(|it| it.contains("role_arm"));
        assert!(warning.is_some(), "{:?}", status.warnings);
    }
    fs::remove_file(world.home.settings()).unwrap();
    world.ctl(&ask).await.failed(7);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changes_while_credentials_are_fetched_keeps_nobody_waiting() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    let roles = world.client().me().await.unwrap().roles;
    assert!(roles.len() > 1);
    // On a machine that is busy enough, so many switches take longer than
    // credentials are waited for: then once more.
    let mut last = None;
    for _ in 0..10 {
        world.ctl(&["role", "switch", &roles[0]]).await.ok();
        control.reset_counts();
        let hold = || control.plant(Endpoint::GetCredentials, Fault::always(FaultKind::Hold));
        let mut planted = hold();
        let mut ask = world.ctl_command(&["credential-process"]);
        let asking = tokio::spawn(async move { ask.output().await.unwrap() });
        for turn in 1..=5_u64 {
            control
                .wait_for_counts(move |now| now.calls(Endpoint::GetCredentials) >= turn)
                .await;
            let role = &roles[usize::try_from(turn).unwrap() % 2];
            let choice = RoleChoice { role: role.clone() };
            world.client().send(&SwitchRole(choice)).await.unwrap();
            // What was asked for as somebody else comes now, and too late.
            let next = hold();
            control.clear_fault(planted);
            planted = next;
        }
        control.clear_fault(planted);
        let output = asking.await.unwrap();
        if output.status.success() {
            return;
        }
        last = Some(output);
    }
    panic!("{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stack_that_wants_to_be_left_alone_is() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    control.outdate_access_tokens();
    control.reset_counts();
    let busy = FaultKind::Busy {
        status: 429,
        retry_after: "3600".to_owned(),
    };
    control.plant(Endpoint::Token, Fault::always(busy));
    let line = world.ctl(&["whoami"]).await;
    assert!(line.stderr.contains("left alone for 3600 s"), "{line:?}");
    let asked = control.calls(Endpoint::Token);
    for _ in 0..5 {
        world.ctl(&["whoami"]).await.failed(5);
        world.ctl(&["credential-process"]).await.failed(5);
    }
    assert_eq!(control.calls(Endpoint::Token), asked);
}
