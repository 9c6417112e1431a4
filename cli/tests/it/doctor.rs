//! `doctor` against daemons that are not as they should be.

use std::io::Write;

use crate::server::{Home, Ran, http};

fn doctor(home: &Home) -> Ran {
    home.run(&["doctor"])
}

/// The lines of a run that found an error.
fn lines(ran: &Ran) -> Vec<String> {
    assert_eq!((ran.code, ran.stderr.as_str()), (1, ""), "{ran:?}");
    ran.stdout.lines().map(str::to_owned).collect()
}

#[test]
fn a_daemon_of_another_version_is_to_be_restarted() {
    let home = Home::new();
    home.serve(|request, mut stream| {
        let answer = if request.starts_with("GET /v1/health ") {
            http(200, r#"{"status":"ok","version":"0.0.1"}"#)
        } else {
            let body = r#"{"type":"t","title":"t","status":404,"detail":"d","code":"not_found"}"#;
            http(404, body)
        };
        let _ = stream.write_all(answer.as_bytes());
    });
    let found = lines(&doctor(&home));
    let version = env!("CARGO_PKG_VERSION");
    let line = format!("x quiltd is of version 0.0.1, and quiltctl of {version}");
    let verdict = "x One thing keeps programs from their credentials; its command is above.";
    let lines = [&line, "    run: quiltctl daemon restart", "", verdict];
    assert_eq!(found, lines);
}

#[test]
fn what_answers_but_is_no_daemon_is_told() {
    let home = Home::new();
    home.serve(|_, mut stream| {
        let _ = stream.write_all(b"SSH-2.0-what\r\n");
    });
    let found = lines(&doctor(&home));
    assert!(
        found[1].ends_with("run: quiltctl daemon restart"),
        "{found:?}"
    );
}

#[test]
fn no_daemon_is_started_to_look_for_one() {
    let home = Home::new();
    let ran = Ran::from(&home.command(&["doctor"]).output().unwrap());
    let found = lines(&ran);
    assert!(
        found[1].ends_with("run: quiltctl daemon start"),
        "{found:?}"
    );
    assert!(!home.socket().exists());
    let options = ["--socket", "/no/where", "doctor", "--json"];
    let ran = home.run(&options);
    assert!(
        ran.stdout
            .contains("quiltctl --socket /no/where daemon start"),
        "{ran:?}"
    );
}
