//! What is on the disk, and what is not.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use tempfile::TempDir;

use super::*;

fn entry(action: &str, pid: u32) -> AuditEntry {
    AuditEntry {
        time: Timestamp::now(),
        action: action.to_owned(),
        outcome: "ok".to_owned(),
        catalog_url: None,
        profile: None,
        pid: Some(pid),
        uid: 1000,
        program: Some("/usr/bin/aws".to_owned()),
        script: None,
        grant_id: None,
        request: None,
        count: 1,
    }
}

impl AuditLog {
    fn note(&self, entry: &AuditEntry) {
        let AuditEntry { time, pid, uid, .. } = *entry;
        self.record(&Event {
            time,
            action: &entry.action,
            outcome: &entry.outcome,
            catalog_url: entry.catalog_url.as_deref(),
            profile: entry.profile.as_deref(),
            grant_id: entry.grant_id.as_deref(),
            request: entry.request.as_deref(),
            pid,
            uid,
            program: entry.program.as_deref().map(Into::into),
            script: entry.script.as_deref(),
        });
    }
}

#[tokio::test]
async fn equal_events_become_one_line_more() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    for pid in 1..=500 {
        log.note(&entry("credentials", pid));
    }
    log.note(&entry("token", 1));
    let entries = log.read(None).await.unwrap();
    let seen: Vec<_> = entries
        .iter()
        .map(|e| (e.action.as_str(), e.count))
        .collect();
    assert_eq!(
        seen,
        [("credentials", 1), ("token", 1), ("credentials", 499)]
    );
    let file = fs::metadata(dir.path().join("audit.jsonl")).unwrap();
    assert_eq!(file.mode() & 0o777, 0o600);
    let later = Timestamp::now().plus_seconds(60);
    assert!(log.read(Some(later)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_directory_that_was_taken_away_is_not_made_anew() {
    let dir = TempDir::new().unwrap();
    let state = dir.path().join("state");
    let log = AuditLog::open(&state);
    let written = async || {
        log.note(&entry("token", 1));
        log.read(None).await.map_or(0, |entries| entries.len())
    };
    fs::create_dir(&state).unwrap();
    assert_eq!(written().await, 1);
    fs::remove_dir_all(&state).unwrap();
    written().await;
    assert!(!state.exists());
    // Whoever makes it finds the log there again.
    fs::create_dir(&state).unwrap();
    assert!(written().await > 0);
}

#[tokio::test]
async fn processes_whose_program_has_no_name_are_told_apart() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let nameless = |pid| AuditEntry {
        program: None,
        ..entry("credentials", pid)
    };
    for pid in [1, 2, 3, 3, 3] {
        log.note(&nameless(pid));
        // The probe: of a program that has one, they are one line more.
        log.note(&entry("credentials", pid));
    }
    let entries = log.read(None).await.unwrap();
    let counted = |is_named: bool| {
        let those = entries.iter().filter(|it| it.program.is_some() == is_named);
        let mut counted: Vec<_> = those.map(|it| (it.pid.unwrap(), it.count)).collect();
        counted.sort_unstable();
        counted
    };
    assert_eq!(counted(false), [(1, 1), (2, 1), (3, 1), (3, 2)]);
    assert_eq!(counted(true), [(1, 1), (3, 4)]);
}

#[tokio::test]
async fn the_log_survives_and_torn_lines_are_passed_over() {
    let dir = TempDir::new().unwrap();
    AuditLog::open(dir.path()).note(&entry("login", 1));
    let log = AuditLog::open(dir.path());
    while log.read(None).await.unwrap().is_empty() {}
    let path = dir.path().join("audit.jsonl");
    let torn = fs::read_to_string(&path).unwrap() + "{\"time\":\"2026-\n";
    fs::write(&path, torn).unwrap();
    log.note(&entry("logout", 2));
    assert_eq!(log.read(None).await.unwrap().len(), 2);
}

/// Writes lines of a program that all differ, together so many bytes.
async fn flood(log: &AuditLog, program: Option<&str>, bytes: usize) {
    for n in 0..bytes / 600 {
        log.note(&AuditEntry {
            request: Some(format!("GET /api/{n:0>400}")),
            action: "registry".to_owned(),
            program: program.map(str::to_owned),
            ..entry("", 1)
        });
        // As fast as they are written.
        if n % 500 == 0 {
            log.finish().await;
        }
    }
    log.finish().await;
}

fn bytes_on_disk(dir: &TempDir) -> u64 {
    fs::read_dir(dir.path())
        .unwrap()
        .map(|file| file.unwrap().metadata().unwrap().len())
        .sum()
}

#[tokio::test]
async fn a_flood_takes_nobody_elses_lines_and_is_bounded() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let ours = 50;
    for n in 0..ours {
        log.note(&AuditEntry {
            profile: Some(format!("p{n}")),
            ..entry("credentials", 1)
        });
    }
    // What hides its own doings is a program like others.
    log.note(&AuditEntry {
        program: Some("/bin/evil".to_owned()),
        ..entry("token", 2)
    });
    flood(&log, Some("/bin/evil"), 10 * 1024 * 1024).await;
    flood(&log, None, 5 * 1024 * 1024).await;
    assert!(
        bytes_on_disk(&dir) <= 2 * file::MAX_BYTES,
        "{}",
        bytes_on_disk(&dir)
    );
    let entries = log.read(None).await.unwrap();
    let count = |action: &str| {
        entries
            .iter()
            .filter(|entry| entry.action == action)
            .count()
    };
    assert_eq!((count("credentials"), count("token")), (ours, 1));
    assert!(count("registry") > 5000, "the newest of the flood stay");
}

#[tokio::test]
async fn two_daemons_lose_none_of_each_others_lines() {
    let dir = TempDir::new().unwrap();
    let logs = [AuditLog::open(dir.path()), AuditLog::open(dir.path())];
    let wanted = 3 * 4000;
    for n in 0..wanted {
        logs[n % 2].note(&AuditEntry {
            request: Some(format!("GET /api/{n:0>200}")),
            ..entry("registry", 1)
        });
        if n % 250 < 2 {
            logs[n % 2].finish().await;
        }
    }
    logs[0].finish().await;
    logs[1].finish().await;
    assert!(
        dir.path().join("audit.jsonl.1").exists(),
        "it never got full"
    );
    assert_eq!(logs[0].read(None).await.unwrap().len(), wanted);
}

#[tokio::test]
async fn what_a_killed_daemon_left_half_joined_is_there_once() {
    let dir = TempDir::new().unwrap();
    AuditLog::open(dir.path()).note(&entry("login", 1));
    let log = AuditLog::open(dir.path());
    while log.read(None).await.unwrap().is_empty() {}
    let [path, full, older] =
        ["audit.jsonl", "audit.jsonl.full", "audit.jsonl.1"].map(|name| dir.path().join(name));
    fs::rename(&path, &full).unwrap();
    assert_eq!(
        log.read(None).await.unwrap().len(),
        1,
        "before it is joined"
    );
    fs::copy(&full, &older).unwrap();
    flood(&log, Some("/bin/other"), 5 * 1024 * 1024).await;
    assert!(!full.exists());
    let entries = log.read(None).await.unwrap();
    assert_eq!(
        entries
            .iter()
            .filter(|entry| entry.action == "login")
            .count(),
        1
    );
}

#[tokio::test]
async fn a_lock_that_is_held_neither_stops_it_nor_lets_it_grow() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let held = fs::File::create(dir.path().join("audit.lock")).unwrap();
    held.lock().unwrap();
    let padding = "x".repeat(500);
    for n in 0..5 * 1024 * 2 {
        log.note(&AuditEntry {
            request: Some(format!("{n}{padding}")),
            ..entry("registry", 1)
        });
    }
    log.finish().await;
    assert!(bytes_on_disk(&dir) <= file::MAX_BYTES);
    held.unlock().unwrap();
    log.note(&entry("login", 1));
    let newest = log.read(None).await.unwrap().pop().unwrap();
    assert_eq!(newest.action, "login");
}

#[tokio::test]
async fn what_fits_is_written_although_older_lines_are_not_joined_yet() {
    let dir = TempDir::new().unwrap();
    let [path, full, older] =
        ["audit.jsonl", "audit.jsonl.full", "audit.jsonl.1"].map(|name| dir.path().join(name));
    let grown = vec![b'\n'; usize::try_from(file::MAX_BYTES).unwrap()];
    files::replace_private(&path, &grown).unwrap();
    fs::create_dir(&older).unwrap();
    let log = AuditLog::open(dir.path());
    log.note(&entry("login", 1));
    log.finish().await;
    assert_eq!(fs::read(&full).unwrap().len(), grown.len());
    let written = fs::read_to_string(&path).unwrap();
    assert!(written.contains("login"), "{written}");
}

#[tokio::test]
async fn what_others_chose_is_cut() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    log.note(&AuditEntry {
        program: Some(format!("/{}/aws", "é".repeat(4000))),
        request: Some(format!("GET /{}", "é".repeat(4000))),
        ..entry("registry", 1)
    });
    let entry = log.read(None).await.unwrap().pop().unwrap();
    assert!(entry.program.unwrap().ends_with("é/aws"));
    assert!(entry.request.unwrap().starts_with("GET /é"));
    assert!(bytes_on_disk(&dir) < 1600, "{}", bytes_on_disk(&dir));
}

#[tokio::test]
async fn a_symlink_is_not_followed_and_nobody_is_held_up() {
    let dir = TempDir::new().unwrap();
    let elsewhere = dir.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    symlink(&elsewhere, dir.path().join("audit.jsonl")).unwrap();
    let log = AuditLog::open(dir.path());
    log.note(&entry("token", 1));
    assert!(log.read(None).await.is_err());
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), "");
}

#[tokio::test]
async fn entries_are_in_order_of_time_however_they_came() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    let at = |seconds: i64, action: &str| AuditEntry {
        time: Timestamp::from_unix(seconds),
        ..entry(action, 1)
    };
    // Repeats are written after what came between them, and two threads may
    // come in the other order.
    for (seconds, action) in [(10, "token"), (11, "token"), (30, "login"), (20, "logout")] {
        log.note(&at(seconds, action));
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
    let text = |text: &str| Some(text.to_owned());
    let others = [
        AuditEntry {
            catalog_url: text("https://a.example"),
            ..same()
        },
        AuditEntry {
            catalog_url: text("https://b.example"),
            ..same()
        },
        AuditEntry {
            profile: text("lake"),
            ..same()
        },
        AuditEntry {
            program: text("/bin/other"),
            ..same()
        },
        AuditEntry {
            program: None,
            ..same()
        },
        AuditEntry {
            script: text("train.py"),
            ..same()
        },
        AuditEntry {
            grant_id: text("g"),
            ..same()
        },
        AuditEntry {
            request: text("DELETE a/b"),
            ..same()
        },
        AuditEntry {
            outcome: "denied".to_owned(),
            ..same()
        },
        AuditEntry { uid: 7, ..same() },
        AuditEntry {
            action: "token".to_owned(),
            ..same()
        },
    ];
    for _ in 0..3 {
        for entry in &others {
            log.note(entry);
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
            } == *other
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
                    log.note(&entry("credentials", pid));
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    let entries = log.read(None).await.unwrap();
    let counted: u64 = entries.iter().map(|entry| entry.count).sum();
    // Many times what may wait to be written.
    assert_eq!((counted, log.dropped()), (80_000, 0), "{entries:?}");
}

#[tokio::test]
async fn more_kinds_than_are_gathered_are_all_written() {
    let dir = TempDir::new().unwrap();
    let log = AuditLog::open(dir.path());
    for number in (0..600).chain(0..600) {
        log.note(&AuditEntry {
            request: Some(number.to_string()),
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
