//! Deletions that are cut off at every request to S3, and run again.

use std::time::Duration;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Run, World};

use super::fake::{BUCKET, check_latest, hash, restart, seed, state, world};

pub(crate) fn deletion(version: Option<&str>) -> Vec<String> {
    let registry = format!("s3://{BUCKET}");
    let mut args = [
        "packages",
        "delete",
        "ns/name",
        "--registry",
        &registry,
        "--yes",
    ]
    .map(str::to_owned)
    .to_vec();
    args.extend(
        version
            .map(|hash| ["--top-hash".to_owned(), hash.to_owned()])
            .into_iter()
            .flatten(),
    );
    args
}

async fn run(world: &World, args: &[String]) -> Run {
    world
        .ctl(&args.iter().map(String::as_str).collect::<Vec<_>>())
        .await
}

/// Everything a deletion can be: of the package, of the newest version, of an
/// older one.
pub(crate) fn kinds() -> [Option<String>; 3] {
    [None, Some(hash(3)), Some(hash(2))]
}

pub(crate) async fn layout(world: &World, number: u8) {
    let set = format!("default_registry_version={number}");
    world.ctl(&["config", "--set", &set]).await.ok();
}

/// How many requests it takes, and how all is afterwards.
pub(crate) async fn undisturbed(
    world: &World,
    number: u8,
    args: &[String],
) -> (u32, (Vec<String>, Option<String>)) {
    seed(world, number);
    world.stack.control().reset_counts();
    run(world, args).await.ok();
    let requests = world.stack.control().calls(Endpoint::S3);
    (u32::try_from(requests).unwrap(), state(world, number))
}

/// Lets S3 answer nothing from request `at` on, which has its effect where
/// `kind` loses only the answer. How many requests come until it is silent.
pub(crate) fn fall_silent(world: &World, kind: &FaultKind, silence: FaultKind, at: u32) -> u64 {
    let control = world.stack.control();
    control.reset_counts();
    let mut requests = u64::from(at) + 1;
    if *kind == FaultKind::LostAnswer {
        control.plant(Endpoint::S3, Fault::once(kind.clone()).after(at));
        // The same request again.
        requests += 1;
    }
    control.plant(Endpoint::S3, Fault::always(silence).after(at));
    requests
}

/// Runs it again: it finishes, or finds that nothing is left to do.
pub(crate) async fn again(
    world: &World,
    number: u8,
    args: &[String],
    expected: &(Vec<String>, Option<String>),
    context: &str,
) {
    check_latest(world, number, context);
    let finished = state(world, number) == *expected;
    let second = run(world, args).await;
    let code = if finished { 7 } else { 0 };
    assert_eq!(second.code, code, "{context}: {second:?}");
    assert_eq!(state(world, number), *expected, "{context}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_killed_at_any_request_leaves_nothing_wrong() {
    let mut world = world().await;
    for number in [1, 2] {
        layout(&world, number).await;
        for version in kinds() {
            let args = deletion(version.as_deref());
            let (requests, expected) = undisturbed(&world, number, &args).await;
            assert!(requests >= 3);
            for at in 0..requests {
                // Never answered: the request has no effect. Answer lost: it has one.
                for kind in [FaultKind::Hang, FaultKind::LostAnswer] {
                    let context = format!("layout {number}, {version:?}, {kind:?} at {at}");
                    seed(&world, number);
                    let struck = fall_silent(&world, &kind, FaultKind::Hang, at);
                    let control = world.stack.control();
                    let args_of = args.iter().map(String::as_str).collect::<Vec<_>>();
                    let mut command = world.ctl_command(&args_of);
                    let running = tokio::spawn(async move { command.output().await });
                    let reached =
                        control.wait_for_counts(|counts| counts.calls(Endpoint::S3) >= struck);
                    tokio::time::timeout(Duration::from_mins(2), reached)
                        .await
                        .expect(&context);
                    world.daemon.take().unwrap().kill().await;
                    drop(running.await);
                    world.stack.control().clear_faults();
                    restart(&mut world).await;
                    again(&world, number, &args, &expected, &context).await;
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_and_resets_at_any_request_leave_nothing_wrong() {
    let world = world().await;
    for number in [1, 2] {
        layout(&world, number).await;
        for version in kinds() {
            let args = deletion(version.as_deref());
            let (requests, expected) = undisturbed(&world, number, &args).await;
            for at in 0..requests {
                for kind in [
                    FaultKind::status(503),
                    FaultKind::Reset,
                    FaultKind::LostAnswer,
                ] {
                    let context = format!("layout {number}, {version:?}, {kind:?} at {at}");
                    // One failure is nothing: the request is made again.
                    seed(&world, number);
                    let control = world.stack.control();
                    control.plant(Endpoint::S3, Fault::once(kind.clone()).after(at));
                    run(&world, &args).await.ok();
                    control.clear_faults();
                    assert_eq!(state(&world, number), expected, "{context}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_broken_is_reported_and_can_be_run_again() {
    let world = world().await;
    for number in [1, 2] {
        layout(&world, number).await;
        for version in kinds() {
            let args = deletion(version.as_deref());
            let (requests, expected) = undisturbed(&world, number, &args).await;
            for at in [0, requests / 2, requests - 1] {
                let context = format!("layout {number}, {version:?}, broken from {at}");
                seed(&world, number);
                let before = state(&world, number);
                let control = world.stack.control();
                control.plant(
                    Endpoint::S3,
                    Fault::always(FaultKind::status(503)).after(at),
                );
                let line = run(&world, &args).await.failed(5);
                control.clear_faults();
                assert!(line.contains("503"), "{context}: {line}");
                if state(&world, number) != before {
                    assert!(line.contains("until then"), "{context}: {line}");
                    assert!(
                        line.contains("; run: quiltctl packages delete ns/name"),
                        "{line}"
                    );
                }
                again(&world, number, &args, &expected, &context).await;
            }
        }
    }
}
