//! `exec --for`: what does not outlive a job is said before it starts.

use quilt_tests::fake_stack::KeySeed;
use quilt_tests::harness::World;

/// What `exec --for` says, each line; the job has to run.
async fn said(world: &World, args: &[&str]) -> Vec<String> {
    let args = [&["exec"], args, &["--", "echo", "the job"]].concat();
    let run = world.ctl(&args).await;
    assert_eq!((run.code, run.stdout.as_str()), (0, "the job\n"), "{run:?}");
    run.stderr.lines().map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_job_is_told_what_does_not_outlive_it() {
    let world = World::logged_in().await;
    assert_eq!(said(&world, &[]).await, [""; 0]);
    let lines = said(&world, &["--for", "14h"]).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[0].contains("renews itself for 14 h"), "{lines:?}");
    assert!(lines[1].contains("are renewed"), "{lines:?}");

    // A key of three hours.
    let seed = KeySeed {
        created_seconds_ago: 87 * 86_400,
        expires_in_seconds: 3 * 3600 + 60,
        ..KeySeed::new("alice", "ci")
    };
    let key = world.stack.control().add_key(&seed).unwrap();
    let args = ["login", "--api-key"];
    world.ctl_with_input(&args, &key.secret).await.ok();
    let lines = said(&world, &["--for", "2h"]).await;
    assert!(
        lines[0].contains("ends in 3 h, later than 2 h from now"),
        "{lines:?}"
    );
    let lines = said(&world, &["--for", "14h"]).await;
    assert!(lines[0].starts_with("! the API key qk_"), "{lines:?}");
    assert!(
        lines[0].contains("ends in 3 h, before 14 h are over"),
        "{lines:?}"
    );
    let (_, hint) = lines[0].split_once("; run: ").unwrap();
    // The command that is named mends it.
    let words: Vec<_> = hint.split(' ').skip(1).collect();
    world.ctl(&words).await.ok();
    let lines = said(&world, &["--for", "14h"]).await;
    assert!(lines[0].contains("later than 14 h from now"), "{lines:?}");

    let line = world.ctl(&["exec", "--for", "soon", "--", "true"]).await;
    assert_eq!(line.code, 2, "{line:?}");
}
