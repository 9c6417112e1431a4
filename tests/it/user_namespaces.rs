//! In a user namespace, as sandboxes and rootless containers are, all whom it
//! does not map look alike: root, and every other user of the machine.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::toolchain::not_run;
use quilt_tests::harness::{Daemon, Home, Run, User, Users, World, binaries};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

/// Runs a program in a namespace that knows its user alone.
pub(crate) const SANDBOX: &[&str] = &["unshare", "--user", "--map-current-user", "--"];

/// In one that knows nobody, and in one that calls its user as everybody else.
const NOBODIES: [&[&str]; 2] = [
    &["unshare", "--user", "--"],
    &["unshare", "--user", "--map-user=65534", "--"],
];

/// A program behind words that lead to it.
pub(crate) fn led(home: &Home, words: &[&str], program: impl AsRef<Path>) -> Command {
    let program = home.program(program.as_ref());
    let Some((first, rest)) = words.split_first() else {
        return home.command(program);
    };
    let mut command = home.command(first);
    command.args(rest).arg(program);
    command
}

/// Whether a user can make such namespaces; says loudly that `what` was not run
/// where not.
pub(crate) async fn can_be_made(home: &Home, what: &str) -> bool {
    let made = led(home, SANDBOX, "true").stderr(Stdio::null()).status();
    let can = made.await.is_ok_and(|status| status.success());
    if !can {
        not_run(what, "this machine does not let its users make namespaces");
    }
    can
}

/// A place of one user's, in which another one has a directory.
struct Place {
    users: Users,
    home: Home,
    dir: TempDir,
}

impl Place {
    async fn find(what: &str) -> Option<Self> {
        let users = Users::find(what).await?;
        let home = Home::of(&users.a);
        if !can_be_made(&home, what).await {
            return None;
        }
        let dir = tempfile::tempdir_in("/tmp").unwrap();
        open(dir.path());
        users.a.give(dir.path()).unwrap();
        Some(Self { users, home, dir })
    }

    /// A new directory, of the place's user for now.
    fn make(&self, name: &str) -> PathBuf {
        let dir = self.dir.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        open(&dir);
        self.users.a.give(&dir).unwrap();
        dir
    }

    async fn run(&self, words: &[&str], program: &Path, path: &Path, args: &[&str]) -> Run {
        let mut command = led(&self.home, words, program);
        command.env("PATH", format!("{}:/usr/bin:/bin", path.display()));
        let output = command.args(args).stdin(Stdio::null()).output();
        output.await.unwrap().into()
    }
}

fn open(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}

/// A quiltctl with no quiltd beside it.
fn quiltctl(place: &Place) -> PathBuf {
    let own = place.make("own");
    let quiltctl = own.join("quiltctl");
    binaries::copy(&place.home.program(binaries::quiltctl()), &quiltctl);
    place.users.a.give(&own).unwrap();
    quiltctl
}

#[tokio::test(flavor = "multi_thread")]
async fn no_program_of_another_user_is_started() {
    let what = "programs of another user in a user namespace";
    let Some(place) = Place::find(what).await else {
        return;
    };
    let quiltctl = quiltctl(&place);
    // As installed by root, who is nobody there, where the tests can be root.
    let is_roots = chown(&quiltctl, Some(0), Some(0)).is_ok();
    let trace = place.home.path().join("trace");
    let (theirs, shared) = (place.make("theirs"), place.make("shared"));
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    for dir in [&theirs, &shared, &place.dir.path().join("own")] {
        let program = dir.join("quiltd");
        binaries::script(&program, &format!("#!/bin/sh\n: >'{}'\n", trace.display()));
        let owners = async |user: &User| {
            if *dir == theirs {
                user.give(dir).unwrap();
            } else {
                user.give(&program).unwrap();
            }
        };
        for words in [&[][..], SANDBOX] {
            // The control: nothing else keeps it from being run.
            owners(&place.users.a).await;
            let run = place.run(words, &quiltctl, dir, &["status"]).await;
            let line = run.failed(4);
            assert!(line.contains("quiltd did not start"), "{is_roots} {line}");
            fs::remove_file(&trace).expect("it was run");
            owners(&place.users.b).await;
            let run = place.run(words, &quiltctl, dir, &["status"]).await;
            assert!(!trace.exists(), "{dir:?} {words:?}: {run:?}");
            let line = run.failed(4);
            assert!(line.contains("not "), "{line}");
        }
        fs::remove_file(&program).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_writes_no_name_of_another_users() {
    let what = "names of another user in a user namespace";
    let Some(place) = Place::find(what).await else {
        return;
    };
    let quiltctl = quiltctl(&place);
    let theirs = place.make("theirs");
    let name = theirs.join("quiltctl");
    symlink(&quiltctl, &name).unwrap();
    let written = async |owner: &User| {
        owner.give(&theirs).unwrap();
        let args = ["setup", "completions", "bash"];
        place.run(SANDBOX, &quiltctl, &theirs, &args).await.ok();
        let script = "data/quiltd/completions/quiltctl.bash";
        fs::read_to_string(place.home.path().join(script)).unwrap()
    };
    let quoted = |path: &Path| format!("'{}'", path.display());
    // The control: one's own name for it is written, there as elsewhere.
    let script = written(&place.users.a).await;
    assert!(script.contains(&quoted(&name)), "{script}");
    let script = written(&place.users.b).await;
    assert!(script.contains(&quoted(&quiltctl)), "{script}");
    assert!(!script.contains(&quoted(&name)), "{script}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_is_believed_that_another_user_leads_to() {
    let what = "files below another user's directory in a user namespace";
    let Some(place) = Place::find(what).await else {
        return;
    };
    let (theirs, shared) = (place.make("theirs"), place.make("shared"));
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    let below = theirs.join("config");
    fs::create_dir_all(below.join("quilt")).unwrap();
    let text = "[profiles.lake]\nrole_arn = \"arn:aws:iam::123456789012:role/lake\"\n";
    fs::write(below.join("quilt/quiltd.toml"), text).unwrap();
    let own = place.make("own");
    fs::create_dir(own.join("quilt")).unwrap();
    fs::copy(
        below.join("quilt/quiltd.toml"),
        own.join("quilt/quiltd.toml"),
    )
    .unwrap();
    place.users.a.give(&own).unwrap();
    let link = shared.join("link");
    symlink(&own, &link).unwrap();
    let shown = async |config: &Path| {
        let mut quiltd = led(&place.home, SANDBOX, binaries::quiltd());
        quiltd.env("XDG_CONFIG_HOME", config);
        let daemon = Daemon::start_by(quiltd, &place.home, &["--token-store", "memory"]).await;
        let mut profiles = led(&place.home, SANDBOX, binaries::quiltctl());
        profiles.args(["--no-autostart", "profiles"]);
        let run: Run = profiles.output().await.unwrap().into();
        daemon.stop().await;
        run.stdout.contains("lake")
    };
    for (planted, config) in [(&theirs, &below), (&link, &link)] {
        place.users.a.give(planted).unwrap();
        assert!(shown(config).await, "the probe works: {planted:?}");
        place.users.b.give(planted).unwrap();
        if planted == &theirs {
            place.users.a.give(config).unwrap();
        }
        assert!(!shown(config).await, "{planted:?}");
    }
}

/// Says what it is sent, by everybody.
const LISTENER: &str = "
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
listener.listen(8)
print('ready', flush=True)
while True:
    connection = listener.accept()[0]
    connection.settimeout(1)
    try:
        for _ in range(4):
            print(connection.recv(65536), flush=True)
    except OSError:
        pass
    connection.close()
";

#[tokio::test(flavor = "multi_thread")]
async fn where_everybody_is_nobody_no_socket_is_ones_own() {
    let what = "sockets of another user in a user namespace";
    let Some(place) = Place::find(what).await else {
        return;
    };
    let shared = place.make("shared");
    fs::set_permissions(&shared, Permissions::from_mode(0o1777)).unwrap();
    let socket = shared.join("quiltd.sock");
    let theirs = Home::of(&place.users.b);
    let mut listener = theirs.command("python3");
    listener.args(["-I", "-c", LISTENER]).arg(&socket);
    let mut listener = listener.stdout(Stdio::piped()).spawn().unwrap();
    let mut heard = BufReader::new(listener.stdout.take().unwrap()).lines();
    assert_eq!(heard.next_line().await.unwrap().unwrap(), "ready");
    let login = async |home: &Home, words: &[&str], catalog: &str| -> Run {
        let mut command = led(home, words, "sh");
        let line = "echo a-code | \"$0\" --no-autostart login --code-stdin";
        command.args(["-c", line]);
        command.arg(home.program(binaries::quiltctl()));
        command.env("QUILTD_SOCKET", &socket);
        command.env("QUILT_CATALOG", format!("https://{catalog}.example.com"));
        command.output().await.unwrap().into()
    };
    for words in [&[][..], SANDBOX, NOBODIES[0], NOBODIES[1]] {
        let run = login(&place.home, words, "of-the-first").await;
        let line = run.failed(4);
        let says = if words == NOBODIES[0] {
            "maps no user to this program"
        } else {
            "is served by another user"
        };
        assert!(line.contains(says), "{words:?}: {line}");
    }
    // The probe works: the listener's own user is understood, and all that came
    // before was heard before.
    login(&theirs, &[], "of-the-second").await;
    let mut all = String::new();
    while !all.contains("of-the-second") {
        all.push_str(&heard.next_line().await.unwrap().expect("it listens"));
    }
    assert!(!all.contains("of-the-first"), "{all}");
}

/// What a sandbox is for: all works there, below directories of root's that
/// look like nobody's.
#[tokio::test(flavor = "multi_thread")]
async fn one_s_own_daemon_works_there() {
    let what = "a daemon in a user namespace";
    let Some(place) = Place::find(what).await else {
        return;
    };
    let mut world = World::of(&place.users.a, StackConfig::default()).await;
    world.login().await;
    let everything = async |world: &World, words: &[&str]| {
        for args in [
            &["status"][..],
            &["credential-process"],
            &["setup", "quilt3"],
            &["setup", "quilt3", "--undo"],
        ] {
            let mut command = led(&world.home, words, binaries::quiltctl());
            command.env("QUILT_CATALOG", world.stack.catalog_url());
            let output = command.arg("--no-autostart").args(args).output();
            Run::from(output.await.unwrap()).ok();
        }
    };
    everything(&world, &[]).await;
    everything(&world, SANDBOX).await;
    world.daemon.take().unwrap().stop().await;
    let quiltd = led(&world.home, SANDBOX, binaries::quiltd());
    let daemon = Daemon::start_by(quiltd, &world.home, &["--token-store", "file"]).await;
    world.daemon = Some(daemon);
    everything(&world, SANDBOX).await;
    let mut status = led(&world.home, SANDBOX, binaries::quiltctl());
    let output = status.args(["status", "--json"]).output().await.unwrap();
    let status: serde_json::Value = serde_json::from_str(&Run::from(output).ok()).unwrap();
    assert_eq!(status["warnings"], serde_json::json!([]));
}
