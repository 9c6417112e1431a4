//! What is on the disk, and what is not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

fn entry(action: &str, pid: u32) -> Event<'_> {
    Event {
        time: Timestamp::now(),
        action,
        outcome: "ok",
        catalog_url: None,
        profile: None,
        pid: Some(pid),
        uid: 1000,
        program: Some("/usr/bin/aws".into()),
        grant_id: None,
        request: None,
    }
}

#[tokio::test]
async fn equal_events_become_one_line_more() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(&dir.path().join("deep"));
    for pid in 1..=500 {
        log.record(&entry("credentials", pid));
    }
    log.record(&entry("token", 1));
    let entries = log.read(None).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|e| (e.action.as_str(), e.count))
        .collect();
    assert_eq!(
        seen,
        [("credentials", 1), ("token", 1), ("credentials", 499)]
    );
    let file = fs::metadata(dir.path().join("deep/audit.jsonl")).unwrap();
    assert_eq!(file.mode() & 0o777, 0o600);
    let later = Timestamp::now().plus_seconds(60);
    assert!(log.read(Some(later)).await.unwrap().is_empty());
}

#[tokio::test]
async fn the_log_survives_and_torn_lines_are_passed_over() {
    let dir = TempDir::new().unwrap();
    AuditLog::open(dir.path()).record(&entry("login", 1));
    let log = AuditLog::open(dir.path());
    while log.read(None).await.unwrap().is_empty() {}
    let path = dir.path().join("audit.jsonl");
    let torn = fs::read_to_string(&path).unwrap() + "{\"time\":\"2026-\n";
    fs::write(&path, torn).unwrap();
    log.record(&entry("logout", 2));
    assert_eq!(log.read(None).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_log_is_bounded() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let padding = "x".repeat(64 * 1024);
    for n in 0..200 {
        log.record(&entry(&format!("{n}{padding}"), 1));
        log.finish().await;
    }
    let bytes: u64 = fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum();
    assert!(bytes <= 8 * 1024 * 1024, "{bytes}");
    let newest = log.read(None).await.unwrap().pop().unwrap();
    assert!(newest.action.starts_with("199"));
}

#[tokio::test]
async fn a_symlink_is_not_followed_and_nobody_is_held_up() {
    let dir = TempDir::new().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, dir.path().join("audit.jsonl")).unwrap();
    let log = AuditLog::open(dir.path());
    log.record(&entry("token", 1));
    assert!(log.read(None).await.is_err());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
}

#[tokio::test]
async fn entries_are_in_order_of_time_however_they_came() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let at = |seconds: i64, action: &'static str| Event {
        time: Timestamp::from_unix(seconds),
        ..entry(action, 1)
    };
    // Repeats are written after what came between them, and two threads may
    // come in the other order.
    for (seconds, action) in [(10, "token"), (11, "token"), (30, "login"), (20, "logout")] {
        log.record(&at(seconds, action));
    }
    let entries = log.read(None).await.unwrap();
    let seen: Vec<_> = entries.iter().map(|entry| entry.time.unix()).collect();
    assert_eq!(seen, [10, 11, 20, 30]);
}

#[tokio::test]
async fn what_differs_in_anything_but_the_process_is_a_line_of_its_own() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let same = || entry("credentials", 1);
    let others = [
        Event {
            catalog_url: Some("https://a.example"),
            ..same()
        },
        Event {
            catalog_url: Some("https://b.example"),
            ..same()
        },
        Event {
            profile: Some("lake"),
            ..same()
        },
        Event {
            program: Some("/bin/other".into()),
            ..same()
        },
        Event {
            program: None,
            ..same()
        },
        Event {
            grant_id: Some("g"),
            ..same()
        },
        Event {
            request: Some("DELETE a/b"),
            ..same()
        },
        Event {
            outcome: "denied",
            ..same()
        },
        Event { uid: 7, ..same() },
        Event {
            action: "token",
            ..same()
        },
    ];
    for _ in 0..3 {
        for event in &others {
            log.record(event);
        }
    }
    let entries = log.read(None).await.unwrap();
    assert_eq!(entries.len(), 2 * others.len(), "{entries:#?}");
    for other in &others {
        let alike = entries.iter().filter(|entry| {
            AuditEntry {
                time: other.time,
                count: 1,
                ..(*entry).clone()
            } == other.entry(1)
        });
        assert_eq!(alike.map(|entry| entry.count).sum::<u64>(), 3, "{other:?}");
    }
}

#[tokio::test]
async fn events_are_counted_while_nobody_writes() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let log = log.clone();
            std::thread::spawn(move || {
                for pid in 0..20_000 {
                    log.record(&entry("credentials", pid));
                }
            })
        })
        .collect();
    threads
        .into_iter()
        .for_each(|thread| thread.join().unwrap());
    let entries = log.read(None).await.unwrap();
    let counted: u64 = entries.iter().map(|entry| entry.count).sum();
    // Many times what may wait to be written.
    assert_eq!((counted, log.dropped()), (80_000, 0), "{entries:?}");
}

#[tokio::test]
async fn more_kinds_than_are_gathered_are_all_written() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let requests: Vec<_> = (0..600).map(|number| number.to_string()).collect();
    for request in requests.iter().chain(&requests) {
        let request = Some(request.as_str());
        log.record(&Event {
            request,
            ..entry("registry", 1)
        });
        log.finish().await;
    }
    let entries = log.read(None).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.count).sum::<u64>(), 1200);
}

#[tokio::test]
async fn lines_of_older_daemons_are_read() {
    let dir = TempDir::new().unwrap();
    let line = r#"{"time":"2026-01-31T08:00:00Z","action":"token","outcome":"ok","catalog_url":null,
        "profile":null,"pid":7,"uid":1000,"executable":"/usr/bin/aws","count":2}"#;
    let path = dir.path().join("audit.jsonl");
    fs::write(&path, line.replace('\n', " ") + "\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let entries = AuditLog::open(dir.path()).read(None).await.unwrap();
    assert_eq!(entries[0].program.as_deref(), Some("/usr/bin/aws"));
}
