//! What a person at a terminal sees of a listing that takes long.

use std::fs::File;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::{Run, World, terminal};
use tokio::process::{Child, Command};

use super::fake::{BUCKET, fill, world};

const TIMEOUT: Duration = Duration::from_mins(2);

/// Back to the start of the line, and the line wiped.
const WIPE: &str = "\r\x1b[K";

/// Reads on until the terminal shows `until`, or its last program is gone.
async fn read(mut person: File, until: &'static str) -> (File, String) {
    let reading = tokio::task::spawn_blocking(move || {
        let mut shown = String::new();
        let mut byte = [0];
        // Linux fails where the other side is closed.
        while !shown.ends_with(until) && person.read(&mut byte).unwrap_or(0) == 1 {
            shown.push(char::from(byte[0]));
        }
        (person, shown)
    });
    let read = tokio::time::timeout(TIMEOUT, reading).await;
    read.expect("the terminal shows it").unwrap()
}

/// Started, with a request of its own that S3 does not answer.
async fn held(world: &World, mut command: Command, requests: u64) -> Child {
    let child = command.spawn().unwrap();
    let control = world.stack.control();
    let held = control.wait_for_counts(|counts| counts.calls(Endpoint::S3) >= requests);
    tokio::time::timeout(TIMEOUT, held).await.unwrap();
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_counts_what_came_and_goes_away() {
    let world = world().await;
    fill(&world, 1500);
    let control = world.stack.control();
    let registry = format!("s3://{BUCKET}");
    let list = |stderr: Stdio| {
        let mut command = world.ctl_command(&["packages", "list", &registry]);
        command.stdin(Stdio::null()).stdout(Stdio::piped());
        command.stderr(stderr).kill_on_drop(true);
        command
    };

    // One into a pipe, one on a terminal, each with the page after its first
    // ones held. The first has been at it for longer when the second says so.
    let hold = || Fault::once(FaultKind::Hold).after(3);
    control.reset_counts();
    control.plant(Endpoint::S3, hold());
    let piped = held(&world, list(Stdio::piped()), 4).await;
    control.plant(Endpoint::S3, hold());
    let (person, program) = terminal().unwrap();
    let seen = held(&world, list(program.into()), 8).await;
    let (person, shown) = read(person, "260 packages in ").await;
    assert!(shown.starts_with(WIPE), "{shown:?}");
    control.clear_faults();

    let rest = tokio::spawn(read(person, "never"));
    let piped: Run = piped.wait_with_output().await.unwrap().into();
    let seen: Run = seen.wait_with_output().await.unwrap().into();
    let (_, rest) = rest.await.unwrap();
    assert_eq!(piped.stderr, "", "no terminal, no line");
    let names = piped.ok();
    assert_eq!(names.lines().count(), 1500);
    assert_eq!(seen.ok(), names);
    assert!(rest.ends_with(WIPE), "{shown:?}{rest:?}");
}
