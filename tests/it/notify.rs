//! What needs a person is told to one, once: on a real bus to a desktop, and by
//! a command of the user's.
#![allow(
    clippy::needless_pass_by_value,
    clippy::used_underscore_binding,
    reason = "an interface on a bus is given all there is, to keep"
)]

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use quilt_tests::fake_stack::{FakeStack, KeySeed, StackConfig};
use quilt_tests::harness::{Daemon, Home, SessionBus, World};
use zbus::blocking::Connection;
use zbus::blocking::connection::Builder;
use zbus::zvariant::OwnedValue;

use crate::roles;

/// More than a busy machine needs.
const TIMEOUT: Duration = Duration::from_mins(2);

/// A key's name as a hostile stack would have it.
const NAME: &str = "<b>ci</b> $(touch pwned) `touch pwned`; touch pwned";

/// A desktop that shows notifications to the test.
struct Desktop(Sender<String>);

#[zbus::interface(name = "org.freedesktop.Notifications")]
impl Desktop {
    #[expect(clippy::too_many_arguments, reason = "the protocol has them")]
    fn notify(
        &self,
        program: String,
        _replaces: u32,
        _icon: String,
        summary: String,
        body: String,
        _actions: Vec<String>,
        _hints: HashMap<String, OwnedValue>,
        _timeout: i32,
    ) -> u32 {
        let _ = self.0.send(format!("{program}: {summary}\n{body}"));
        1
    }
}

async fn desktop(bus: &SessionBus) -> (Connection, Receiver<String>) {
    let (sender, shown) = channel();
    let address = bus.address().to_owned();
    let served = tokio::task::spawn_blocking(move || {
        Builder::address(address.as_str())?
            .serve_at("/org/freedesktop/Notifications", Desktop(sender))?
            .name("org.freedesktop.Notifications")?
            .build()
    });
    (served.await.unwrap().unwrap(), shown)
}

/// A world whose user wants to be told by these settings and a script that
/// writes down what it is told.
async fn world(bus: Option<&SessionBus>, home: Home, settings: &str) -> World {
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let told = home.path().join("told");
    fs::write(&told, "").unwrap();
    let script = "printf '%s|%s|%s|%s\\n' \"$1\" \"$QUILTD_NOTIFY_CODE\" \
                  \"$QUILTD_NOTIFY_SUMMARY\" \"$QUILTD_NOTIFY_HINT\" >> \"$HOME/told\"";
    fs::write(home.path().join("tell.sh"), script).unwrap();
    let at = home.path().join("tell.sh");
    let command = format!("command = ['sh', '{}', 'a b;c']", at.display());
    roles::set(&home, &settings.replace("COMMAND", &command));
    let daemon = Some(start(&home, bus).await);
    let world = World {
        stack,
        home,
        daemon,
    };
    world.login().await;
    world
}

async fn start(home: &Home, bus: Option<&SessionBus>) -> Daemon {
    let variables = bus.map(SessionBus::variables);
    let variables = variables.iter().flatten().copied().collect::<Vec<_>>();
    Daemon::start_with(home, &["--token-store", "file"], &variables).await
}

/// Has the stack end the login, and the daemon notice.
async fn end_login(world: &World) {
    world.stack.control().revoke_sessions(None);
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.failed(3);
}

/// Sets a key that ends in three days.
async fn key(world: &World) {
    let seed = KeySeed {
        created_seconds_ago: 87 * 86_400,
        expires_in_seconds: 3 * 86_400,
        ..KeySeed::new("alice", NAME)
    };
    let key = world.stack.control().add_key(&seed).unwrap();
    let args = ["login", "--api-key"];
    world.ctl_with_input(&args, &key.secret).await.ok();
}

/// What the script was told, once there are as many lines.
async fn told(home: &Path, lines: usize) -> Vec<String> {
    let deadline = Instant::now() + TIMEOUT;
    loop {
        let text = fs::read_to_string(home.join("told")).unwrap();
        let told: Vec<_> = text.lines().map(str::to_owned).collect();
        if told.len() >= lines {
            return told;
        }
        assert!(Instant::now() < deadline, "only {told:?}");
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_login_and_a_key_near_its_end_are_told_once_on_desktop_and_by_command() {
    let home = Home::new();
    let Some(bus) = SessionBus::start(&home).await else {
        return;
    };
    let (_desktop, shown) = desktop(&bus).await;
    let mut world = world(Some(&bus), home, "[notify]\nCOMMAND\n").await;
    let catalog = world.stack.catalog_url().to_owned();

    end_login(&world).await;
    let first = shown.recv_timeout(TIMEOUT).unwrap();
    assert!(first.starts_with("quiltd: Quilt needs you\n"), "{first}");
    assert!(first.contains(&catalog), "{first}");
    assert!(first.contains("quiltctl login"), "{first}");
    let line = told(world.home.path(), 1).await.remove(0);
    assert!(line.starts_with("a b;c|session_expired|"), "{line}");
    assert!(
        line.ends_with(&format!("|quiltctl login {catalog}")),
        "{line}"
    );

    // Not again, by the next daemon neither: what comes next is something else.
    world.daemon.take().unwrap().stop().await;
    world.daemon = Some(start(&world.home, Some(&bus)).await);
    key(&world).await;
    let second = shown.recv_timeout(TIMEOUT).unwrap();
    assert!(second.contains("expires in"), "{second}");
    assert!(second.contains("&lt;b&gt;ci&lt;/b&gt;"), "{second}");
    let lines = told(world.home.path(), 2).await;
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines[1].starts_with("a b;c|api_key|"), "{lines:?}");
    assert!(
        lines[1].contains("$(touch pwned)"),
        "the control: {lines:?}"
    );
    for dir in [world.home.path(), Path::new("/")] {
        assert!(!dir.join("pwned").exists());
    }
    // A login that works and ends again is news.
    world.ctl(&["clear-api-key"]).await.ok();
    world.login().await;
    end_login(&world).await;
    let third = shown.recv_timeout(TIMEOUT).unwrap();
    assert!(third.contains("quiltctl login"), "{third}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_no_desktop_is_told_by_the_command_alone() {
    let home = Home::new();
    let Some(bus) = SessionBus::start(&home).await else {
        return;
    };
    let (_desktop, shown) = desktop(&bus).await;
    let settings = "[notify]\ndesktop = false\nCOMMAND\n";
    let world = world(Some(&bus), home, settings).await;
    end_login(&world).await;
    assert_eq!(told(world.home.path(), 1).await.len(), 1);
    assert!(shown.try_recv().is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_the_command_is_run_and_a_broken_one_harms_nothing() {
    let world = world(None, Home::new(), "[notify]\nCOMMAND\n").await;
    end_login(&world).await;
    assert_eq!(told(world.home.path(), 1).await.len(), 1);
    roles::set(&world.home, "[notify]\ncommand = ['/nowhere/program']\n");
    key(&world).await;
    let deadline = Instant::now() + TIMEOUT;
    while !world
        .log()
        .contains("the command of [notify] cannot be run")
    {
        assert!(Instant::now() < deadline, "{}", world.log());
        tokio::task::yield_now().await;
    }
    world.ctl(&["whoami"]).await.ok();
}
