//! The live view in a real terminal, over a daemon that comes and goes.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use crate::server::{Home, http};
use crate::terminal::Terminal;

fn status(user: &str, audited: u64) -> String {
    format!(
        r#"{{"version":"0.2.0","pid":7,"started_at":"2026-01-01T00:00:00Z","socket":"/s","token_store":"file","audited":{audited},"catalogs":[{{"catalog_url":"https://demo.quilt.example","registry_url":null,"session":{{"state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null}},"credentials":[{{"profile":"default","expires_at":"2090-01-01T00:00:00Z","next_refresh_at":null,"last_error":null}}],"user":{{"name":"{user}","role":"ReadWrite","is_admin":false,"seen_at":"2026-01-01T00:00:00Z"}}}},{{"catalog_url":"https://lab.quilt.example","registry_url":null,"session":{{"state":"expired","kind":"interactive","access_token_expires_at":null,"last_error":null}},"credentials":[]}}]}}"#
    )
}

const AUDIT: &str = r#"[{"time":"2026-01-01T00:00:00Z","action":"credentials","outcome":"ok","catalog_url":"https://demo.quilt.example","profile":"default","pid":4242,"uid":1,"executable":"/usr/bin/python3","count":14}]"#;

/// A daemon that sends what it is told to, on every stream that is open.
fn daemon(home: &Home) -> (Sender<String>, Arc<Mutex<Vec<UnixStream>>>) {
    let streams: Arc<Mutex<Vec<UnixStream>>> = Arc::default();
    let last = Arc::new(Mutex::new(status("alice", 1)));
    let (sender, said) = channel::<String>();
    let (all, kept) = (Arc::clone(&streams), Arc::clone(&last));
    std::thread::spawn(move || {
        for text in said {
            kept.lock().unwrap().clone_from(&text);
            for stream in all.lock().unwrap().iter_mut() {
                let _ = write!(stream, "event: status\ndata: {text}\n\n");
            }
        }
    });
    let open = Arc::clone(&streams);
    home.serve(move |request, mut stream| {
        if request.starts_with("GET /v1/events") {
            let text = last.lock().unwrap().clone();
            let head = "HTTP/1.1 200 OK\r\n\r\n";
            let _ = write!(stream, "{head}event: status\ndata: {text}\n\n");
            open.lock().unwrap().push(stream);
        } else if request.starts_with("GET /v1/audit") {
            let _ = stream.write_all(http(200, AUDIT).as_bytes());
        } else {
            let _ = stream.write_all(http(200, r#"{"status":"ok","version":"0.2.0"}"#).as_bytes());
        }
    });
    (sender, streams)
}

fn watch(home: &Home, rows: u16, columns: u16) -> Terminal {
    let mut command = home.command(&["watch", "--no-autostart"]);
    command.env("LANG", "C.UTF-8");
    Terminal::run(&mut command, rows, columns)
}

/// The process id of what `setsid` started in it.
fn program(terminal: &Terminal) -> String {
    let leader = terminal.child.id().to_string();
    let found = Command::new("pgrep").args(["-P", &leader]).output();
    let pid = String::from_utf8(found.unwrap().stdout).unwrap();
    let pid: u32 = pid.trim().parse().unwrap();
    pid.to_string()
}

fn send(signal: &str, pid: &str) {
    let sent = Command::new("kill").args(["-s", signal, pid]).status();
    assert!(sent.unwrap().success(), "{pid}");
}

#[track_caller]
fn is_given_back(terminal: &Terminal) {
    terminal.wait("given back", |terminal| {
        !terminal.is_full_screen() && terminal.has_cursor() && terminal.has_mode_of_before()
    });
}

#[test]
fn it_shows_what_changes_and_gives_the_terminal_back() {
    let home = Home::new();
    let (say, _) = daemon(&home);
    let mut terminal = watch(&home, 24, 80);
    terminal.wait_for("alice");
    assert!(terminal.is_full_screen());
    terminal.wait_for("python3 (4242)");
    for text in [
        "> \u{2713} demo.quilt.example",
        "██",
        "lab.quilt.example",
        "×14",
        "q quit",
    ] {
        terminal.wait_for(text);
    }
    say.send(status("bob", 2)).unwrap();
    terminal.wait_for("bob");
    // Narrow, and wide.
    for columns in [60, 200, 20] {
        terminal.resize(24, columns);
        terminal.wait("drawn anew", |terminal| {
            terminal.text().contains("demo.quilt.exam")
        });
    }
    terminal.resize(24, 80);
    terminal.write("\u{1b}[B");
    terminal.wait_for("> \u{2717} lab.quilt.example");
    terminal.write("/lab\r");
    terminal.wait("narrowed", |terminal| {
        !terminal.text().contains("\u{2713} demo.quilt.example")
            && terminal.text().contains("filter: lab")
    });
    terminal.write("\u{1b}");
    terminal.wait_for("\u{2713} demo.quilt.example");
    terminal.write("q");
    assert_eq!(terminal.end(), 0);
    is_given_back(&terminal);
}

#[test]
fn a_terminal_that_was_narrow_for_a_moment_is_drawn_whole() {
    let home = Home::new();
    let (_say, _) = daemon(&home);
    let mut terminal = watch(&home, 24, 80);
    let last = "tokens in file";
    terminal.wait_for(last);
    let pid = program(&terminal);
    send("STOP", &pid);
    let state = PathBuf::from(format!("/proc/{pid}/stat"));
    terminal.wait("stopped", |_| {
        std::fs::read_to_string(&state).unwrap().contains(") T ")
    });
    terminal.resize(24, 20);
    assert!(!terminal.text().contains(last), "it fits");
    terminal.resize(24, 80);
    // A key in the same moment is not lost either.
    terminal.write("/");
    send("CONT", &pid);
    terminal.wait_for(last);
    terminal.wait_for("Enter keeps it");
    terminal.write("\u{3}");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn it_waits_for_a_daemon_that_restarts() {
    let home = Home::new();
    let (say, streams) = daemon(&home);
    let mut terminal = watch(&home, 24, 80);
    terminal.wait_for("alice");
    // Gone for a while: nobody listens any more.
    let socket = home.socket();
    let aside = socket.with_extension("aside");
    std::fs::rename(&socket, &aside).unwrap();
    streams.lock().unwrap().clear();
    terminal.wait_for("does not answer");
    say.send(status("carol", 5)).unwrap();
    std::fs::rename(&aside, &socket).unwrap();
    terminal.wait_for("carol");
    assert!(!terminal.text().contains("does not answer"));
    terminal.write("\u{3}");
    assert_eq!(terminal.end(), 0, "Ctrl-C leaves");
}

#[test]
fn the_terminal_is_given_back_to_a_signal() {
    let home = Home::new();
    let (_say, _) = daemon(&home);
    for (signal, code) in [("TERM", 143), ("INT", 130), ("HUP", 129)] {
        let mut terminal = watch(&home, 24, 80);
        terminal.wait_for("alice");
        send(signal, &program(&terminal));
        assert_eq!(terminal.end(), code, "{signal}");
        is_given_back(&terminal);
    }
}

#[test]
fn it_ends_with_its_terminal() {
    let home = Home::new();
    let (_say, _) = daemon(&home);
    let mut terminal = watch(&home, 24, 80);
    terminal.wait_for("alice");
    let place = PathBuf::from(format!("/proc/{}", program(&terminal)));
    terminal.hang_up();
    terminal.end();
    // The program itself, and not only what waits for it.
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    while place.exists() {
        assert!(std::time::Instant::now() < end, "it goes on alone");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn keys_lead_to_other_commands_and_back() {
    let home = Home::new();
    let (_say, _) = daemon(&home);
    let mut terminal = watch(&home, 40, 100);
    terminal.wait_for("alice");
    terminal.write("d");
    terminal.wait_for("Enter goes back to the view");
    assert!(!terminal.is_full_screen());
    terminal.write("\n");
    terminal.wait("the view again", |terminal| {
        terminal.is_full_screen() && terminal.text().contains("alice")
    });
    terminal.write("q");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn other_commands_are_left_by_ctrl_c_a_signal_and_q() {
    for (how, code) in [("\u{3}", 130), ("q\n", 0), ("TERM", 143)] {
        let home = Home::new();
        let (_say, _) = daemon(&home);
        let mut terminal = watch(&home, 40, 100);
        terminal.wait_for("alice");
        terminal.write("d");
        terminal.wait_for("Ctrl-C leaves");
        if how == "TERM" {
            send(how, &program(&terminal));
        } else {
            terminal.write(how);
        }
        assert_eq!(terminal.end(), code, "{how:?}");
    }
}
