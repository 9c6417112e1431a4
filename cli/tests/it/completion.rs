//! Completion in the real shells, in a terminal, with what a daemon knows.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::Receiver;

use crate::server::{Home, Ran, http, script};
use crate::terminal::Terminal;

const STATUS: &str = r#"{"version":"1","pid":7,"started_at":"2030-01-01T00:00:00Z","socket":"/s","token_store":"file","grants":[{"id":"grant0815","kind":"credentials","catalog_url":"https://demo.quilt.example","profile":"lake","created_at":"2030-01-01T00:00:00Z","expires_at":"2030-01-01T00:00:00Z"}],"catalogs":[{"catalog_url":"https://demo.quilt.example","registry_url":null,"alias":"prod","session":{"state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null},"credentials":[]}]}"#;
const ME: &str = r#"{"name":"me","email":"m","is_admin":false,"role":"ReadWriteAll","roles":["ReadWriteAll","$(touch pwned)","`touch pwned`","-x","Two Words; touch pwned","odd\\:$(touch pwned)\\","~root"]}"#;
const PROFILES: &str = r#"[{"name":"lakehouse","catalog_url":null,"role_arn":[],"region":null,"expires_at":null,"next_refresh_at":null,"last_error":null}]"#;
const KEYS: &str = r#"[{"id":"key4711","name":"nightly","fingerprint":"qk_a...b","created_at":"2030-01-01T00:00:00Z","expires_at":"2030-01-01T00:00:00Z","last_used_at":null,"status":"ACTIVE","user_email":"a"}]"#;

fn daemon(home: &Home) -> Receiver<String> {
    home.serve(|request, mut stream| {
        let path = request.split(' ').nth(1).unwrap_or_default();
        let body = match path.split('?').next().unwrap_or_default() {
            "/v1/status" => STATUS,
            "/v1/me" => ME,
            "/v1/profiles" => PROFILES,
            "/v1/api-keys" | "/v1/admin/api-keys" => KEYS,
            "/v1/packages" => r#"["team/dataset"]"#,
            _ => "{}",
        };
        let _ = stream.write_all(http(200, body).as_bytes());
    })
}

/// Lines to complete, and what is on the line then.
const LINES: &[(&str, &str)] = &[
    ("quiltctl stat", "quiltctl status"),
    (
        "quiltctl role switch Read",
        "quiltctl role switch ReadWriteAll",
    ),
    (
        "quiltctl exec --profile lake",
        "quiltctl exec --profile lakehouse",
    ),
    (
        "quiltctl grants revoke gr",
        "quiltctl grants revoke grant0815",
    ),
    (
        "quiltctl api-keys revoke key",
        "quiltctl api-keys revoke key4711",
    ),
    (
        "quiltctl api-keys list --name n",
        "quiltctl api-keys list --name nightly",
    ),
    (
        "quiltctl admin api-keys list --key-name n",
        "quiltctl admin api-keys list --key-name nightly",
    ),
    (
        "quiltctl admin api-keys get key",
        "quiltctl admin api-keys get key4711",
    ),
    (
        "quiltctl api-keys revoke ni",
        "quiltctl api-keys revoke nightly",
    ),
    (
        "quiltctl api-keys rotate key",
        "quiltctl api-keys rotate key4711",
    ),
    ("quiltctl --catalog pr", "quiltctl --catalog prod"),
    (
        "quiltctl packages delete te",
        "quiltctl packages delete team/dataset",
    ),
    (
        "quiltctl packages versions te",
        "quiltctl packages versions team/dataset",
    ),
    ("quiltctl login de", "quiltctl login demo.quilt.example"),
    ("quiltctl use pr", "quiltctl use prod"),
    (
        "quiltctl exec -- quilt-sample-pr",
        "quiltctl exec -- quilt-sample-program",
    ),
];

/// What the program itself answers.
fn asked(home: &Home, shell: &str, words: &[&str]) -> String {
    let mut command = home.command(words);
    command.env("QUILTCTL_COMPLETE", shell);
    Ran::from(&command.output().unwrap()).ok()
}

#[test]
fn it_knows_what_the_daemon_knows_and_puts_nothing_on_the_line_that_is_obeyed() {
    let home = Home::new();
    daemon(&home);
    for (line, completed) in &LINES[..LINES.len() - 1] {
        let words: Vec<&str> = line.split(' ').collect();
        let found = asked(&home, "bash", &words);
        let last = completed.rsplit(' ').next().unwrap();
        assert_eq!(found, format!("{last}\n"), "{line}");
    }
    let roles = ["quiltctl", "role", "switch", ""];
    assert_eq!(asked(&home, "bash", &roles), "ReadWriteAll\n");
    // These quote what they put on the line; options are not offered anywhere.
    let shown = asked(&home, "fish", &roles);
    assert!(
        !shown.contains("~root"),
        "fish would make a directory of it"
    );
    assert!(shown.contains("Two Words; touch pwned"), "{shown}");
    assert!(!shown.lines().any(|line| line.starts_with("-x")), "{shown}");
}

#[test]
fn without_a_daemon_nothing_is_started_and_nothing_said() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish", "powershell"] {
        assert_eq!(asked(&home, shell, &["quiltctl", "role", "switch", ""]), "");
        assert!(asked(&home, shell, &["quiltctl", "stat"]).starts_with("status"));
    }
    assert!(!home.path().join("state").exists(), "a daemon was started");
}

#[test]
fn a_daemon_that_hangs_does_not_hold_up_the_line() {
    let home = Home::new();
    home.serve(|_, stream| {
        std::thread::sleep(std::time::Duration::from_secs(30));
        drop(stream);
    });
    let before = std::time::Instant::now();
    assert_eq!(asked(&home, "bash", &["quiltctl", "use", ""]), "");
    // The deadline is a fifth of a second; a busy machine adds its own.
    assert!(before.elapsed() < std::time::Duration::from_secs(10));
}

/// A shell in a terminal, set up by `setup completions`.
fn shell(home: &Home, name: &str) -> Terminal {
    let bin = home.path().join("bin");
    std::fs::create_dir_all(&bin).unwrap();
    let quiltctl = bin.join("quiltctl");
    if !quiltctl.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_quiltctl"), &quiltctl).unwrap();
    }
    let program = bin.join("quilt-sample-program");
    script(&program, "");
    home.run(&["setup", "completions", name]).ok();
    let mut command = Command::new(name);
    match name {
        "bash" => command.arg("-i"),
        "zsh" => command.args(["-i", "-o", "no_global_rcs"]),
        _ => command.arg("--interactive"),
    };
    let base = home.command(&[]);
    command
        .current_dir(home.path())
        .envs(
            base.get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .env("PATH", format!("{}:/usr/bin:/bin", bin.display()))
        .env("LANG", "C.UTF-8")
        .env("PS1", "ready> ")
        .env("HISTFILE", "/dev/null");
    if name == "fish" {
        let config = home.path().join(".config/fish");
        std::fs::create_dir_all(&config).unwrap();
        std::fs::write(
            config.join("config.fish"),
            "function fish_prompt; echo 'ready> '; end\nset fish_greeting\nset -g fish_autosuggestion_enabled 0\n",
        )
        .unwrap();
    } else {
        let rc = home.path().join(format!(".{name}rc"));
        let mut text = std::fs::read_to_string(&rc).unwrap();
        text.push_str("\nPS1='ready> '\n");
        std::fs::write(rc, text).unwrap();
    }
    let terminal = Terminal::run(&mut command, 40, 150);
    terminal.wait_for("ready> ");
    terminal
}

fn completes(name: &str) {
    assert!(
        Path::new("/usr/bin").join(name).exists() || Path::new("/bin").join(name).exists(),
        "{name} is not installed"
    );
    let home = Home::new();
    let requests = daemon(&home);
    let terminal = shell(&home, name);
    for (line, completed) in LINES {
        terminal.write(line);
        terminal.wait_for(line);
        terminal.press_until("\t", completed);
        // The whole line goes, and the next prompt comes.
        terminal.write("\u{15}");
        terminal.wait("an empty line", |terminal| {
            !terminal.text().contains(completed)
        });
        terminal.write("clear\r");
        terminal.wait("a fresh prompt", |terminal| {
            let text = terminal.text();
            text.trim_end().ends_with("ready>") && text.matches("ready>").count() == 1
        });
    }
    // Nothing a stack says is run, however it is asked for.
    terminal.write("quiltctl role switch ");
    terminal.press_until("\t\t", "ReadWriteAll");
    terminal.write("\u{15}");
    assert!(!home.path().join("pwned").exists());
    // What is put on the line is the name, however it has to be quoted there.
    if name != "bash" {
        terminal.write("clear\r");
        terminal.write("quiltctl role switch od");
        terminal.press_until("\t", "touch");
        terminal.write("\r");
        let limit = std::time::Duration::from_secs(20);
        let mut heard = std::iter::from_fn(|| requests.recv_timeout(limit).ok());
        let switched = heard.find(|request| request.starts_with("PUT /v1/me/role"));
        let switched = switched.unwrap();
        assert!(
            switched.contains(r#""odd\\:$(touch pwned)\\""#),
            "{switched}"
        );
        assert!(!home.path().join("pwned").exists());
    }
    // It is taken back as it was put there.
    home.run(&["setup", "completions", name, "--undo"]).ok();
    let rc = std::fs::read_to_string(home.path().join(format!(".{name}rc")));
    assert!(!rc.unwrap_or_default().contains("quiltctl"));
}

#[test]
fn a_link_to_the_file_outlives_what_was_written_there() {
    let home = Home::new();
    let (rc, kept) = (home.path().join(".bashrc"), home.path().join("dot-bashrc"));
    std::fs::write(&kept, "").unwrap();
    std::os::unix::fs::symlink("dot-bashrc", &rc).unwrap();
    home.run(&["setup", "completions", "bash"]).ok();
    assert!(std::fs::read_to_string(&kept).unwrap().contains("quiltctl"));
    home.run(&["setup", "completions", "bash", "--undo"]).ok();
    assert!(rc.is_symlink());
    assert_eq!(std::fs::read_to_string(&kept).unwrap(), "");
}

#[test]
fn bash_completes() {
    completes("bash");
}

#[test]
fn zsh_completes() {
    completes("zsh");
}

#[test]
fn fish_completes() {
    completes("fish");
}
