//! The interactive login: what is asked, what is shown, what is not.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};

use crate::server::{Home, Ran, http};

const SESSION: &str = r#"{"catalog_url":"https://x.example","registry_url":null,"login_url":"https://r.example/login","state":"active","kind":"interactive","access_token_expires_at":null,"last_error":null}"#;

fn home() -> (Home, Receiver<String>) {
    let home = Home::new();
    let requests = home.serve(|_, mut stream: UnixStream| {
        let _ = stream.write_all(http(200, SESSION).as_bytes());
    });
    (home, requests)
}

fn feed(mut command: Command, input: &[u8]) -> Ran {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that refuses its input may be gone before it has all of it.
    let _ = stdin.write_all(input);
    drop(stdin);
    Ran::from(&child.wait_with_output().unwrap())
}

#[test]
fn a_code_on_stdin_is_trimmed_and_sent() {
    let (home, requests) = home();
    let ran = feed(
        home.command(&["login", "--code-stdin"]),
        b" \tthe-code\r\n\n",
    );
    assert_eq!(ran.stderr, "");
    assert_eq!(ran.ok(), "https://x.example\n");
    let request = requests.recv().unwrap();
    assert!(request.starts_with("POST /v1/session HTTP"), "{request}");
    assert!(request.ends_with(" {\"code\":\"the-code\"}"), "{request}");
}

#[test]
fn over_ssh_the_page_is_named_and_not_opened() {
    let (home, _requests) = home();
    let mut command = home.command(&["login"]);
    command
        .env("DISPLAY", ":0")
        .env("SSH_CONNECTION", "1")
        .env("BROWSER", format!("touch {}/opened", home.path().display()));
    let ran = feed(command, b"code");
    assert!(ran.stderr.contains("https://r.example/login"), "{ran:?}");
    assert!(!ran.stderr.contains("code\n") && ran.code == 0, "{ran:?}");
    assert!(!home.path().join("opened").exists());
}

#[test]
fn bad_codes_are_refused_before_they_are_sent() {
    let (home, requests) = home();
    let endless = vec![b'a'; 70_000];
    for input in [&b""[..], b" \n", b"\xff\xfe", &endless] {
        let ran = feed(home.command(&["login", "--code-stdin"]), input);
        assert_eq!((ran.code, ran.stdout.as_str()), (8, ""), "{ran:?}");
    }
    assert!(requests.try_recv().is_err());
}

/// A terminal: the person's side and the program's.
fn terminal() -> (File, File) {
    let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&person).unwrap();
    unlockpt(&person).unwrap();
    let name = ptsname(&person, Vec::new()).unwrap();
    let program = File::options()
        .read(true)
        .write(true)
        .open(name.to_str().unwrap())
        .unwrap();
    (File::from(person), program)
}

/// Types at the prompt; gives how it ended, what the terminal showed, and
/// whether it echoes afterwards.
fn type_in(home: &Home, keys: &[u8]) -> (i32, String, bool) {
    let (mut person, program) = terminal();
    let mut child = home
        .command(&["login", "--no-browser"])
        .stdin(program.try_clone().unwrap())
        .stdout(program.try_clone().unwrap())
        .stderr(program.try_clone().unwrap())
        .spawn()
        .unwrap();
    let mut shown = Vec::new();
    let mut read = |person: &mut File, until: &str| {
        let mut byte = [0];
        while !String::from_utf8_lossy(&shown).contains(until)
            && person.read(&mut byte).unwrap() == 1
        {
            shown.push(byte[0]);
        }
        String::from_utf8(shown.clone()).unwrap()
    };
    read(&mut person, "Code: ");
    person.write_all(keys).unwrap();
    let code = child.wait().unwrap().code().unwrap();
    (&program).write_all(b"<end>").unwrap();
    let shown = read(&mut person, "<end>");
    let modes = tcgetattr(&program).unwrap().local_modes;
    (
        code,
        shown,
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
    )
}

#[test]
fn a_typed_code_is_not_shown() {
    let (home, requests) = home();
    let long = "z".repeat(6000);
    let (code, shown, echoes) = type_in(
        &home,
        format!("wrong\u{15}sx\u{7f}ecret{long}\r").as_bytes(),
    );
    assert_eq!((code, echoes), (0, true), "{shown}");
    assert!(shown.contains("https://x.example"), "{shown}");
    assert!(
        !shown.contains("ecret") && !shown.contains("wrong"),
        "{shown}"
    );
    assert!(
        requests
            .recv()
            .unwrap()
            .starts_with("GET /v1/session?login_url=true ")
    );
    assert!(
        requests
            .recv()
            .unwrap()
            .ends_with(&format!("{{\"code\":\"secret{long}\"}}"))
    );
}

#[test]
fn signals_at_the_prompt_give_the_terminal_back() {
    let (home, _requests) = home();
    for signal in [Signal::INT, Signal::TERM, Signal::HUP] {
        let (mut person, program) = terminal();
        let mut child = home
            .command(&["login", "--no-browser"])
            .stdin(program.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(program.try_clone().unwrap())
            .spawn()
            .unwrap();
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(b"Code: ") && person.read(&mut byte).unwrap() == 1 {
            shown.push(byte[0]);
        }
        let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
        let status = child.wait().unwrap();
        assert_eq!(status.signal(), Some(signal.as_raw()));
        let modes = tcgetattr(&program).unwrap().local_modes;
        assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG));
    }
}

#[test]
fn ctrl_z_stops_with_the_terminal_given_back() {
    let (home, requests) = home();
    let (mut person, program) = terminal();
    let mut child = home
        .command(&["login", "--no-browser"])
        .stdin(program.try_clone().unwrap())
        .stdout(Stdio::null())
        .stderr(program.try_clone().unwrap())
        .spawn()
        .unwrap();
    let prompt = |person: &mut File| {
        let mut shown = Vec::new();
        let mut byte = [0];
        while !shown.ends_with(b"Code: ") && person.read(&mut byte).unwrap() == 1 {
            shown.push(byte[0]);
        }
    };
    prompt(&mut person);
    person.write_all(b"sec\x1a").unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    let modes = tcgetattr(&program).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    kill_process(pid, Signal::CONT).unwrap();
    prompt(&mut person);
    person.write_all(b"ret\r").unwrap();
    assert!(child.wait().unwrap().success());
    let sent: Vec<String> = requests.try_iter().collect();
    assert!(sent.last().unwrap().ends_with("{\"code\":\"secret\"}"));
}

#[test]
fn ctrl_c_gives_the_terminal_back() {
    let (home, _requests) = home();
    let (code, shown, echoes) = type_in(&home, b"secret\x03");
    assert_eq!((code, echoes), (130, true), "{shown}");
    assert!(!shown.contains("secret"), "{shown}");
}

#[test]
fn a_login_in_the_browser_takes_no_key() {
    let home = Home::new();
    for key in [
        &["--api-key"][..],
        &["--api-key-env"],
        &["--api-key-dotenv", "/x"],
        &["--api-key-secret", "x"],
    ] {
        let line = home.run(&[&["login", "--web"], key].concat()).failed(2);
        assert!(line.contains("conflicting argument --"), "{line}");
    }
}
