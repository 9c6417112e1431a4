//! `env` that fails, in the shells that evaluate what it prints.

use std::process::Command;

use quilt_tests::harness::{Run, World};

use crate::env::{pairs, tcsh};

/// What is left after a failure, of what an earlier run set: a shell that
/// evaluates the output goes by what was printed, not by the exit code inside.
#[tokio::test(flavor = "multi_thread")]
async fn a_failure_leaves_no_old_credentials_in_any_shell() {
    let world = World::start().await;
    let run = world.ctl(&["env"]).await;
    assert_eq!(run.code, 3, "{run:?}");
    let fish = world.ctl(&["env", "--format", "fish"]).await.stdout;
    let powershell = world.ctl(&["env", "--format", "powershell"]).await.stdout;
    assert!(
        powershell.contains("Remove-Item Env:AWS_SECRET_ACCESS_KEY"),
        "{powershell}"
    );
    let csh = world.ctl(&["env", "--format", "csh"]).await.stdout;
    // What is read as a file or as JSON is empty.
    for args in [
        &["env", "--format", "dotenv"][..],
        &["env", "--format", "json"],
        &["env", "--json"],
    ] {
        world.ctl(args).await.failed(3);
    }
    tokio::task::spawn_blocking(move || {
        let left = |program: &str, args: &[&str], line: &str, text: &str| {
            let path = std::env::var_os("PATH").unwrap();
            let home = tempfile::tempdir().unwrap();
            let file = home.path().join("printed");
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new(program);
            command
                .args(args)
                .args(["-c", line])
                .env_clear()
                .env("PATH", path);
            command.env("HOME", home.path()).env("PRINTED", &file);
            command
                .env("AWS_ACCESS_KEY_ID", "old")
                .env("AWS_SECRET_ACCESS_KEY", "old");
            command
                .env("AWS_REGION", "mine")
                .env("AWS_SESSION_TOKEN", "old");
            let run: Run = command.output().unwrap().into();
            assert_eq!(run.stderr, "", "{program}: {run:?}");
            let left = pairs(&run.stdout);
            let names: Vec<_> = left.keys().map(String::as_str).collect();
            (names.join(" "), run.stdout.contains("went on"))
        };
        let eval = "eval \"$(cat \"$PRINTED\")\" && echo went on; env";
        for (program, args) in [
            ("bash", &["--posix"][..]),
            ("bash", &[]),
            ("dash", &[]),
            ("sh", &[]),
            ("zsh", &["-f"]),
        ] {
            // The probe works: nothing printed leaves everything, and goes on.
            let (old, went_on) = left(program, args, eval, "");
            assert!(
                old.contains("AWS_SECRET_ACCESS_KEY") && went_on,
                "{program}: {old}"
            );
            let gone = ("AWS_REGION".to_owned(), false);
            assert_eq!(left(program, args, eval, &run.stdout), gone, "{program}");
        }
        if let Some(tcsh) = tcsh() {
            // Its `eval` makes one line of what is printed.
            let eval = "eval `cat $PRINTED` && echo went on; env";
            let (old, went_on) = left(tcsh, &["-f"], eval, "true;\n");
            assert!(old.contains("AWS_SECRET_ACCESS_KEY") && went_on, "{old}");
            let gone = ("AWS_REGION".to_owned(), false);
            assert_eq!(left(tcsh, &["-f"], eval, &csh), gone);
        }
        let source = "cat $PRINTED | source; and echo went on; env";
        let gone = ("AWS_REGION".to_owned(), false);
        assert_eq!(left("fish", &["--no-config"], source, &fish), gone);
    })
    .await
    .unwrap();
}
