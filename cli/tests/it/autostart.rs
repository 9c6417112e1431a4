//! Starting the daemon when nobody answers. The daemon is a script that tells
//! the test to listen, waits until it does, and announces that.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use crate::server::{self, Home, Ran, http};

const TOKEN: &str = r#"{"token":"t","expires_at":null,"kind":"interactive"}"#;

fn script(home: &Home, text: &str) -> PathBuf {
    let path = home.path().join("fake-quiltd");
    server::script(&path, text);
    path
}

/// A script that starts like a daemon, and the server that then answers.
fn daemon(home: &Home) -> PathBuf {
    let dir = home.path().display().to_string();
    let made = Command::new("mkfifo")
        .args([format!("{dir}/asked"), format!("{dir}/listening")])
        .status();
    assert!(made.unwrap().success());
    script(
        home,
        &format!(
            "echo \"$@\" >> {dir}/starts\n\
             env > {dir}/env\n\
             pwd > {dir}/cwd\n\
             ls /proc/$$/fd > {dir}/fds\n\
             cat /proc/$$/stat > {dir}/stat\n\
             umask > {dir}/umask\n\
             echo x > {dir}/asked\n\
             cat {dir}/listening > /dev/null\n\
             echo '{{\"socket\":\"s\",\"pid\":1,\"version\":\"1\"}}'\n"
        ),
    )
}

/// Listens once the script asks for it.
fn listen(home: &Home) {
    fs::read(home.path().join("asked")).unwrap();
    home.serve(|_, mut stream| {
        let _ = stream.write_all(http(200, TOKEN).as_bytes());
    });
    fs::write(home.path().join("listening"), "x").unwrap();
}

fn file(home: &Home, name: &str) -> String {
    fs::read_to_string(home.path().join(name)).unwrap()
}

#[test]
fn the_daemon_starts_clean_and_detached() {
    let home = Home::new();
    let daemon = daemon(&home);
    let ran = thread::scope(|scope| {
        scope.spawn(|| listen(&home));
        // Descriptor 7 is open in quiltctl and must not be in the daemon.
        let output = Command::new("sh")
            .args(["-c", "exec \"$0\" token 7</dev/null"])
            .arg(env!("CARGO_BIN_EXE_quiltctl"))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", home.path())
            .env("QUILTD_SOCKET", home.socket())
            .env("QUILTD_STATE_DIR", "relative-state")
            .env("QUILTD_BIN", &daemon)
            .env("QUILT_API_KEY", "qk_canary")
            .env("AWS_SECRET_ACCESS_KEY", "canary")
            .env("AWS_PROFILE", "canary")
            .env("AWS_CA_BUNDLE", "/kept")
            .current_dir(home.path())
            .output();
        Ran::from(&output.unwrap())
    });
    assert_eq!(ran.ok(), "t\n");
    assert_eq!(
        file(&home, "starts").trim(),
        format!("--socket {}", home.socket().display())
    );
    let env = file(&home, "env");
    assert!(!env.contains("canary"), "{env}");
    assert!(env.contains("AWS_CA_BUNDLE=/kept"), "{env}");
    let state = home.path().join("relative-state");
    assert!(
        env.contains(&format!("QUILTD_STATE_DIR={}", state.display())),
        "{env}"
    );
    assert_eq!(file(&home, "cwd").trim(), "/");
    assert!(file(&home, "umask").trim().ends_with("077"));
    if cfg!(target_os = "linux") {
        assert!(!file(&home, "fds").lines().any(|fd| fd == "7"));
        // Fields after the name: state, parent, group, session. The session
        // is not this test's.
        let stat = file(&home, "stat");
        let session = stat.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
        let own = fs::read_to_string("/proc/self/stat").unwrap();
        let ours = own.rsplit_once(") ").unwrap().1.split(' ').nth(3).unwrap();
        assert_ne!(session, ours);
    }
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(state.join("quiltd.log")), 0o600);
    assert_eq!(mode(home.path().join("run")), 0o700);
}

/// To the daemon, which works elsewhere, it would be another directory.
#[test]
fn a_home_by_half_a_path_is_none() {
    let home = Home::new();
    let run = |at: &str| {
        let output = Command::new(env!("CARGO_BIN_EXE_quiltctl"))
            .args(["status"])
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", at)
            .env("QUILTD_BIN", script(&home, "exit 1\n"))
            .current_dir(home.path())
            .output();
        Ran::from(&output.unwrap())
    };
    let said = run("half/home");
    assert!(
        said.code != 0 && said.stderr.contains("set HOME to a full path"),
        "{said:?}"
    );
    assert!(!home.path().join("half").exists());
    // The control: a whole one is where things begin.
    let whole = home.path().join("half/home");
    run(whole.to_str().unwrap());
    assert!(whole.exists());
}

#[test]
fn of_many_at_once_one_starts_it() {
    let home = Home::new();
    let daemon = daemon(&home);
    thread::scope(|scope| {
        scope.spawn(|| listen(&home));
        for _ in 0..30 {
            scope.spawn(|| {
                let output = home.command(&["token"]).env("QUILTD_BIN", &daemon).output();
                assert_eq!(Ran::from(&output.unwrap()).ok(), "t\n");
            });
        }
    });
    assert_eq!(file(&home, "starts").lines().count(), 1);
}

#[test]
fn a_daemon_that_fails_is_quoted() {
    let home = Home::new();
    let daemon = script(
        &home,
        "echo first >&2; echo 'the config is wrong' >&2; exit 1",
    );
    for command in ["credential-process", "token"] {
        let output = home.command(&[command]).env("QUILTD_BIN", &daemon).output();
        let line = Ran::from(&output.unwrap()).failed(4);
        assert!(
            line.contains("quiltd did not start: “the config is wrong”"),
            "{line}"
        );
    }
}

#[test]
fn what_is_not_a_daemon_is_not_trusted() {
    let home = Home::new();
    let missing = home.path().join("missing");
    for daemon in [
        script(&home, "echo hello"),
        missing,
        PathBuf::from("/dev/null"),
    ] {
        let output = home.command(&["token"]).env("QUILTD_BIN", &daemon).output();
        Ran::from(&output.unwrap()).failed(4);
    }
}

#[test]
fn a_daemon_that_never_listens_does_not_hang_the_sdk() {
    let home = Home::new();
    let daemon = script(&home, "echo $$ > \"$HOME/pid\"; exec sleep 60");
    let start = Instant::now();
    let output = home
        .command(&["credential-process"])
        .env("QUILTD_BIN", &daemon)
        .output();
    Ran::from(&output.unwrap()).failed(4);
    // Its own deadline is far shorter; the machine may be busy.
    let took = start.elapsed();
    assert!(took < Duration::from_secs(30), "{took:?}");
    let killed = Command::new("kill").arg(file(&home, "pid").trim()).status();
    assert!(killed.unwrap().success());
}

/// Hangs up on one question, as a daemon does that dies.
fn die_when_asked(home: &Home, listener: UnixListener) {
    let (mut stream, _) = listener.accept().unwrap();
    stream.read_exact(&mut [0]).unwrap();
    fs::remove_file(home.socket()).unwrap();
    drop(listener);
}

#[test]
fn a_question_a_dying_daemon_drops_is_asked_again() {
    let home = Home::new();
    let daemon = daemon(&home);
    fs::create_dir(home.path().join("run")).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let ran = thread::scope(|scope| {
        scope.spawn(|| {
            die_when_asked(&home, listener);
            listen(&home);
        });
        let output = home.command(&["token"]).env("QUILTD_BIN", &daemon).output();
        Ran::from(&output.unwrap())
    });
    assert_eq!(ran.ok(), "t\n");
}

/// As one does in a crowd that has no slot left.
#[test]
fn a_question_that_is_hung_up_on_is_asked_again_a_few_times() {
    let home = Home::new();
    let left = Arc::new(AtomicUsize::new(4));
    let hung_up = Arc::clone(&left);
    let answer = http(200, TOKEN);
    let requests = home.serve(move |_, mut stream| {
        let is_over = hung_up.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1));
        if is_over.is_err() {
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    assert_eq!(home.run(&["token"]).ok(), "t\n");
    assert_eq!(requests.try_iter().count(), 5);
    // But not for ever.
    left.store(usize::MAX, Relaxed);
    home.run(&["token"]).failed(4);
    assert_eq!(requests.try_iter().count(), 7);
    home.run(&["grants", "revoke", "g"]).failed(4);
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn what_changes_something_is_not_asked_twice() {
    let home = Home::new();
    let daemon = daemon(&home);
    fs::create_dir(home.path().join("run")).unwrap();
    let listener = UnixListener::bind(home.socket()).unwrap();
    let ran = thread::scope(|scope| {
        scope.spawn(|| die_when_asked(&home, listener));
        let output = home
            .command(&["grants", "revoke", "g"])
            .env("QUILTD_BIN", &daemon)
            .output();
        Ran::from(&output.unwrap())
    });
    ran.failed(4);
    assert!(!home.path().join("starts").exists());
}
