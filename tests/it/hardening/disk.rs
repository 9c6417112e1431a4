//! In which order tokens reach the disk, the caller, and whoever asks next.

use std::fs;
use std::process::Stdio;

use quilt_tests::harness::{World, can_look};

use crate::api_keys_traces::attached;

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_synced_before_they_have_a_name_and_before_anyone_gets_them() {
    if !can_look("a look at what the daemon writes") {
        return;
    }
    let world = World::logged_in().await;
    let pid = world.daemon.as_ref().unwrap().pid().to_string();
    let trace = world.home.path().join("daemon.strace");
    let mut tracer = tokio::process::Command::new("strace")
        .args(["-f", "-yy", "-s", "65536", "-o"])
        .arg(&trace)
        .args([
            "-e",
            "trace=fsync,fdatasync,rename,renameat,renameat2,write,writev,sendto,sendmsg",
        ])
        .args(["-p", &pid])
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("strace is installed");
    attached(&mut tracer).await;
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    let token = world.ctl(&["token"]).await.ok();
    let token = token.trim();
    tracer.start_kill().unwrap();
    tracer.wait().await.unwrap();

    let text = fs::read_to_string(&trace).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let first = |what: &str, wanted: &dyn Fn(&str) -> bool| {
        let found = lines.iter().position(|line| wanted(line));
        found.unwrap_or_else(|| panic!("no {what} in {text}"))
    };
    let in_file = |line: &str| line.contains("/.sessions-");
    let reserved = first("reservation", &|line| {
        line.contains("fdatasync(") && in_file(line)
    });
    let asked = first("exchange", &|line| line.contains("POST /api/token"));
    let written = first("write", &|line| {
        line.contains("write(") && in_file(line) && line.contains(token)
    });
    let synced = first("fsync", &|line| line.contains(" fsync(") && in_file(line));
    let renamed = first("rename", &|line| {
        line.contains(" rename") && line.contains("sessions.json")
    });
    // Other files of the directory are written at any time.
    let dir_synced = |line: &&str| line.contains(" fsync(") && line.contains("/state/quilt>");
    let dir = lines[renamed..].iter().position(dir_synced);
    let dir = renamed + dir.unwrap_or_else(|| panic!("no fsync of the directory in {text}"));
    let used = first("use", &|line| {
        line.contains("<TCP") && line.contains("POST /graphql") && line.contains(token)
    });
    let answered = first("answer", &|line| {
        line.contains("<UNIX") && line.contains(token)
    });
    let order = [
        reserved, asked, written, synced, renamed, dir, used, answered,
    ];
    assert!(order.is_sorted(), "{order:?} in {text}");
}
