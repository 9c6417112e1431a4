//! What the commands show that end in a sentence and not in a table: the real
//! program on a terminal of each width, over a daemon that says the same each
//! time. What somebody copies is whole at every width.

use std::fmt::Write as _;
use std::io::Write;
use std::net::TcpListener;
use std::sync::Arc;

use crate::server::{Home, http};
use crate::terminal::Terminal;

const WIDTHS: [u16; 4] = [60, 80, 120, 200];

const ME: &str = r#""me":{"name":"alice","email":"alice@quilt.example","is_admin":true,"role":"ReadWrite","roles":["ReadWrite","Read"]}"#;
const KEY: &str = r#"{"id":"0b9e7a52-6b1f-4f0e-9d0f-6c1d0b9e7a52","name":"ci-nightly","fingerprint":"qk_1a2...f9c","created_at":"2030-01-01T00:00:00Z","expires_at":"2030-04-01T00:00:00Z","last_used_at":null,"status":"ACTIVE","user_email":"alice@quilt.example"}"#;

/// A session of a catalog.
fn session(host: &str) -> String {
    format!(
        r#"{{"catalog_url":"https://{host}","registry_url":"https://registry.{host}","login_url":"https://registry.{host}/login","state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null,{ME}}}"#
    )
}

/// What a status says of a catalog.
fn known(host: &str, alias: &str) -> String {
    format!(
        r#"{{"catalog_url":"https://{host}","registry_url":null,"alias":{alias},"session":{{"state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null}},"credentials":[]}}"#
    )
}

fn status(version: &str) -> String {
    format!(
        r#"{{"version":"{version}","pid":7,"started_at":"2030-01-01T00:00:00Z","socket":"/s","token_store":"file","grants":[],"default_catalog":"https://demo.quilt.example","catalogs":[{},{}]}}"#,
        known("demo.quilt.example", "\"prod\""),
        known("lab.quilt.example", "null"),
    )
}

/// A daemon that knows two catalogs.
fn daemon(home: &Home) {
    // What a program under exec would ask; that it is there is looked at first.
    let loopback = TcpListener::bind("127.0.0.1:0").unwrap();
    // As the daemon does, whose port is kept for the program.
    rustix::net::sockopt::set_socket_reuseport(&loopback, true).unwrap();
    let grant = format!(
        r#"{{"id":"0637a29abf220dda","uri":"http://{}/v1/aws/credentials","token":"t","expires_at":"2030-01-01T00:00:00Z","region":"us-east-1"}}"#,
        loopback.local_addr().unwrap()
    );
    let loopback = Arc::new(loopback);
    home.serve(move |request, mut stream| {
        let _held = &loopback;
        let mut words = request.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let host = if target.contains("lab") {
            "lab.quilt.example"
        } else {
            "demo.quilt.example"
        };
        let path = target.split('?').next().unwrap();
        let gateway = r#"{"changed":true,"catalog_url":"https://demo.quilt.example","registry_url":null,"gateway_url":"http://127.0.0.1:28517","listening":true,"files":[],"imported":false,"own_login":false,"without_api_keys":false,"rights_changed":false,"login":null,"addresses":[]}"#;
        let problem = r#"{"type":"about:blank","title":"x","status":403,"code":"stack_refused","detail":"the code was not accepted: “Invalid refresh token”; a code works once, and at the catalog whose page showed it: copy a new one whole","hint":"quiltctl login https://demo.quilt.example"}"#;
        let config = r#"{"navigator_url":"https://demo.quilt.example","region":"us-east-1","registryUrl":"http://127.0.0.1:28517","telemetry_disabled":false,"default_remote_registry":null}"#;
        let (code, body) = match (method, path) {
            ("DELETE", _) => (204, String::new()),
            ("POST", "/v1/session") if request.contains("mistyped") => (403, problem.to_owned()),
            (_, "/v1/session") => (200, session(host)),
            (_, "/v1/status") => (200, status("0.1.0")),
            (_, "/v1/config") => (200, config.to_owned()),
            (_, "/v1/gateway") => (200, gateway.to_owned()),
            (_, "/v1/me" | "/v1/me/role") => (200, ME[5..].to_owned()),
            (_, "/v1/profiles") => (200, "[]".to_owned()),
            ("POST", "/v1/api-keys") => (
                200,
                format!(
                    r#"{{"api_key":{KEY},"secret":"qk_{}"}}"#,
                    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTU"
                ),
            ),
            ("GET", "/v1/api-keys") => (200, format!("[{KEY}]")),
            ("GET", path) if path.starts_with("/v1/api-keys/") => (200, KEY.to_owned()),
            (_, "/v1/packages") if target.contains("full") => (
                200,
                "\"examples/漢字\"\n\"examples/hurdat\"\n".to_owned(),
            ),
            (_, "/v1/packages") => (200, String::new()),
            (_, "/v1/buckets") => (
                200,
                r#"[{"name":"quilt-example","title":"Examples"},{"name":"quilt-full"}]"#.to_owned(),
            ),
            ("POST", "/v1/aws/grants") => (200, grant.clone()),
            _ => (200, "{}".to_owned()),
        };
        let _ = stream.write_all(http(code, &body).as_bytes());
    });
}

/// Runs it on a terminal that wide; what it showed, a line of the screen a
/// line, and the lines that the terminal itself had to break.
fn shown(home: &Home, args: &[&str], typed: &str, width: u16) -> (String, Vec<String>) {
    let mut command = home.command(args);
    command.env("LANG", "C.UTF-8").env("SHELL", "/bin/bash");
    let mut terminal = Terminal::run(&mut command, 60, width);
    if !typed.is_empty() {
        terminal.wait_for(if args.contains(&"login") {
            "Code:"
        } else {
            "[y/N]"
        });
        terminal.write(&format!("{typed}\r"));
    }
    terminal.end();
    terminal.lines()
}

/// Every command, with what is typed at its question.
const COMMANDS: &[(&str, &[&str], &str)] = &[
    ("login", &["login", "demo.quilt.example"], "the-code"),
    ("login_again", &["login"], "mistyped"),
    (
        "login_of_another",
        &["login", "lab.quilt.example"],
        "the-code",
    ),
    ("logout", &["logout"], ""),
    ("logout_all", &["logout", "--all"], ""),
    ("logged_in", &["logged-in"], ""),
    ("clear_api_key", &["clear-api-key"], ""),
    ("use", &["use", "prod"], ""),
    ("config", &["config"], ""),
    ("role_switch", &["role", "switch", "ReadWrite"], ""),
    ("setup_aws", &["setup", "aws"], ""),
    ("setup_aws_again", &["setup", "aws"], ""),
    (
        "setup_aws_other",
        &[
            "setup",
            "aws",
            "--name",
            "other",
            "--catalog",
            "lab.quilt.example",
        ],
        "",
    ),
    ("setup_aws_undo", &["setup", "aws", "--undo"], ""),
    ("setup_quilt3", &["setup", "quilt3"], ""),
    ("setup_completions", &["setup", "completions", "bash"], ""),
    (
        "setup_completions_undo",
        &["setup", "completions", "bash", "--undo"],
        "",
    ),
    (
        "api_keys_create",
        &["--utc", "api-keys", "create", "ci-nightly"],
        "",
    ),
    (
        "api_keys_revoke",
        &["api-keys", "revoke", "ci-nightly"],
        "y",
    ),
    (
        "grants_revoke",
        &["grants", "revoke", "0637a29abf220dda"],
        "",
    ),
    ("buckets", &["buckets"], ""),
    ("packages_list_none", &["packages", "list"], ""),
    (
        "packages_list",
        &["packages", "list", "s3://quilt-full"],
        "",
    ),
    (
        "packages_list_none_in_bucket",
        &["packages", "list", "s3://quilt-example"],
        "",
    ),
    ("mistyped", &["api-keys", "rovoke"], ""),
    ("no_choice", &["role", "switch"], ""),
    ("no_program", &["exec", "--", "nosuchprogram"], ""),
];

#[test]
fn every_command_at_every_width_and_nothing_to_copy_is_broken() {
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let _bound = settings.bind_to_scope();
    let homes = WIDTHS.map(|width| {
        let home = Home::new();
        daemon(&home);
        (width, home)
    });
    for (name, args, typed) in COMMANDS {
        let mut all = String::new();
        for (width, home) in &homes {
            let (text, broken) = shown(home, args, typed, *width);
            for line in &broken {
                let line = line.trim();
                let is_whole = line.starts_with("run: ")
                    || line.starts_with("Next:")
                    || line.starts_with("quiltctl ")
                    || line.starts_with("aws ")
                    || line.starts_with("Secret: ")
                    || !line.contains(' ');
                assert!(
                    is_whole,
                    "{args:?} at {width}: broken by the terminal: {line}"
                );
            }
            let _ = writeln!(all, "──── {width}\n{text}");
        }
        let is_answered = !all.contains("what answers on the socket is not quiltd");
        assert!(is_answered, "{args:?}: the daemon here says something else");
        insta::assert_snapshot!(format!("screen_{name}"), all);
    }
}

/// The probe can tell: a terminal breaks what is longer than it is wide.
#[test]
fn a_line_that_is_too_long_is_seen_to_be_broken() {
    let home = Home::new();
    let mut command = std::process::Command::new("printf");
    command.arg(format!("{} end\\nshort\\n", "word ".repeat(20)));
    let mut terminal = Terminal::run(&mut command, 10, 60);
    terminal.end();
    let (text, broken) = terminal.lines();
    assert_eq!(broken.len(), 1, "{text}");
    assert!(broken[0].ends_with(" end"), "{broken:?}");
    drop(home);
}
