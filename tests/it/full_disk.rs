//! State on a disk that is really full. What must not happen: a token rotated
//! that cannot be stored, a code spent for nothing, a torn file.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::Path;

use quilt_tests::fake_stack::{Endpoint, FakeStack, Fault, FaultKind, Rotation, StackConfig};
use quilt_tests::harness::toolchain::not_run;
use quilt_tests::harness::{Daemon, Home, Run, SmallDisk, World, binaries};

/// A world whose daemon keeps its state on a small disk, and forgives nothing:
/// a refresh token works once.
struct Cramped {
    world: World,
    disk: SmallDisk,
}

impl Cramped {
    async fn start() -> Option<Self> {
        let mut config = StackConfig::default();
        config.settings.rotation = Rotation::Strict;
        let stack = FakeStack::bind(config).await.unwrap();
        let home = Home::new();
        let Some(disk) = SmallDisk::over(&home, &home.state()).await else {
            let reason = "this machine does not let its users make namespaces";
            not_run("full disks", reason);
            return None;
        };
        let daemon = None;
        let world = World {
            stack,
            home,
            daemon,
        };
        Some(Self { world, disk })
    }

    async fn start_daemon(&mut self) {
        let home = &self.world.home;
        let quiltd = self.disk.command(home, binaries::quiltd());
        let daemon = Daemon::start_by(quiltd, home, &["--token-store", "file"]).await;
        self.world.daemon = Some(daemon);
    }

    async fn crash_and_restart(&mut self) {
        self.world.daemon.take().unwrap().kill().await;
        self.start_daemon().await;
    }

    async fn login(&self, code: &str) -> Run {
        let args = ["login", "--code-stdin"];
        self.world.ctl_with_input(&args, code).await
    }

    fn sessions(&self) -> String {
        fs::read_to_string(self.disk.path().join("sessions.json")).unwrap()
    }

    fn rotations(&self) -> u64 {
        self.world.stack.control().calls(Endpoint::Token)
    }

    fn assert_tidy(&self) {
        assert_tidy(self.disk.path());
    }
}

/// Nothing half written lies about.
fn assert_tidy(state: &Path) {
    let names = fs::read_dir(state).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let half: Vec<_> = names.filter(|name| name.starts_with('.')).collect();
    assert_eq!(half, [""; 0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_fails_in_one_line_and_its_code_still_works_once_there_is_room() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.disk.fill();
    cramped.start_daemon().await;
    let code = cramped.world.stack.control().login_code("alice").unwrap();
    let line = cramped.login(&code).await.failed(1);
    assert!(
        line.contains("cannot write to ") && line.contains("; run: df -h "),
        "{line}"
    );
    cramped.world.ctl(&["logged-in"]).await.code_is(3);
    cramped.assert_tidy();
    cramped.disk.clear();
    cramped.login(&code).await.ok();
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["whoami"]).await.ok();
}

/// What is known of catalogs is in a file that broke, and nothing can be put in
/// its place: no catalog counts as one that was never used.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_of_catalogs_on_a_full_disk_makes_no_first_use() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    let first = cramped.world.stack.control().login_code("alice").unwrap();
    cramped.login(&first).await.ok();
    cramped.world.ctl(&["logout"]).await.ok();
    cramped.world.daemon.take().unwrap().kill().await;
    fs::write(
        cramped.disk.path().join("catalogs.json"),
        "{\"version\":1,\"cat",
    )
    .unwrap();
    cramped.disk.fill();
    cramped.start_daemon().await;
    cramped.world.ctl(&["status"]).await;
    cramped.disk.clear();
    let elsewhere = FakeStack::bind(StackConfig::default()).await.unwrap();
    cramped.world.stack.control().update(|settings| {
        let url = serde_json::json!(elsewhere.registry_url());
        settings
            .config_overrides
            .insert("registryUrl".to_owned(), url);
    });
    let second = cramped.world.stack.control().login_code("alice").unwrap();
    let line = cramped.login(&second).await.failed(6);
    assert!(line.contains("--accept-registry"), "{line}");
    assert!(elsewhere.control().requests().is_empty());
    // The next daemon knows as well.
    cramped.crash_and_restart().await;
    let third = cramped.world.stack.control().login_code("alice").unwrap();
    cramped.login(&third).await.failed(6);
}

/// A home that cannot be written: the commands named find other places.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_read_only_is_said_to_be_and_the_commands_named_go_elsewhere() {
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let home = Home::new();
    let inside = home.path().join("inside");
    fs::create_dir(&inside).unwrap();
    let script = "mount --bind \"$HOME\" \"$HOME\" && mount -o remount,bind,ro \"$HOME\" || exit 99\n\
        quiltctl() { \"$QUILTCTL\" \"$@\"; }\n\
        hint() { printf '%s\\n' \"$1\" >&2; printf %s \"${1##*; run: }\"; }\n\
        said=$(quiltctl status 2>&1) && exit 1\n\
        quiltctl doctor --json --no-autostart | grep -q '\"store_failed\"' || exit 6\n\
        eval \"$(hint \"$said\")\"\n\
        quiltctl status >/dev/null || exit 2\n\
        said=$(quiltctl setup aws 2>&1) && exit 3\n\
        eval \"$(hint \"$said\")\" || exit 4\n\
        grep -q credential_process \"$AWS_CONFIG_FILE\" || exit 5\n\
        quiltctl daemon stop && echo done";
    let mut command = home.command("unshare");
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin:/usr/sbin:/sbin")
        .env("HOME", &inside)
        .env("QUILT_CATALOG", stack.catalog_url())
        .env("QUILTCTL", binaries::quiltctl())
        .env("QUILTD_BIN", binaries::quiltd())
        .args(["--map-root-user", "--mount", "sh", "-c", script]);
    let run: Run = command.output().await.unwrap().into();
    if run.code == 99 || run.stderr.contains("unshare:") {
        not_run(
            "read-only homes",
            "this machine does not let its users make namespaces",
        );
        return;
    }
    assert_eq!(run.code, 0, "{run:?}");
    assert!(run.stdout.ends_with("done\n"), "{run:?}");
    assert!(run.stderr.contains("read-only"), "{run:?}");
    for line in ["[profile quilt]", "credential_process = "] {
        assert!(run.stderr.contains(line), "the lines are shown: {run:?}");
    }
}

/// What set-ups need room for, they say as everything else does.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_needs_room_shows_how_full_the_disk_is() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    cramped.disk.fill();
    let line = cramped.world.ctl(&["setup", "quilt3"]).await.failed(1);
    assert!(line.contains("; run: df -h "), "{line}");
    let inside = |args: &[&str]| {
        let mut command = cramped
            .disk
            .command(&cramped.world.home, binaries::quiltctl());
        command
            .arg("--socket")
            .arg(cramped.world.home.socket())
            .args(args);
        command
    };
    let output = inside(&["setup", "aws"]).output().await.unwrap();
    let line = Run::from(output).failed(1);
    assert!(line.contains("; run: df -h "), "{line}");
    cramped.disk.clear();
    let output = inside(&["setup", "aws"]).output().await.unwrap();
    Run::from(output).ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rotated_without_room_and_the_login_waits_for_it() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let before = cramped.sessions();
    let control = cramped.world.stack.control().clone();
    cramped.disk.fill();
    control.outdate_access_tokens();
    control.reset_counts();
    let line = cramped.world.ctl(&["whoami"]).await.failed(1);
    assert!(line.contains("cannot write to "), "{line}");
    assert_eq!(cramped.rotations(), 0, "a token would have been lost");
    assert_eq!(cramped.sessions(), before);
    cramped.assert_tidy();
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["whoami"]).await.failed(1);
    cramped.disk.clear();
    cramped.world.ctl(&["whoami"]).await.ok();
    assert_eq!(cramped.rotations(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_during_a_rotation_costs_no_login() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let before = cramped.sessions();
    let control = cramped.world.stack.control().clone();
    control.outdate_access_tokens();
    control.reset_counts();
    let held = control.plant(Endpoint::Token, Fault::always(FaultKind::Hold));
    let asking = {
        let mut whoami = cramped.world.ctl_command(&["whoami"]);
        tokio::spawn(async move { Run::from(whoami.output().await.unwrap()) })
    };
    control
        .wait_for_counts(|now| now.calls(Endpoint::Token) == 1)
        .await;
    cramped.disk.fill();
    control.clear_fault(held);
    asking.await.unwrap().ok();
    assert_ne!(cramped.sessions(), before, "the successor is stored");
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["whoami"]).await.ok();
    assert_eq!(cramped.rotations(), 1);
    cramped.disk.clear();
    control.outdate_access_tokens();
    cramped.world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn no_role_is_switched_without_room_to_tell_other_daemons() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let before = cramped.world.client().me().await.unwrap();
    let mut others = before.roles.iter();
    let other = others
        .find(|role| Some(*role) != before.role.as_ref())
        .unwrap();
    cramped.disk.fill();
    let switch = ["role", "switch", other];
    let line = cramped.world.ctl(&switch).await.failed(1);
    assert!(line.contains("cannot write to "), "{line}");
    let after = cramped.world.client().me().await.unwrap();
    assert_eq!(after.role, before.role, "at the stack");
    cramped.disk.clear();
    cramped.world.ctl(&switch).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_needs_no_room() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    cramped.disk.fill();
    cramped.world.ctl(&["logout"]).await.ok();
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["logged-in"]).await.code_is(3);
    // Where a few bytes became free meanwhile, a file without logins was written.
    let left = fs::read_to_string(cramped.disk.path().join("sessions.json"));
    let left = left.unwrap_or_default();
    assert!(!left.contains("refresh_token"), "{left}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_is_not_taken_back_for_good_is_said_not_to_be() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    cramped.world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, token) = crate::gateway::grant(&cramped.world);
    let status = cramped.world.client().status().await.unwrap();
    let id = status.grants[0].id.clone();
    let revoke = ["grants", "revoke", &id];
    assert!(opens(&gateway, &token).await, "it opens something");
    cramped.disk.fill();
    let line = cramped.world.ctl(&revoke).await.failed(1);
    let again = format!("; run: quiltctl grants revoke {id}");
    assert!(
        line.contains("not for good") && line.ends_with(&again),
        "{line}"
    );
    assert!(!opens(&gateway, &token).await, "until the next start");
    let status = cramped.world.client().status().await.unwrap();
    assert_eq!(status.grants, []);
    // Which is what was said.
    cramped.crash_and_restart().await;
    assert!(opens(&gateway, &token).await);
    cramped.world.ctl(&revoke).await.failed(1);
    cramped.disk.clear();
    cramped.world.ctl(&revoke).await.ok();
    cramped.world.ctl(&revoke).await.failed(7);
    cramped.crash_and_restart().await;
    assert!(!opens(&gateway, &token).await);
    cramped.assert_tidy();
}

/// Whether a grant of the registry is good.
async fn opens(gateway: &str, token: &str) -> bool {
    let url = format!("http://{gateway}/api/auth/get_credentials");
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let asked = http.get(url).bearer_auth(token).send().await;
    asked.is_ok_and(|answer| answer.status().is_success())
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_the_gateway_needs_no_room() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    cramped.world.ctl(&["setup", "quilt3"]).await.ok();
    let (gateway, token) = crate::gateway::grant(&cramped.world);
    assert!(opens(&gateway, &token).await);
    cramped.disk.fill();
    cramped.world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    cramped.crash_and_restart().await;
    assert!(!opens(&gateway, &token).await);
    assert!(!cramped.disk.path().join("grants.json").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_two_logins_ends_for_good_or_is_said_not_to() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let code = other.control().login_code("bob").unwrap();
    let catalog = other.catalog_url();
    let login = ["--catalog", catalog, "login", "--code-stdin"];
    cramped.world.ctl_with_input(&login, &code).await.ok();
    cramped.disk.fill();
    let logout = ["--catalog", catalog, "logout"];
    let line = cramped.world.ctl(&logout).await.failed(1);
    assert!(line.contains("logged out, but not for good"), "{line}");
    cramped.disk.clear();
    cramped.world.ctl(&logout).await.ok();
    cramped.crash_and_restart().await;
    cramped
        .world
        .ctl(&["--catalog", catalog, "logged-in"])
        .await
        .code_is(3);
    cramped.world.ctl(&["whoami"]).await.ok();
    // All of them need no room.
    cramped.disk.fill();
    cramped.world.ctl(&["logout", "--all"]).await.ok();
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["logged-in"]).await.code_is(3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_dropped_on_a_full_disk_is_dropped() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let (_, key) = crate::api_keys::planted(&cramped.world, "planted");
    let set = ["login", "--api-key"];
    cramped.world.ctl_with_input(&set, &key).await.ok();
    cramped.disk.fill();
    cramped.world.ctl(&["clear-api-key"]).await.ok();
    let token = cramped.world.ctl(&["token"]).await.ok();
    assert_ne!(token.trim(), key, "the login counts");
    // Its note is what a restart would go by; it may say of a key, never use it.
    cramped.crash_and_restart().await;
    let token = cramped.world.ctl(&["token"]).await.ok();
    assert_ne!(token.trim(), key);
}

/// No file may be as long as that of logins: the system would end the daemon.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_on_the_length_of_files_is_said_and_ends_nothing() {
    let stack = FakeStack::bind(StackConfig::default()).await.unwrap();
    let home = Home::new();
    let mut limited = home.command("sh");
    let script = "ulimit -f 8; exec \"$0\" \"$@\"";
    limited.arg("-c").arg(script).arg(binaries::quiltd());
    let args = ["--token-store", "file", "--log", "error"];
    let daemon = Some(Daemon::start_by(limited, &home, &args).await);
    let world = World {
        stack,
        home,
        daemon,
    };
    let code = world.stack.control().login_code("alice").unwrap();
    let run = world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await;
    let line = run.failed(1);
    assert!(line.contains("cannot write"), "{line}");
    world.ctl(&["status"]).await.ok();
    assert_tidy(&world.home.state());
}

/// There is room, and the file cannot be replaced: mounted by itself, as into a
/// container, or marked so.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rotated_or_spent_where_its_file_cannot_be_replaced() {
    let Some(mut cramped) = Cramped::start().await else {
        return;
    };
    cramped.start_daemon().await;
    cramped.world.login().await;
    let control = cramped.world.stack.control().clone();
    let inside = cramped.world.home.state().join("sessions.json");
    let run = async |program: &str, args: &[&str]| {
        let program = cramped.world.home.program(program);
        let mut command = cramped.disk.command(&cramped.world.home, &program);
        let output = command.args(args).arg(&inside).output().await.unwrap();
        Run::from(output).ok();
    };
    run("mount", &["--bind", inside.to_str().unwrap()]).await;
    control.outdate_access_tokens();
    control.reset_counts();
    let line = cramped.world.ctl(&["whoami"]).await.failed(1);
    assert!(line.contains("it is mounted there by itself"), "{line}");
    assert!(line.contains("; run: findmnt -T "), "{line}");
    let code = control.login_code("alice").unwrap();
    cramped.login(&code).await.failed(1);
    assert_eq!(cramped.rotations(), 0, "a token would have been lost");
    cramped.assert_tidy();
    run("umount", &[]).await;
    // The control: nothing is lost, neither the token nor the code.
    cramped.world.ctl(&["whoami"]).await.ok();
    assert_eq!(cramped.rotations(), 1);
    cramped.login(&code).await.ok();
    cramped.crash_and_restart().await;
    cramped.world.ctl(&["whoami"]).await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rotated_where_its_file_is_marked_to_stay() {
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Strict;
    let mut world = World::with(config).await;
    world.login().await;
    let (state, file) = (world.home.state(), world.home.sessions_file());
    let control = world.stack.control().clone();
    for (how, back, path) in [
        ("+i", "-i", &file),
        ("+a", "-a", &file),
        ("+a", "-a", &state),
    ] {
        let mark = async |how: &str| {
            let marked = world.home.command("chattr").arg(how).arg(path).output();
            marked.await.is_ok_and(|marked| marked.status.success())
        };
        if !mark(how).await {
            not_run("immutable files", "chattr does not work here");
            return;
        }
        control.outdate_access_tokens();
        control.reset_counts();
        let refused = world.ctl(&["whoami"]).await;
        assert!(mark(back).await);
        let line = refused.failed(1);
        assert!(line.contains("is marked as "), "{how}: {line}");
        let shown = format!("; run: lsattr -d {}", path.display());
        assert!(line.ends_with(&shown), "{how}: {line}");
        assert_eq!(control.calls(Endpoint::Token), 0, "{how}: it would be lost");
        let names = fs::read_dir(&state).unwrap();
        let mut names = names.map(|entry| entry.unwrap().file_name());
        // Other files are written behind.
        assert!(names.all(|name| !name.to_string_lossy().starts_with(".sessions-")));
        // The control: nothing is lost.
        world.ctl(&["whoami"]).await.ok();
        assert_eq!(control.calls(Endpoint::Token), 1, "{how}");
        world.crash_and_restart().await;
        world.ctl(&["whoami"]).await.ok();
    }
}
