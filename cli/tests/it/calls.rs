//! What commands ask and print when all goes well.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;
use std::thread;
use std::time::Duration;

use quilt_proto::{ErrorCode, Problem};

use crate::server::{Home, Ran, http};

const DOCUMENT: &str = r#"{"Version":1,"AccessKeyId":"A","SecretAccessKey":"s","SessionToken":"t","Expiration":"2030-01-01T00:00:00Z", "Extra": [1]}"#;
const STATUS: &str = r#"{"version":"1.2.3","pid":7,"started_at":"2030-01-01T00:00:00Z","socket":"/s","token_store":"file","catalogs":[{"catalog_url":"https://x.example","registry_url":null,"session":{"state":"active","kind":"interactive","access_token_expires_at":"2030-01-01T00:00:00Z","last_error":null},"credentials":[{"profile":"default","expires_at":null,"next_refresh_at":null,"last_error":"no \u001b[31mluck"}]}]}"#;
const SESSION: &str = r#"{"catalog_url":"https://x.example","registry_url":null,"login_url":null,"state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null}"#;
const ME: &str =
    r#"{"name":"me","email":"me@x.example","is_admin":false,"role":"b","roles":["a","b"]}"#;

#[test]
fn the_document_is_passed_on_as_it_is() {
    let home = Home::new();
    let requests = home.answer(200, DOCUMENT);
    assert_eq!(home.run(&["credential-process"]).ok(), DOCUMENT);
    let request = requests.recv().unwrap();
    assert!(request.starts_with("GET /v1/aws/credentials?profile=default HTTP/1.1\r\n"));

    home.run(&[
        "credential-process",
        "--profile=lake",
        "--catalog",
        "https://x",
    ])
    .ok();
    let request = requests.recv().unwrap();
    assert!(
        request.contains("?profile=lake&catalog=https%3A%2F%2Fx "),
        "{request}"
    );
}

#[test]
fn the_catalog_comes_from_the_environment_too() {
    let home = Home::new();
    let requests = home.answer(200, DOCUMENT);
    let output = home
        .command(&["credential-process"])
        .env("QUILT_CATALOG", "https://y")
        .output();
    assert!(output.unwrap().status.success());
    assert!(
        requests
            .recv()
            .unwrap()
            .contains("&catalog=https%3A%2F%2Fy ")
    );
}

#[test]
fn a_catalog_that_is_no_text_is_not_another_one() {
    let home = Home::new();
    home.answer(200, DOCUMENT);
    let run = |args: &[&str], variable: &[u8]| {
        let mut command = home.command(args);
        command.env("QUILT_CATALOG", OsStr::from_bytes(variable));
        Ran::from(&command.output().unwrap())
    };
    for command in [
        "credential-process",
        "token",
        "whoami",
        "logged-in",
        "doctor",
    ] {
        let line = run(&[command], b"https://\xff").failed(8);
        assert_eq!(
            line,
            "quiltctl: QUILT_CATALOG is not text; run: unset QUILT_CATALOG\n"
        );
        let line = run(&[command], b" ").failed(8);
        assert!(line.contains("white space; run: unset"), "{line}");
        let line = run(&[command, "--catalog", " "], b"").failed(8);
        assert!(line.contains("--catalog is nothing but"), "{line}");
    }
    // A flag says more, and nothing at all says nothing.
    let flag = ["credential-process", "--catalog", "https://x"];
    run(&flag, b"\xff").ok();
    run(&["credential-process"], b"").ok();
}

#[test]
fn a_token_is_printed_bare_and_as_json() {
    let home = Home::new();
    let body = r#"{"token":"abc.def","expires_at":null,"kind":"interactive"}"#;
    home.answer(200, body);
    assert_eq!(home.run(&["token"]).ok(), "abc.def\n");
    assert_eq!(home.run(&["token", "--json"]).ok(), format!("{body}\n"));
}

/// The server knows one answer; a second question finds no other.
fn status_server(home: &Home) {
    home.serve(|request, mut stream| {
        let body = if request.starts_with("GET /v1/status") {
            STATUS
        } else {
            "[]"
        };
        let _ = stream.write_all(http(200, body).as_bytes());
    });
}

#[test]
fn status_says_who_and_is_harmless() {
    let home = Home::new();
    status_server(&home);
    let text = home.run(&["status"]).ok();
    assert!(text.contains("x.example  renews itself\n"), "{text}");
    assert!(text.contains("default  nothing held"), "{text}");
    assert!(text.contains("no [31mluck"), "{text}");
    assert!(!text.contains('\u{1b}'), "{text}");
    assert_eq!(home.run(&["--json", "status"]).ok(), format!("{STATUS}\n"));
}

#[test]
fn colour_is_as_asked_for() {
    let home = Home::new();
    status_server(&home);
    let run = |args: &[&str], variables: &[(&str, &str)]| {
        let mut command = home.command(args);
        command.envs(variables.iter().copied());
        Ran::from(&command.output().unwrap()).ok()
    };
    let always = ["status", "--color", "always"];
    assert!(run(&always, &[]).contains("\u{1b}["));
    assert!(!run(&["status"], &[]).contains('\u{1b}'), "a pipe");
    assert!(!run(&["status", "--color", "never"], &[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    assert!(run(&["status"], &[("CLICOLOR_FORCE", "1")]).contains('\u{1b}'));
    let refused = [("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")];
    assert!(!run(&["status"], &refused).contains('\u{1b}'));
    // Symbols only where the locale has them.
    assert!(run(&["status"], &[("LANG", "C.UTF-8")]).contains('\u{b7}'));
    assert!(run(&["status"], &[]).contains("! x.example") || run(&["status"], &[]).is_ascii());
}

#[test]
fn logged_in_answers_with_the_url_or_quietly_with_3() {
    let home = Home::new();
    home.answer(200, SESSION);
    assert_eq!(home.run(&["logged-in"]).ok(), "https://x.example\n");
    let home = Home::new();
    home.answer(200, &SESSION.replace(r#""active""#, r#""expired""#));
    let ran = home.run(&["logged-in"]);
    assert_eq!(
        (ran.code, ran.stdout, ran.stderr),
        (3, String::new(), String::new())
    );
}

#[test]
fn without_a_catalog_nobody_is_logged_in() {
    let home = Home::new();
    let problem = Problem::new(422, ErrorCode::InvalidInput, "no catalog is configured");
    home.answer(422, &serde_json::to_string(&problem).unwrap());
    let ran = home.run(&["logged-in"]);
    assert_eq!(
        (ran.code, ran.stdout, ran.stderr),
        (3, String::new(), String::new())
    );
    home.run(&["logged-in", "--catalog", "nonsense"]).failed(8);
}

#[test]
fn who_you_are_and_which_roles_you_have() {
    let home = Home::new();
    let requests = home.answer(200, ME);
    assert!(home.run(&["whoami"]).ok().contains("me@x.example"));
    assert_eq!(home.run(&["role", "list"]).ok(), "  a\n* b\n");
    assert_eq!(home.run(&["role", "list", "--utc"]).ok(), "  a\n* b\n");
    assert_eq!(home.run(&["role", "switch", "b"]).ok(), "b\n");
    let last = requests.try_iter().last().unwrap();
    assert!(last.starts_with("PUT /v1/me/role "), "{last}");
    assert!(last.ends_with(r#"{"role":"b"}"#), "{last}");
}

#[test]
fn the_configuration_is_read_set_taken_over_and_reset() {
    let home = Home::new();
    let requests = home.answer(200, r#"{"region":"eu-west-1","telemetry_disabled":true}"#);
    let text = home.run(&["config"]).ok();
    assert_eq!(
        text,
        "region:             eu-west-1\ntelemetry_disabled: true\n"
    );
    home.run(&["config", "--set", "a=1", "--set", "b=x=y"]).ok();
    home.run(&["config", "https://x.example"]).ok();
    home.run(&["config", ""]).ok();
    let bodies: Vec<String> = requests
        .try_iter()
        .map(|request| request.split_once("\r\n\r\n").unwrap().1.to_owned())
        .collect();
    assert_eq!(
        bodies,
        [
            "",
            r#"{"values":{"a":1,"b":"x=y"}}"#,
            r#"{"catalog_url":"https://x.example"}"#,
            r#"{"catalog_url":""}"#
        ]
    );
    let line = home.run(&["config", "https://x", "--set", "a=b"]).failed(2);
    assert!(line.contains("Expected either an auto-config URL or key=value pairs, but got both."));
}

#[test]
fn logging_out_asks_for_one_session_or_all() {
    let home = Home::new();
    let requests = home.answer(204, "");
    assert_eq!(home.run(&["logout"]).ok(), "");
    assert_eq!(home.run(&["logout", "--all", "--json"]).ok(), "{}\n");
    let asked: Vec<String> = requests.try_iter().collect();
    // Whose it is, for those who read what is said.
    assert!(asked[0].starts_with("GET /v1/session"), "{asked:?}");
    assert!(asked[1].starts_with("DELETE /v1/session HTTP"));
    assert!(asked[2].starts_with("DELETE /v1/session?all=true HTTP"));
}

#[test]
fn events_are_printed_as_they_happen() {
    let home = Home::new();
    home.serve(|_, mut stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nevent: a\ndata: {}\n\n");
    });
    let ran = home.run(&["watch"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (4, "a  {}\n"), "{ran:?}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let home = Home::new();
    // Held back until the reader has gone.
    let (gone, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    home.serve(move |_, mut stream| {
        let _ = wait.lock().unwrap().recv_timeout(Duration::from_secs(10));
        let _ = stream.write_all(http(200, STATUS).as_bytes());
    });
    let mut child = home
        .command(&["status"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    gone.send(()).unwrap();
    let mut said = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut said)
        .unwrap();
    assert!(child.wait().unwrap().success());
    // Of what was to be read, that is: the daemon here is of no version.
    let said: Vec<_> = said
        .lines()
        .filter(|line| !line.contains("of version"))
        .collect();
    assert_eq!(said, [""; 0]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_an_error() {
    let home = Home::new();
    home.answer(200, DOCUMENT);
    let full = std::fs::File::options()
        .write(true)
        .open("/dev/full")
        .unwrap();
    let output = home
        .command(&["credential-process"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn shells_and_manuals_are_served_without_a_daemon() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completions", shell]).ok();
        assert!(script.contains("QUILTCTL_COMPLETE="), "{script}");
    }
    for command in [&["completions", "bash", "--json"][..], &["man", "--json"]] {
        let ran = home.run(command);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("prints no JSON"), "{ran:?}");
    }
    assert!(
        Ran::from(&home.command(&[]).output().unwrap())
            .ok()
            .contains("Log in:"),
        "alone, it shows the help"
    );
    assert!(home.run(&["man"]).ok().contains(".TH"));
    assert!(home.run(&["man", "role", "switch"]).ok().contains("switch"));
    home.run(&["man", "nonsense"]).failed(2);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().to_str().unwrap();
    home.run(&["man", "--all", path]).ok();
    let nested = std::fs::read_to_string(dir.path().join("quiltctl-role-switch.1")).unwrap();
    assert!(nested.contains("switch"), "{nested}");
    let mut pages = std::fs::read_dir(dir.path()).unwrap();
    assert!(!pages.any(|page| page.unwrap().file_name().to_string_lossy().contains("help")));
    home.run(&["man", "--all", "/dev/null"]).failed(8);
    // Links that others may plant there are not followed.
    let (open, own) = (home.path().join("open"), home.path().join("own"));
    std::fs::create_dir(&open).unwrap();
    std::fs::write(&own, "own").unwrap();
    std::os::unix::fs::symlink(&own, open.join("quiltctl.1")).unwrap();
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o777)).unwrap();
    let line = home
        .run(&["man", "--all", open.to_str().unwrap()])
        .failed(1);
    assert!(line.contains("can be written by"), "{line}");
    assert_eq!(std::fs::read(&own).unwrap(), b"own");
    // Nor once the directory is closed to them.
    std::fs::set_permissions(&open, PermissionsExt::from_mode(0o755)).unwrap();
    home.run(&["man", "--all", open.to_str().unwrap()]).ok();
    assert_eq!(std::fs::read(&own).unwrap(), b"own");
    let page = open.join("quiltctl.1");
    assert!(page.symlink_metadata().unwrap().is_file());
    assert!(home.run(&["--help"]).ok().contains("Usage"));
    let help = home.run(&["packages", "delete", "--help"]).ok();
    assert!(
        help.contains("needed where nobody is at a terminal"),
        "{help}"
    );
    assert!(home.run(&["--version"]).ok().starts_with("quiltctl "));
}

#[test]
fn many_at_once_are_all_served() {
    let home = Home::new();
    home.answer(200, DOCUMENT);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| assert_eq!(home.run(&["credential-process"]).ok(), DOCUMENT));
        }
    });
}
