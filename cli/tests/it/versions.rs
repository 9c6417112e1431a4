//! Daemons of other versions: what does not work with them says so.

use std::io::Write;

use crate::server::{Home, http};

const STATUS: &str = r#"{"version":"VERSION","pid":1,"started_at":"2030-01-01T00:00:00Z",
    "socket":"/s","token_store":"file","catalogs":[]}"#;
const UNKNOWN: &str = r#"{"type":"t","title":"t","status":404,"detail":"no such path",
    "code":"not_found"}"#;

/// A daemon of this version, which knows nothing but its health and status.
fn daemon(version: &str) -> Home {
    let home = Home::new();
    let health = format!(r#"{{"status":"ok","version":"{version}"}}"#);
    let status = STATUS.replace("VERSION", version);
    home.serve(move |request, mut stream| {
        let answer = if request.starts_with("GET /v1/health ") {
            http(200, &health)
        } else if request.starts_with("GET /v1/status") {
            http(200, &status)
        } else {
            http(404, UNKNOWN)
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    home
}

#[test]
fn a_call_that_an_older_daemon_does_not_know_leads_to_a_restart() {
    let line = daemon("0.0.1").run(&["whoami"]).failed(7);
    assert!(
        line.contains("no such path (quiltd is of version 0.0.1"),
        "{line}"
    );
    assert!(
        line.trim_end().ends_with("; run: quiltctl daemon restart"),
        "{line}"
    );
    // One of this version is believed.
    let line = daemon(env!("CARGO_PKG_VERSION")).run(&["whoami"]).failed(7);
    assert!(!line.contains("version"), "{line}");
}

#[test]
fn status_says_that_the_daemon_is_of_another_version() {
    let other = daemon("99.0.0").run(&["status"]);
    assert_eq!(other.code, 0, "{other:?}");
    assert!(
        other.stderr.contains("quiltd is of version 99.0.0"),
        "{other:?}"
    );
    let same = daemon(env!("CARGO_PKG_VERSION")).run(&["status"]);
    assert_eq!(same.stderr, "");
}
