//! `kill -9` before each change of a file that setting up, undoing and taking
//! over make, and a caller that is gone in the middle.

use std::fs;
use std::process::Stdio;

use quilt_proto::api::ReadGateway;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, Rotation, StackConfig};
use quilt_tests::harness::{World, can_look};

use super::files::until;
use super::{sdk_file, sdk_files};
use crate::api_keys_traces::attached;

const SET_UP: &[&str] = &["setup", "quilt3"];
const IMPORT: &[&str] = &["setup", "quilt3", "--import"];
const UNDO: &[&str] = &["setup", "quilt3", "--undo"];

/// The system's calls that change names, of which each counts by itself.
const CHANGES: [&str; 5] = ["rename", "renameat", "renameat2", "unlink", "unlinkat"];

type Files = Vec<(String, String)>;

async fn world() -> World {
    let mut config = StackConfig::default();
    config.settings.rotation = Rotation::Grace;
    World::with(config).await
}

/// The SDK's files as it writes them, with a login of its own; and those files.
fn used_before(world: &World, refresh_token: &str) -> Files {
    let (catalog, registry) = (world.stack.catalog_url(), world.stack.registry_url());
    let config = format!("# mine\nnavigator_url: {catalog}\nregistryUrl: '{registry}'\n");
    let auth = format!(
        "{{\"{registry}\": {{\"refresh_token\": \"{refresh_token}\", \
         \"access_token\": \"a\", \"expires_at\": 5}}}}"
    );
    fs::create_dir_all(world.home.config_yml().parent().unwrap()).unwrap();
    for (name, text) in [
        ("config.yml", &*config),
        ("auth.json", &auth),
        ("credentials.json", "{\"access_key\": \"own\"}"),
    ] {
        fs::write(sdk_file(world, name), text).unwrap();
    }
    whole_files(world)
}

/// The SDK's files, without what was being written: a later daemon sweeps it.
fn whole_files(world: &World) -> Files {
    let mut files = sdk_files(world);
    files.retain(|(name, _)| !name.starts_with(".quiltd-"));
    files
}

/// A moment to be killed in: before the `nth` time a thread makes this call.
#[derive(Clone, Copy, Debug)]
struct Moment {
    call: &'static str,
    nth: usize,
}

/// Every moment in which the daemon can be killed, found out by doing so.
#[derive(Default)]
struct Moments {
    call: usize,
    nth: usize,
    kills: usize,
}

impl Moments {
    fn next(&mut self) -> Option<Moment> {
        let call = CHANGES.get(self.call)?;
        self.nth += 1;
        let nth = self.nth;
        Some(Moment { call, nth })
    }

    /// Takes down whether the daemon came to it.
    fn came(&mut self, killed: bool) {
        self.kills += usize::from(killed);
        if !killed {
            (self.call, self.nth) = (self.call + 1, 0);
        }
    }
}

/// Runs a command while the daemon is killed in a moment; answers whether it
/// came to that. A new daemon runs afterwards.
async fn killed_at(world: &mut World, Moment { call, nth }: Moment, args: &[&str]) -> bool {
    let pid = world.daemon.as_ref().unwrap().pid().to_string();
    let mut tracer = world.home.command("strace");
    let mut tracer = tracer
        .args(["-f", "-o", "/dev/null", "-e", &format!("trace=?{call}")])
        .args(["-e", &format!("inject=?{call}:signal=KILL:when={nth}")])
        .args(["-p", &pid])
        .stderr(Stdio::piped())
        .spawn()
        .expect("strace is installed");
    attached(&mut tracer).await;
    let run = world.ctl(args).await;
    world.crash_and_restart().await;
    tracer.wait().await.unwrap();
    run.code != 0
}

/// Nobody but quiltd has anything of the stack's, and quilt3 is led to it.
async fn assert_set_up(world: &World, moment: Moment) {
    let gateway = world.client().send(&ReadGateway).await.unwrap();
    assert!(gateway.listening, "after {moment:?}");
    assert_eq!(gateway.strays, [""; 0], "after {moment:?}");
    let token = world.ctl(&["token"]).await.ok();
    for (name, text) in sdk_files(world) {
        assert!(!text.contains(token.trim()), "{name} after {moment:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setup_that_was_killed_is_finished_or_undone() {
    if !can_look("a kill before a system call of the daemon") {
        return;
    }
    let mut world = world().await;
    world.login().await;
    let before = used_before(&world, "own");
    let mut moments = Moments::default();
    while let Some(moment) = moments.next() {
        let killed = killed_at(&mut world, moment, SET_UP).await;
        world.ctl(SET_UP).await.ok();
        assert_set_up(&world, moment).await;
        world.ctl(UNDO).await.ok();
        assert_eq!(whole_files(&world), before, "after {moment:?}");

        killed_at(&mut world, moment, SET_UP).await;
        world.ctl(UNDO).await.ok();
        assert_eq!(whole_files(&world), before, "after {moment:?}");
        moments.came(killed);
    }
    assert!(moments.kills >= 4, "{}", moments.kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undoing_that_was_killed_is_finished() {
    if !can_look("a kill before a system call of the daemon") {
        return;
    }
    let mut world = world().await;
    world.login().await;
    let before = used_before(&world, "own");
    let mut moments = Moments::default();
    while let Some(moment) = moments.next() {
        world.ctl(SET_UP).await.ok();
        let killed = killed_at(&mut world, moment, UNDO).await;
        world.ctl(UNDO).await.ok();
        assert_eq!(whole_files(&world), before, "after {moment:?}");
        let status = world.client().status().await.unwrap();
        assert_eq!(status.grants, [], "after {moment:?}");
        moments.came(killed);
    }
    assert!(moments.kills >= 3, "{}", moments.kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_whose_import_was_killed_is_nobody_elses_and_not_lost() {
    if !can_look("a kill before a system call of the daemon") {
        return;
    }
    let mut world = world().await;
    let mut moments = Moments::default();
    while let Some(moment) = moments.next() {
        let code = world.stack.control().login_code("alice").unwrap();
        let before = used_before(&world, &code);
        let killed = killed_at(&mut world, moment, IMPORT).await;
        world.ctl(IMPORT).await.ok();
        assert_set_up(&world, moment).await;
        world.ctl(&["whoami"]).await.ok();
        for (name, text) in sdk_files(&world) {
            assert!(!text.contains(&code), "{name} after {moment:?}");
        }
        world.ctl(UNDO).await.ok();
        let mut left = before;
        left.retain(|(name, _)| name != "auth.json");
        assert_eq!(whole_files(&world), left, "after {moment:?}");
        world.ctl(&["logout"]).await.ok();
        moments.came(killed);
    }
    assert!(moments.kills >= 6, "{}", moments.kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_goes_on_without_its_caller() {
    let world = world().await;
    let control = world.stack.control().clone();
    let code = control.login_code("alice").unwrap();
    used_before(&world, &code);
    let held = control.plant(Endpoint::Token, Fault::always(FaultKind::Hold));
    let mut caller = world.ctl_command(IMPORT).spawn().unwrap();
    control
        .wait_for_counts(|now| now.calls(Endpoint::Token) == 1)
        .await;
    caller.kill().await.unwrap();
    control.clear_fault(held);
    until(|| {
        !fs::read_to_string(sdk_file(&world, "auth.json")).is_ok_and(|text| text.contains(&code))
    })
    .await;
    world.ctl(&["whoami"]).await.ok();
}
