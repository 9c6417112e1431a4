//! Programs that another user could have put where ours are looked for.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_proto::wire::Diagnosis;
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
        binaries::copy(&home.program(binaries::quiltctl()), &quiltctl);
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
        self.ctl_with(args, &[]).await
    }

    async fn ctl_with(&self, args: &[&str], variables: &[(&str, &Path)]) -> Run {
        let mut command = self.home.command(&self.quiltctl);
        command.envs(variables.iter().copied());
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
async fn a_daemon_that_others_could_write_is_not_started_though_a_variable_names_it() {
    let Some(machine) = Machine::find("a quiltd that a variable names").await else {
        return;
    };
    let trace = machine.home.path().join("trace");
    let program = machine.theirs().join("quiltd-of-mine");
    fs::write(&program, format!("#!/bin/sh\n: >'{}'\n", trace.display())).unwrap();
    open(&program);
    machine.users.a.give(&machine.theirs()).unwrap();
    let start = async || {
        let named = [("QUILTD_BIN", program.as_path())];
        machine.ctl_with(&["status"], &named).await.failed(4)
    };
    // The control.
    start().await;
    fs::remove_file(&trace).expect("it was run");
    let loose = async |path: &Path| {
        fs::set_permissions(path, Permissions::from_mode(0o777)).unwrap();
        let line = start().await;
        assert!(
            line.contains("the quiltd of QUILTD_BIN is not started: "),
            "{line}"
        );
        open(path);
    };
    loose(&program).await;
    loose(&machine.theirs()).await;
    machine.users.b.give(&program).unwrap();
    let line = start().await;
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
    assert!(line.contains("not beside quiltctl or on PATH"), "{line}");
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

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// What `doctor` says others could change, and the commands it names for that.
async fn loose(machine: &Machine) -> Vec<(String, String)> {
    let run = machine.ctl(&["doctor", "--json"]).await;
    let found: Diagnosis = serde_json::from_str(&run.stdout).unwrap();
    let found = found.findings.into_iter();
    let found = found.filter(|found| found.code == "file_not_trusted");
    found
        .map(|found| (found.summary, found.hint.to_string()))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_may_replace_is_neither_started_nor_written_down() {
    let Some(machine) = Machine::find("programs that others may replace").await else {
        return;
    };
    let (home, users) = (&machine.home, &machine.users);
    let trace = home.path().join("trace");
    let own = machine.quiltctl.parent().unwrap();
    let quiltd = own.join("quiltd");
    binaries::script(&quiltd, &format!("#!/bin/sh\n: >'{}'\n", trace.display()));
    // Stands for a service manager that does as it is told.
    let systemctl = machine.theirs().join("systemctl");
    binaries::script(&systemctl, "#!/bin/sh\n");
    for program in [&quiltd, &systemctl] {
        users.a.give(program).unwrap();
    }
    let unit = home.path().join("config/systemd/user/quiltd.service");
    let script = home.path().join("data/quiltd/completions/quiltctl.bash");
    let gone = || [&unit, &script].map(|file| fs::remove_file(file).is_ok());
    // A directory of a team, where the tests can make one.
    let is_team = chown(own, None, Some(users.b.gid())).is_ok();
    let mut cases = vec![(own, 0o777), (quiltd.as_path(), 0o777)];
    cases.extend(is_team.then_some((own, 0o2775)));
    for (path, loosened) in cases {
        // The controls: closed, all of it works, and doctor accuses nobody.
        mode(path, 0o755);
        machine.ctl(&["status"]).await.failed(4);
        fs::remove_file(&trace).expect("it was run");
        machine.ctl(&["setup", "completions", "bash"]).await.ok();
        machine.ctl(&["setup", "systemd"]).await.ok();
        let written = fs::read_to_string(&unit).unwrap();
        assert!(written.contains(quiltd.to_str().unwrap()), "{written}");
        assert_eq!(loose(&machine).await, []);
        mode(path, loosened);
        // What was written down by then is told of.
        let (at, own) = (path.display(), format!("{}.own", path.display()));
        let hint = if path == quiltd {
            format!("install -m 700 {at} {own} && cat -v {own} && mv -f {own} {at}")
        } else {
            format!("chmod go-w {at}")
        };
        let found = loose(&machine).await;
        let is_it = |(what, told): &(String, String)| {
            what.contains("others could choose what runs") && *told == hint
        };
        assert!(found.iter().any(is_it), "{loosened:o}: {found:?}");
        assert_eq!(gone(), [true; 2]);
        let says = [" can be written by ", &hint];
        for (args, code) in [
            (&["status"][..], 4),
            (&["setup", "systemd"], 4),
            (&["setup", "completions", "bash"], 1),
            (&["completions", "bash"], 1),
        ] {
            if path == quiltd && code == 1 {
                continue;
            }
            let line = machine.ctl(args).await.failed(code);
            assert!(says.iter().all(|it| line.contains(it)), "{args:?}: {line}");
            assert!(!trace.exists(), "{args:?}");
        }
        assert!(!unit.exists());
        // The command named mends it.
        let mended = home.command("sh").args(["-c", &hint]).status().await;
        assert!(mended.unwrap().success(), "{hint}");
        machine.ctl(&["setup", "completions", "bash"]).await.ok();
    }
    // A program that a profile names, elsewhere.
    let elsewhere = machine.theirs().join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    binaries::copy(&machine.quiltctl, &elsewhere.join("quiltctl"));
    let line = format!(
        "[profile q]\ncredential_process = {}/quiltctl credential-process\n",
        elsewhere.display()
    );
    fs::create_dir(home.path().join(".aws")).unwrap();
    fs::write(home.aws_config(), line).unwrap();
    home.give(&home.path().join(".aws"));
    users.a.give(&machine.theirs()).unwrap();
    open(&elsewhere);
    assert_eq!(loose(&machine).await, []);
    mode(&elsewhere, 0o777);
    let found = loose(&machine).await;
    let hint = format!("chmod go-w {}", elsewhere.display());
    assert!(found.iter().any(|(_, told)| *told == hint), "{found:?}");
}
