//! Clients that hang up.

use std::time::Duration;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::World;

use super::fake::{BUCKET, fill, seed, world};
use super::faults::{again, deletion, fall_silent, kinds, layout, undisturbed};

/// Longer than anything takes, on a machine that does much else.
const TIMEOUT: Duration = Duration::from_mins(2);

/// How often nothing has to be under way. What the daemon sent before it noticed
/// may be on its way still, and is silenced like what was there.
const LOOKS: usize = 5;

/// The daemon drops the requests it waits for, and makes no others.
async fn stops(world: &World, context: &str) {
    let control = world.stack.control();
    for _ in 0..LOOKS {
        let idle = control.wait_for_counts(|counts| counts.endpoints[&Endpoint::S3].in_flight == 0);
        tokio::time::timeout(TIMEOUT, idle).await.expect(context);
        world.client().health().await.unwrap();
    }
    let made = control.calls(Endpoint::S3);
    control.clear_faults();
    world.ctl(&["status"]).await.ok();
    assert_eq!(control.calls(Endpoint::S3), made, "{context}");
}

/// Ends `quiltctl` once S3 was asked `asked` times, the last of which it does
/// not answer.
async fn hang_up(world: &World, args: &[&str], asked: u64, context: &str) {
    let mut child = world.ctl_command(args).spawn().unwrap();
    let control = world.stack.control();
    let reached = control.wait_for_counts(|counts| counts.calls(Endpoint::S3) >= asked);
    tokio::time::timeout(TIMEOUT, reached).await.expect(context);
    child.kill().await.unwrap();
    stops(world, context).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_a_listing() {
    let world = world().await;
    fill(&world, 2000);
    let control = world.stack.control();
    control.plant(Endpoint::S3, Fault::once(FaultKind::Hold).after(2));
    let mut names = world
        .client()
        .packages(Some(&format!("s3://{BUCKET}")))
        .await
        .unwrap();
    names.next().await.unwrap().unwrap();
    control
        .wait_for_counts(|counts| counts.calls(Endpoint::S3) == 3)
        .await;
    drop(names);
    stops(&world, "a listing").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_a_look_at_versions() {
    let world = world().await;
    let registry = format!("s3://{BUCKET}");
    let args = ["packages", "versions", "ns/name", "--registry", &registry];
    for number in [1, 2] {
        layout(&world, number).await;
        seed(&world, number);
        let control = world.stack.control();
        control.reset_counts();
        let undisturbed = world.ctl(&args).await.ok();
        for at in 0..u32::try_from(control.calls(Endpoint::S3)).unwrap() {
            control.reset_counts();
            control.plant(Endpoint::S3, Fault::always(FaultKind::Hold).after(at));
            let context = format!("layout {number} at {at}");
            hang_up(&world, &args, u64::from(at) + 1, &context).await;
            assert_eq!(world.ctl(&args).await.ok(), undisturbed, "{context}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_broken_off_at_any_request_can_be_run_again() {
    let world = world().await;
    for number in [1, 2] {
        layout(&world, number).await;
        for version in kinds() {
            let args = deletion(version.as_deref());
            let (requests, expected) = undisturbed(&world, number, &args).await;
            let shown: Vec<&str> = args.iter().map(String::as_str).collect();
            for at in 0..requests {
                // Never answered: the request has no effect. Answer lost: it has one.
                for kind in [FaultKind::Hold, FaultKind::LostAnswer] {
                    let context = format!("layout {number}, {version:?}, {kind:?} at {at}");
                    seed(&world, number);
                    let asked = fall_silent(&world, &kind, FaultKind::Hold, at);
                    hang_up(&world, &shown, asked, &context).await;
                    again(&world, number, &args, &expected, &context).await;
                }
            }
        }
    }
}
