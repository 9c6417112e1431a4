//! What is not done: nothing is read twice for a cached vend, and nobody wakes
//! up while nothing happens.
#![cfg(target_os = "linux")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use quilt_proto::ProfileName;
use quilt_proto::api::CreateGrant;
use quilt_proto::wire::GrantRequest;
use quilt_tests::harness::{World, can_look};

use crate::api_keys_traces::attached;

/// A connection that stays open.
struct KeptAlive(UnixStream);

impl KeptAlive {
    fn to(world: &World) -> Self {
        Self(UnixStream::connect(world.home.socket()).unwrap())
    }

    fn vend(&mut self) -> String {
        let request = "GET /v1/aws/credentials HTTP/1.1\r\nHost: localhost\r\n\r\n";
        self.0.write_all(request.as_bytes()).unwrap();
        let mut buffer = [0; 16 * 1024];
        let length = self.0.read(&mut buffer).unwrap();
        String::from_utf8_lossy(&buffer[..length]).into_owned()
    }
}

/// A file is looked at again and again until its time stamp is old enough to
/// tell every change.
async fn settle(path: &Path) {
    loop {
        let changed = UNIX_EPOCH
            + Duration::from_secs(fs::metadata(path).unwrap().ctime().try_into().unwrap());
        let age = SystemTime::now()
            .duration_since(changed)
            .unwrap_or_default();
        if age > Duration::from_secs(4) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// A world whose configuration is old enough, the file it is in, and a
/// connection that has got credentials.
async fn vended() -> (World, std::path::PathBuf, KeptAlive) {
    let world = World::logged_in().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let config = world.home.config_yml();
    settle(&config).await;
    let mut kept = KeptAlive::to(&world);
    assert!(kept.vend().starts_with("HTTP/1.1 200"));
    (world, config, kept)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cached_vend_opens_no_file() {
    if !can_look("a look at the files that a vend opens") {
        return;
    }
    let (world, config, mut kept) = vended().await;

    let trace = world.home.path().join("vends.strace");
    let pid = world.daemon.as_ref().unwrap().pid().to_string();
    let mut tracer = tokio::process::Command::new("strace")
        .args([
            "-f",
            "-e",
            "trace=open,openat,openat2,readlink,readlinkat,recvfrom",
            "-o",
        ])
        .arg(&trace)
        .args(["-p", &pid])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("strace is installed");
    attached(&mut tracer).await;
    for _ in 0..20 {
        assert!(kept.vend().starts_with("HTTP/1.1 200"));
    }
    // Written anew, though the same: the next vend has to read it.
    let text = fs::read(&config).unwrap();
    fs::write(&config, text).unwrap();
    assert!(kept.vend().starts_with("HTTP/1.1 200"));
    tracer.start_kill().unwrap();
    tracer.wait().await.unwrap();

    let text = fs::read_to_string(&trace).unwrap();
    // Debug builds have a thread that looks at the others.
    let opened = |line: &&str| {
        line.contains("open") && !line.contains("resumed") && !line.contains("/proc/self/task")
    };
    let first = text
        .lines()
        .find(opened)
        .unwrap_or_else(|| panic!("none at all: {text}"));
    assert!(
        first.contains("config.yml") || first.contains("data"),
        "{first}"
    );
    let before = text.lines().take_while(|line| !opened(line));
    let vends = before
        .filter(|line| line.contains("GET /v1/aws/credentials"))
        .count();
    assert!(vends >= 20, "{vends} vends before {first}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_others_write_counts_at_the_next_vend_however_old_the_file_was() {
    let (world, config, mut kept) = vended().await;
    let before = fs::read_to_string(&config).unwrap();
    let other = before.replace(world.stack.catalog_url(), "https://other.example");
    assert_ne!(before, other);
    // In place, as the SDK writes it, and back.
    for _ in 0..3 {
        fs::write(&config, &other).unwrap();
        assert!(kept.vend().starts_with("HTTP/1.1 401"));
        fs::write(&config, &before).unwrap();
        assert!(kept.vend().starts_with("HTTP/1.1 200"));
    }
    // Gone, there is one login alone to be meant.
    fs::remove_file(&config).unwrap();
    assert!(kept.vend().starts_with("HTTP/1.1 200"));
    // By another name first.
    let beside = config.with_file_name("beside");
    fs::write(&beside, &other).unwrap();
    fs::rename(&beside, &config).unwrap();
    assert!(kept.vend().starts_with("HTTP/1.1 401"));
}

/// Wake-ups in ten seconds; it was 72 while files and clocks were asked several
/// times a second, and 7 while somebody looked every five seconds whether there
/// was something to tell.
const MOST: u64 = 4;

/// What every thread has woken up for so far.
fn wake_ups(pid: i32) -> HashMap<OsString, u64> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let count = |task: std::io::Result<fs::DirEntry>| {
        let task = task.ok()?;
        // It may end meanwhile.
        let status = fs::read_to_string(task.path().join("status")).ok()?;
        // The one that looks on in debug builds.
        if status.starts_with("Name:\twatchdog\n") {
            return None;
        }
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"))?;
        Some((task.file_name(), line.trim().parse().unwrap()))
    };
    tasks.filter_map(count).collect()
}

/// What they have woken up for since.
fn since(before: &HashMap<OsString, u64>, pid: i32) -> u64 {
    let now = wake_ups(pid).into_iter();
    now.map(|(task, count)| count - before.get(&task).copied().unwrap_or(0))
        .sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_wakes_up_while_nothing_happens() {
    let world = World::logged_in().await;
    let default = ProfileName::default_profile();
    world.client().credentials(&default).await.unwrap();
    for _ in 0..3 {
        let wanted = CreateGrant(GrantRequest::default());
        world.client().send(&wanted).await.unwrap();
    }
    let pid = world.daemon.as_ref().unwrap().pid();
    let before = wake_ups(pid);
    world.client().credentials(&default).await.unwrap();
    assert!(since(&before, pid) > 0, "a request wakes somebody");
    // What is done a while after a request, ever more rarely, ends.
    let mut windows = Vec::new();
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_secs(5)).await;
        let before = wake_ups(pid);
        tokio::time::sleep(Duration::from_secs(10)).await;
        windows.push(since(&before, pid));
        if windows.last().is_some_and(|woken| *woken <= MOST) {
            return;
        }
    }
    panic!("{windows:?} times in ten seconds each");
}
