//! A session bus that is another user's: an address outlives the bus that had
//! it, and whoever takes it up is sent nothing.

use std::process::Stdio;

use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, Run, Users, World, binaries};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// Takes the place of a bus, in one of two ways; prints what it is sent before
/// it answers anything, a line a connection.
const BUS: &str = "
import os, socket, sys
listener = socket.socket(socket.AF_UNIX)
how, name = sys.argv[1], sys.argv[2]
listener.bind('\\0' + name if how == 'abstract' else name)
if how == 'path':
    os.chmod(name, 0o777)
listener.listen(64)
print('ready', flush=True)
while True:
    connection, _ = listener.accept()
    print(connection.recv(64), flush=True)
    connection.close()
";

struct Bus {
    address: String,
    lines: Lines<BufReader<ChildStdout>>,
    program: Child,
}

impl Bus {
    /// In the home of its user.
    async fn start(home: &Home, how: &str, name: &str) -> Self {
        let mut command = home.command("python3");
        let mut program = command
            .args(["-I", "-c", BUS, how, name])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(program.stdout.take().unwrap()).lines();
        assert_eq!(lines.next_line().await.unwrap().as_deref(), Some("ready"));
        Self {
            address: format!("unix:{how}={name}"),
            lines,
            program,
        }
    }

    /// What the next one sends who connects.
    async fn next(&mut self) -> String {
        self.lines.next_line().await.unwrap().unwrap()
    }

    /// What all who connected have sent, up to now.
    async fn all(mut self) -> Vec<String> {
        self.program.kill().await.unwrap();
        let mut all = Vec::new();
        while let Some(line) = self.lines.next_line().await.unwrap() {
            all.push(line);
        }
        all
    }
}

async fn daemon(home: &Home, bus: &Bus, store: &str) -> Daemon {
    let variables = [("DBUS_SESSION_BUS_ADDRESS", bus.address.as_str())];
    Daemon::start_with(home, &["--token-store", store], &variables).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_of_another_user_is_sent_nothing() {
    let Some(users) = Users::find("another user with the address of the session bus").await else {
        return;
    };
    for how in ["abstract", "path"] {
        let (home, theirs) = (Home::of(&users.a), Home::of(&users.b));
        let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
        let name = theirs.path().join("bus").display().to_string();

        // The control: a bus of one's own is spoken to.
        let own_name = home.path().join("bus").display().to_string();
        let mut own = Bus::start(&home, how, &own_name).await;
        let speaking = daemon(&home, &own, "auto").await;
        while !own.next().await.contains("AUTH") {}
        assert!(speaking.stop().await.success());

        let mut open = theirs.command("chmod");
        let opened = open.arg("711").arg(theirs.path()).status().await;
        assert!(opened.unwrap().success());
        let mut bus = Bus::start(&theirs, how, &name).await;
        let daemon = Some(daemon(&home, &bus, "auto").await);
        let world = World {
            stack,
            home,
            daemon,
        };
        world.login().await;
        // It was looked at, and what is to be told is not told there either.
        assert_eq!(bus.next().await, "b''", "{how}");
        world.stack.control().revoke_sessions(None);
        world.stack.control().outdate_access_tokens();
        world.ctl(&["whoami"]).await.failed(3);
        let status = world.ctl(&["status"]).await.ok();
        assert!(status.contains("tokens in file"), "{how}: {status}");
        let other = format!("belongs to another user (uid {})", users.b.uid());
        assert!(world.log().contains(&other), "{how}: {}", world.log());
        assert!(world.daemon.unwrap().stop().await.success());

        let mut command = world.home.command(binaries::quiltd());
        let output = command
            .args(["--token-store", "keyring", "--log", "error"])
            .env("DBUS_SESSION_BUS_ADDRESS", &bus.address)
            .output();
        let line = Run::from(output.await.unwrap()).failed(1);
        assert!(line.contains(&other), "{how}: {line}");
        let sent = bus.all().await;
        assert!(sent.iter().all(|sent| sent == "b''"), "{how}: {sent:?}");
    }
}

/// It could be another by the time somebody speaks to it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bus_on_a_way_that_another_user_can_change_is_sent_nothing() {
    let Some(users) = Users::find("another user on the way to the session bus").await else {
        return;
    };
    let (home, theirs) = (Home::of(&users.a), Home::of(&users.b));
    let own_name = home.path().join("bus").display().to_string();
    let mut own = Bus::start(&home, "path", &own_name).await;
    let link = theirs.path().join("bus");
    std::os::unix::fs::symlink(&own_name, &link).unwrap();
    let mut open = theirs.command("chmod");
    let opened = open.arg("711").arg(theirs.path()).status().await;
    assert!(opened.unwrap().success());
    let mut command = home.command(binaries::quiltd());
    let output = command
        .args(["--token-store", "keyring", "--log", "error"])
        .env(
            "DBUS_SESSION_BUS_ADDRESS",
            format!("unix:path={}", link.display()),
        )
        .output();
    let said = Run::from(output.await.unwrap()).failed(1);
    assert!(
        said.contains("where other users could put another"),
        "{said}"
    );
    // The control: it is spoken to by its own path.
    let speaking = daemon(&home, &own, "auto").await;
    let mut sent = Vec::new();
    while !sent
        .last()
        .is_some_and(|line: &String| line.contains("AUTH"))
    {
        sent.push(own.next().await);
    }
    assert!(
        sent[..sent.len() - 1].iter().all(|line| line == "b''"),
        "{sent:?}"
    );
    assert!(
        sent.len() > 1,
        "nothing was sent by the way of others: {sent:?}"
    );
    assert!(speaking.stop().await.success());
}

/// Who connects may find another one than who looked.
#[tokio::test(flavor = "multi_thread")]
async fn a_bus_that_another_user_could_put_there_in_a_moment_is_sent_nothing() {
    let what = "another user beside the session bus";
    let Some(users) = Users::find(what).await else {
        return;
    };
    let (home, theirs) = (Home::of(&users.a), Home::of(&users.b));
    let shared = tempfile::tempdir_in("/tmp").unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o1777);
    std::fs::set_permissions(shared.path(), mode).unwrap();
    let at = |name: &str| shared.path().join(name).display().to_string();

    // The control: one's own, in the same directory, is spoken to.
    let mut own = Bus::start(&home, "path", &at("own")).await;
    let speaking = daemon(&home, &own, "auto").await;
    while !own.next().await.contains("AUTH") {}
    assert!(speaking.stop().await.success());

    // Whoever is the user's listens, and their link leads there: it could lead
    // to them at the next look.
    let mut led_to = Bus::start(&home, "path", &at("led-to")).await;
    let mut link = theirs.command("ln");
    let link = link.args(["-s", &at("led-to"), &at("link")]);
    assert!(link.status().await.unwrap().success());
    led_to.address = format!("unix:path={}", at("link"));
    let quiet = daemon(&home, &led_to, "auto").await;
    let mut command = home.command(binaries::quiltctl());
    let status = command.args(["daemon", "start"]).output().await.unwrap();
    assert!(status.status.success(), "{status:?}");
    let log = quiet.log();
    assert!(log.contains("other users could put another"), "{log}");
    assert!(quiet.stop().await.success());
    let sent = led_to.all().await;
    assert!(sent.iter().all(|sent| sent == "b''"), "{sent:?}");
}
