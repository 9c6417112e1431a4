//! What commands say and return when things go wrong.

use std::io::Write;
use std::thread;
use std::time::{Duration, Instant};

use quilt_proto::{ErrorCode, Problem};

use crate::server::{Home, http};

#[test]
fn every_error_code_has_its_exit_code() {
    for code in ErrorCode::all().chain([ErrorCode::Unknown("from_the_future".into())]) {
        let home = Home::new();
        let problem = Problem::new(400, code.clone(), "it is\nwrong").with_hint("quiltctl login");
        home.answer(400, &serde_json::to_string(&problem).unwrap());
        for command in [&["credential-process"][..], &["token"], &["status"]] {
            let line = home.run(command).failed(code.exit_code().into());
            assert_eq!(line, "quiltctl: it is wrong; run: quiltctl login\n");
        }
        for command in [&["credential-process", "--json"][..], &["--json", "status"]] {
            let said = document(&home, command, code.exit_code().into());
            assert_eq!(said.code, code);
            assert_eq!((said.status, said.detail.as_str()), (400, "it is wrong"));
            assert_eq!(said.hint.unwrap(), "quiltctl login");
        }
    }
}

/// The problem document of a failure: one line on stderr, nothing on stdout.
fn document(home: &Home, args: &[&str], code: i32) -> Problem {
    let ran = home.run(args);
    assert_eq!((ran.code, ran.stdout.as_str()), (code, ""), "{ran:?}");
    assert_eq!(ran.stderr.lines().count(), 1, "{ran:?}");
    serde_json::from_str(&ran.stderr).unwrap()
}

#[test]
fn our_own_failures_are_documents_too() {
    let home = Home::new();
    let gone = document(&home, &["status", "--json"], 4);
    assert_eq!(gone.code.as_str(), "daemon_unreachable");
    assert_eq!(gone.hint.unwrap(), "quiltctl daemon start");
    let usage = document(&home, &["--json", "tokn"], 2);
    assert_eq!(usage.code.as_str(), "usage");
    let usage = document(&home, &["man", "--json", "nonsense"], 2);
    assert!(usage.hint.is_some());
    // What follows is the program's own.
    let ran = home.run(&["exec", "--", "--json"]);
    assert!(ran.stderr.starts_with("quiltctl: "), "{ran:?}");
}

#[test]
fn nobody_there_is_4() {
    let home = Home::new();
    for command in [
        "credential-process",
        "token",
        "status",
        "logged-in",
        "watch",
    ] {
        let line = home.run(&[command]).failed(4);
        assert!(line.contains("run: quiltctl daemon start"), "{line}");
    }
    // A socket that nobody listens on any more.
    std::fs::create_dir_all(home.path().join("run")).unwrap();
    drop(std::os::unix::net::UnixListener::bind(home.socket()).unwrap());
    home.run(&["token"]).failed(4);
    let ran = home.run(&["daemon", "stop"]);
    assert_eq!(ran.code, 0, "stopping what is not there is done: {ran:?}");
}

#[test]
fn nobody_reading_errors_changes_no_exit_code() {
    let home = Home::new();
    for (args, code) in [
        (&["credential-process"][..], 4),
        (&["status"], 4),
        (&["x"], 2),
    ] {
        let (reader, closed) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = home.command(args);
        let status = command.arg("--no-autostart").stderr(closed).status();
        assert_eq!(status.unwrap().code(), Some(code), "{args:?}");
        if let Ok(full) = std::fs::File::options().write(true).open("/dev/full") {
            let status = command.stderr(full).status();
            assert_eq!(status.unwrap().code(), Some(code), "{args:?}");
        }
    }
}

#[test]
fn mistakes_are_2_and_never_repeated() {
    let home = Home::new();
    for args in [
        &["login", "qk_canary"][..],
        &["login", "--api-key-env", "qk_canary"],
        &["login", "--api-key-dotenv", "qk_canary"],
        &["login", "--api-key-secret", "eyJcanary"],
        &["env", "--profile", "qk_canary0123456789ABC"],
        &["exec", "--profile", "qk_canary0123456789ABC", "true"],
        &["canary"],
        &["token", "--canary=canary"],
        &["credential-process", "--profile", "can ary"],
    ] {
        let line = home.run(args).failed(2);
        assert!(
            !line.contains("canary") || args[1].starts_with("--canary"),
            "{line}"
        );
    }
}

#[test]
fn what_is_not_the_daemon_is_refused() {
    for answer in [
        "SSH-2.0\r\n".to_owned(),
        http(200, "<html>"),
        http(200, "[1]"),
        http(200, "{} {}"),
        http(500, "<html>"),
        http(302, ""),
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_owned(),
        format!("HTTP/1.1 200 OK\r\nx: {}\r\n", "x".repeat(1 << 20)),
        format!("HTTP/1.1 200 OK\r\n\r\n{{{}", "x".repeat(1 << 25)),
    ] {
        let home = Home::new();
        let bytes = answer.clone();
        home.serve(move |_, mut stream| {
            let _ = stream.write_all(bytes.as_bytes());
        });
        for command in ["credential-process", "token"] {
            let ran = home.run(&[command]);
            let code = if ran.code == 4 { 4 } else { 1 };
            let line = ran.failed(code);
            assert!(line.len() < 300, "{line}");
        }
    }
}

#[test]
fn a_hint_cannot_steer_the_terminal() {
    let home = Home::new();
    let problem = Problem::new(400, ErrorCode::Internal, "\u{1b}]0;x\u{7}").with_hint("a\nb\u{9b}");
    home.answer(400, &serde_json::to_string(&problem).unwrap());
    let line = home.run(&["token"]).failed(1);
    assert!(!line.trim_end().chars().any(char::is_control), "{line:?}");
}

#[test]
fn a_daemon_that_hangs_does_not_hang_the_sdk() {
    let home = Home::new();
    home.serve(|_, mut stream| {
        // A byte now and then: every read is alive, the answer never ends.
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nx: ");
        while stream.write_all(b"a").is_ok() {
            thread::sleep(Duration::from_millis(50));
        }
    });
    let start = Instant::now();
    home.run(&["credential-process"]).failed(4);
    // Its own deadline is far shorter; the machine may be busy.
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
}

#[test]
fn a_socket_path_that_is_too_long_is_answered_with_a_shorter_one() {
    let home = Home::new();
    let long = format!("/tmp/{}", "x".repeat(200));
    let line = home.run(&["--socket", &long, "status"]).failed(4);
    assert!(line.contains("run: quiltctl --socket "), "{line}");
}

#[test]
fn another_program_on_the_socket_is_named_to_be_ended() {
    let home = Home::new();
    home.answer(200, "[1]");
    let pid = std::process::id();
    for args in [&["daemon", "stop"][..], &["daemon", "restart"]] {
        let line = home.run(args).failed(1);
        assert!(line.ends_with(&format!("; run: kill {pid}\n")), "{line}");
    }
}
