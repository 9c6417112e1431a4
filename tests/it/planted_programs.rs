//! Programs that another user could have put where ours are looked for.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_tests::harness::{Home, Run, Users, binaries};
use tempfile::TempDir;

/// One user's quiltctl, without a quiltd beside it, and a directory that is
/// another user's and first on the path.
struct Machine {
    home: Home,
    users: Users,
    place: TempDir,
    quiltctl: PathBuf,
}

impl Machine {
    async fn find(what: &str) -> Option<Self> {
        let users = Users::find(what).await?;
        let home = Home::of(&users.a);
        let place = tempfile::tempdir_in("/tmp").unwrap();
        open(place.path());
        let own = place.path().join("own");
        fs::create_dir(&own).unwrap();
        let quiltctl = own.join("quiltctl");
        fs::copy(home.program(binaries::quiltctl()), &quiltctl).unwrap();
        open(&own);
        users.a.give(&own).unwrap();
        let machine = Self {
            home,
            users,
            place,
            quiltctl,
        };
        fs::create_dir(machine.theirs()).unwrap();
        open(&machine.theirs());
        Some(machine)
    }

    fn theirs(&self) -> PathBuf {
        self.place.path().join("theirs")
    }

    async fn ctl(&self, args: &[&str]) -> Run {
        let mut command = self.home.command(&self.quiltctl);
        let path = format!("{}:/usr/bin:/bin", self.theirs().display());
        let output = command
            .args(args)
            .env("PATH", path)
            .stdin(Stdio::null())
            .output();
        output.await.unwrap().into()
    }
}

fn open(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_users_on_the_path_is_not_started() {
    let Some(machine) = Machine::find("a quiltd of another user's").await else {
        return;
    };
    let trace = machine.home.path().join("trace");
    let program = machine.theirs().join("quiltd");
    fs::write(&program, format!("#!/bin/sh\n: >'{}'\n", trace.display())).unwrap();
    open(&program);
    // The control: nothing else keeps it from being run.
    machine.users.a.give(&machine.theirs()).unwrap();
    let line = machine.ctl(&["status"]).await.failed(4);
    assert!(line.contains("quiltd did not start"), "{line}");
    fs::remove_file(&trace).expect("it was run");
    machine.users.b.give(&machine.theirs()).unwrap();
    let line = machine.ctl(&["status"]).await.failed(4);
    assert!(
        line.contains("the quiltd on PATH is not started: "),
        "{line}"
    );
    assert!(line.contains("belongs to "), "{line}");
    assert!(!trace.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_of_another_users_beside_quiltctl_is_not_started() {
    let Some(machine) = Machine::find("a quiltd of another user's beside").await else {
        return;
    };
    let trace = machine.home.path().join("trace");
    let program = machine.quiltctl.with_file_name("quiltd");
    fs::write(&program, format!("#!/bin/sh\n: >'{}'\n", trace.display())).unwrap();
    open(&program);
    machine.users.a.give(&program).unwrap();
    machine.ctl(&["status"]).await.failed(4);
    fs::remove_file(&trace).expect("it was run");
    // As in /tmp, where everybody may put something beside it.
    machine.users.b.give(&program).unwrap();
    let line = machine.ctl(&["status"]).await.failed(4);
    assert!(line.contains("not installed beside quiltctl"), "{line}");
    assert!(!trace.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_writes_no_name_that_another_user_gave_quiltctl() {
    let Some(machine) = Machine::find("a name of another user's").await else {
        return;
    };
    let name = machine.theirs().join("quiltctl");
    symlink(&machine.quiltctl, &name).unwrap();
    let written = async |owner: &quilt_tests::harness::User| {
        owner.give(&machine.theirs()).unwrap();
        let run = machine.ctl(&["setup", "completions", "bash"]).await;
        run.ok();
        let script = "data/quiltd/completions/quiltctl.bash";
        fs::read_to_string(machine.home.path().join(script)).unwrap()
    };
    let quoted = |path: &Path| format!("'{}'", path.display());
    // The control: one's own name for it is what survives an upgrade.
    let script = written(&machine.users.a).await;
    assert!(script.contains(&quoted(&name)), "{script}");
    let script = written(&machine.users.b).await;
    assert!(script.contains(&quoted(&machine.quiltctl)), "{script}");
    assert!(!script.contains(&quoted(&name)), "{script}");
}
