//! The token store, with the real gnome-keyring and with worse.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Daemon, Home, Run, SecretService, SessionBus, World, binaries};

/// A fake stack, a home without a daemon yet, and a bus; `None` where a test
/// cannot run.
pub(crate) async fn world() -> Option<(World, SessionBus)> {
    let home = Home::new();
    let bus = SessionBus::start(&home).await?;
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let world = World {
        stack,
        home,
        daemon: None,
    };
    Some((world, bus))
}

async fn start(world: &mut World, bus: &SessionBus, store: &str) {
    let args = ["--token-store", store];
    let daemon = Daemon::start_with(&world.home, &args, &bus.variables()).await;
    world.daemon = Some(daemon);
}

async fn stop(world: &mut World) {
    assert!(world.daemon.take().unwrap().stop().await.success());
}

async fn store_in_use(world: &World) -> String {
    world.client().status().await.unwrap().token_store
}

/// Whether a file below `dir` holds `text`.
fn holds(dir: &Path, text: &str) -> bool {
    fs::read_dir(dir).unwrap().any(|entry| {
        let entry = entry.unwrap();
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => holds(&entry.path(), text),
            kind if kind.is_file() => {
                let bytes = fs::read(entry.path()).unwrap();
                bytes
                    .windows(text.len())
                    .any(|window| window == text.as_bytes())
            }
            _ => false,
        }
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_lives_in_the_keyring_and_not_on_the_disk() {
    for store in ["keyring", "auto"] {
        let Some((mut world, mut bus)) = world().await else {
            return;
        };
        bus.start_keyring(&world.home).await;
        start(&mut world, &bus, store).await;
        assert_eq!(store_in_use(&world).await, "keyring");
        world.login().await;
        let token = world.ctl(&["token"]).await.ok();
        stop(&mut world).await;

        assert!(!world.home.sessions_file().exists());
        assert!(
            !holds(world.home.path(), token.trim()),
            "the access token is nowhere in clear"
        );
        start(&mut world, &bus, store).await;
        assert_eq!(world.ctl(&["token"]).await.ok(), token, "no new login");
        world.ctl(&["logout"]).await.ok();
        stop(&mut world).await;
        start(&mut world, &bus, store).await;
        world.ctl(&["token"]).await.failed(3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_from_the_file_moves_into_the_keyring() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    start(&mut world, &bus, "file").await;
    world.login().await;
    let token = world.ctl(&["token"]).await.ok();
    stop(&mut world).await;
    assert!(world.home.sessions_file().exists());

    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    assert_eq!(world.ctl(&["token"]).await.ok(), token);
    assert!(!world.home.sessions_file().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_bus_auto_takes_the_file_and_starts_none() {
    let Some((mut world, bus)) = world().await else {
        return;
    };
    drop(bus);
    let before = buses_of(&world.home);
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "auto"]).await);
    world.login().await;
    assert_eq!(store_in_use(&world).await, "file");
    assert_eq!(before, 0);
    assert_eq!(buses_of(&world.home), 0);
    stop(&mut world).await;
    // The address by which libdbus starts a bus is not followed either.
    let args = ["--token-store", "auto"];
    let launch = [("DBUS_SESSION_BUS_ADDRESS", "autolaunch:")];
    world.daemon = Some(Daemon::start_with(&world.home, &args, &launch).await);
    assert_eq!(store_in_use(&world).await, "file");
    assert_eq!(buses_of(&world.home), 0);
    world.ctl(&["token"]).await.ok();
}

/// Number of bus daemons that run in this home: whatever quiltd started
/// inherited its environment.
fn buses_of(home: &Home) -> usize {
    let here = format!("HOME={}", home.path().display());
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes
        .filter(|process| {
            let read = |name| fs::read(process.path().join(name)).unwrap_or_default();
            let name = String::from_utf8_lossy(&read("comm")).into_owned();
            name.starts_with("dbus-") && String::from_utf8_lossy(&read("environ")).contains(&here)
        })
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_without_a_keyring_is_no_keyring() {
    let Some((mut world, bus)) = world().await else {
        return;
    };
    start(&mut world, &bus, "auto").await;
    assert_eq!(store_in_use(&world).await, "file");
    world.login().await;
    stop(&mut world).await;
    assert!(world.home.sessions_file().exists());
    refuses_to_start(&world, &bus, "there is no keyring service here").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_hangs_holds_nobody_up() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_hanging_keyring().await;
    let asked = Instant::now();
    start(&mut world, &bus, "auto").await;
    let waited = asked.elapsed();
    assert!(
        waited > Duration::from_millis(1900),
        "it was asked: {waited:?}"
    );
    assert!(waited < Duration::from_secs(4), "not for long: {waited:?}");
    assert_eq!(store_in_use(&world).await, "file");
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    let stopping = Instant::now();
    stop(&mut world).await;
    assert!(stopping.elapsed() < Duration::from_secs(4));
    refuses_to_start(&world, &bus, "the keyring does not answer").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_goes_away_never_stops_a_vend() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    world.login().await;
    let held = world.ctl(&["credential-process"]).await.ok();
    drop(bus);
    assert_eq!(world.ctl(&["credential-process"]).await.ok(), held);
    world.ctl(&["status"]).await.ok();
    // A login that cannot be kept says so.
    let code = world.stack.control().login_code("bob").unwrap();
    let line = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .failed(1);
    assert!(line.contains("keyring"), "{line}");
}

/// With `--token-store keyring` the daemon says in one line why it is none
/// to be used.
async fn refuses_to_start(world: &World, bus: &SessionBus, why: &str) {
    let output = world
        .home
        .command(binaries::quiltd())
        .args(["--token-store", "keyring", "--log", "error"])
        .envs(bus.variables())
        .output()
        .await
        .unwrap();
    let run = Run::from(output);
    let line = run.failed(1);
    assert!(
        line.starts_with(&format!("quiltd: {why}")) && line.contains("--token-store file"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_comes_later_is_taken_with_the_logins_there_are() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    start(&mut world, &bus, "auto").await;
    assert_eq!(store_in_use(&world).await, "file");
    world.login().await;
    let token = world.ctl(&["token"]).await.ok();
    assert!(world.home.sessions_file().exists());
    bus.start_keyring(&world.home).await;
    while store_in_use(&world).await != "keyring" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    while world.home.sessions_file().exists() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert_eq!(world.ctl(&["token"]).await.ok(), token, "the same login");
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    let rotated = world.ctl(&["token"]).await.ok();
    assert_ne!(rotated, token);
    assert!(!holds(world.home.path(), rotated.trim()));
    stop(&mut world).await;
    start(&mut world, &bus, "keyring").await;
    assert_eq!(world.ctl(&["token"]).await.ok(), rotated);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_lives_on_in_a_keyring_out_of_reach_is_told_of() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    world.login().await;
    stop(&mut world).await;

    // As over SSH: nobody says where a bus is.
    for store in ["auto", "file", "memory"] {
        let daemon = Daemon::start(&world.home, &["--token-store", store]).await;
        world.daemon = Some(daemon);
        for command in [&["logout"] as &[&str], &["logout", "--all"]] {
            let line = world.ctl(command).await.failed(1);
            assert!(
                line.contains("not for good") && line.contains("is in the keyring"),
                "{line}"
            );
            assert!(line.ends_with("run: quiltctl daemon restart"), "{line}");
        }
        let text = world.ctl(&["status"]).await.stdout;
        assert!(text.contains("is in the keyring"), "{text}");
        let run = world.ctl(&["uninstall", "--state", "--yes"]).await;
        assert!(run.stderr.contains("is in the keyring"), "{}", run.stderr);
        assert_eq!(run.code, 1);
        assert!(
            world
                .home
                .sessions_file()
                .with_extension("generation")
                .exists()
        );
        world.daemon = None;
    }
    // Another catalog's login is ended for good.
    let another = FakeStack::bind(StackConfig::default()).await.unwrap();
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world
        .ctl(&["logout", "--catalog", another.catalog_url()])
        .await
        .ok();
    stop(&mut world).await;

    start(&mut world, &bus, "auto").await;
    world.ctl(&["token"]).await.ok();
    world.ctl(&["logout"]).await.ok();
    stop(&mut world).await;
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.ctl(&["logout", "--all"]).await.ok();
}

/// An upgrade, or a new desktop session, on a bus that lives on.
#[tokio::test(flavor = "multi_thread")]
async fn a_keyring_that_was_started_anew_is_used_again() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    world.login().await;
    bus.stop_keyring().await;
    world.stack.control().outdate_access_tokens();
    let line = world.ctl(&["whoami"]).await.failed(1);
    assert!(line.contains("keyring"), "the control: {line}");
    bus.start_keyring(&world.home).await;
    let mut back = false;
    for _ in 0..100 {
        back = world.ctl(&["whoami"]).await.code == 0;
        if back {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(back, "{:?}", world.ctl(&["whoami"]).await);
    world.login().await;
    world.ctl(&["logout"]).await.ok();
    let kept = bus.at_keyring(SecretService::secrets).await;
    assert!(kept.iter().all(|it| !contains(it, "refresh_token")));
}

fn contains(bytes: &[u8], text: &str) -> bool {
    let mut windows = bytes.windows(text.len());
    windows.any(|window| window == text.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_also_ends_the_login_in_the_file_of_another_daemon() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "auto").await;
    // As over SSH: nobody says where a bus is.
    let socket = world.home.path().join("run/other.sock");
    let socket = socket.to_str().unwrap().to_owned();
    let args = ["--token-store", "auto", "--socket", &socket];
    let other = Daemon::on_another_machine(&world.home, &args).await;
    let at_other = |args: &[&str]| {
        let args: Vec<_> = ["--socket", &socket].iter().chain(args).copied().collect();
        let args: Vec<_> = args.into_iter().map(str::to_owned).collect();
        args
    };
    let ctl = async |args: Vec<String>, input: &str| {
        let args: Vec<_> = args.iter().map(String::as_str).collect();
        world.ctl_with_input(&args, input).await
    };
    let code = world.stack.control().login_code("bob").unwrap();
    let login = ["login", world.stack.catalog_url(), "--code-stdin"];
    ctl(at_other(&login), &code).await.ok();
    assert!(world.home.sessions_file().exists(), "the control: a file");
    world.login().await;
    ctl(at_other(&["token"]), "").await.ok();

    world.ctl(&["logout"]).await.ok();
    ctl(at_other(&["logged-in"]), "").await.code_is(3);
    let vend = ctl(at_other(&["credential-process"]), "").await;
    let line = vend.failed(3);
    // It is the daemon that was asked.
    assert!(
        line.contains("run: quiltctl login ") && line.contains(&socket),
        "{line}"
    );
    assert!(other.stop().await.success());
    stop(&mut world).await;
    start(&mut world, &bus, "auto").await;
    world.ctl(&["logged-in"]).await.code_is(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_can_read_in_the_keyring_is_kept_aside_and_told_of() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    for broken in ["", "{\"not\":", "canary"] {
        world.login().await;
        stop(&mut world).await;
        bus.at_keyring(|it| it.replace(broken.as_bytes())).await;
        start(&mut world, &bus, "keyring").await;
        world.ctl(&["logged-in"]).await.code_is(3);
        let found = world.ctl(&["doctor"]).await.stdout.replace('\n', " ");
        let is_told = found.contains("could not be understood");
        assert_eq!(is_told, !broken.is_empty(), "{found}");
        assert!(!found.contains("canary"), "{found}");
        let kept = bus.at_keyring(SecretService::secrets).await;
        let is_kept = kept.iter().any(|it| it == broken.as_bytes());
        assert_eq!(is_kept, !broken.is_empty(), "{broken}");
    }
    world.login().await;
    let found = world.ctl(&["doctor"]).await.stdout.replace('\n', " ");
    assert!(!found.contains("could not be understood"), "{found}");

    // What a newer quiltd wrote is for that.
    let newer = br#"{"version":99,"sessions":{}}"#;
    stop(&mut world).await;
    bus.at_keyring(|it| it.replace(newer)).await;
    refuses_to_start(&world, &bus, "the keyring holds what a newer quiltd wrote").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn several_entries_in_the_keyring_become_one() {
    let Some((mut world, mut bus)) = world().await else {
        return;
    };
    bus.start_keyring(&world.home).await;
    start(&mut world, &bus, "keyring").await;
    world.login().await;
    let empty = br#"{"version":1,"sessions":{}}"#;
    for restarted in [false, true] {
        bus.at_keyring(|it| it.add(empty)).await;
        let several = bus.at_keyring(SecretService::secrets).await;
        assert_eq!(several.len(), 2, "the control");
        let token = world.ctl(&["token"]).await.ok();
        if restarted {
            stop(&mut world).await;
            start(&mut world, &bus, "keyring").await;
            assert_eq!(world.ctl(&["token"]).await.ok(), token, "the same login");
        } else {
            world.stack.control().outdate_access_tokens();
            world.ctl(&["whoami"]).await.ok();
        }
        let kept = bus.at_keyring(SecretService::secrets).await;
        assert_eq!(kept.len(), 1);
        assert!(contains(&kept[0], "refresh_token"));
    }
    world.ctl(&["logout"]).await.ok();
}
