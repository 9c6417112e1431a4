//! The interactive login: what is asked, what is shown, what is not.

use std::fs::File;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};
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
    // To the catalog that was meant when it was asked for.
    let asked = requests.recv().unwrap();
    assert!(asked.starts_with("GET /v1/session"), "{asked}");
    let request = requests.recv().unwrap();
    let there = "POST /v1/session?catalog=https";
    assert!(request.starts_with(there), "{request}");
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
    assert!(
        requests
            .try_iter()
            .all(|request| request.starts_with("GET "))
    );
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

/// What the terminal shows from here on to the end of that.
fn read_until(person: &mut File, end: &str) -> String {
    let mut shown = Vec::new();
    let mut byte = [0];
    while !shown.ends_with(end.as_bytes()) && person.read(&mut byte).unwrap() == 1 {
        shown.push(byte[0]);
    }
    String::from_utf8(shown).unwrap()
}

/// Types at the prompt; gives how it ended, what the terminal showed, and
/// whether it echoes afterwards.
fn type_in(home: &Home, keys: &[u8]) -> (i32, String, bool) {
    let (code, shown, echoes, _) = type_in_parts(home, &[keys]);
    (code, shown, echoes)
}

/// The same in parts, with a pause between them, and how many bytes are left for
/// who reads the terminal next.
fn type_in_parts(home: &Home, parts: &[&[u8]]) -> (i32, String, bool, u64) {
    let (mut person, program) = terminal();
    let mut child = home
        .command(&["login", "--no-browser"])
        .env("TERM", "xterm")
        .stdin(program.try_clone().unwrap())
        .stdout(program.try_clone().unwrap())
        .stderr(program.try_clone().unwrap())
        .spawn()
        .unwrap();
    let before = read_until(&mut person, "Code: ");
    for (number, part) in parts.iter().enumerate() {
        if number > 0 {
            std::thread::sleep(PAUSE);
        }
        person.write_all(part).unwrap();
    }
    let code = child.wait().unwrap().code().unwrap();
    let left = rustix::io::ioctl_fionread(&program).unwrap();
    (&program).write_all(b"<end>").unwrap();
    let shown = before + &read_until(&mut person, "<end>");
    let modes = tcgetattr(&program).unwrap().local_modes;
    (
        code,
        shown,
        modes.contains(LocalModes::ECHO | LocalModes::ICANON | LocalModes::ISIG),
        left,
    )
}

/// As long as a slow connection may hold up the middle of a paste.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(400);

#[test]
fn a_paste_of_more_than_a_line_is_refused_and_its_rest_reaches_no_shell() {
    let (home, requests) = home();
    let long = format!("code\n{}touch x\n", "#\n".repeat(2000));
    let too_long = format!("\x1b[200~{}", "a".repeat(66_000));
    for parts in [
        // A terminal that says where a paste ends, however long it takes.
        &["\x1b[200~code\n", "touch x\n", "\x1b[201~"][..],
        &["\x1b[200~code\r", "touch x\r\x1b[20", "1~"],
        &[&too_long, "\ntouch x\n\x1b[201~"],
        // One that does not.
        &["code\ntouch x\n"],
        &["code\u{3}\ntouch x\n"],
        &[&long],
    ] {
        let bytes: Vec<&[u8]> = parts.iter().map(|part| part.as_bytes()).collect();
        let (code, shown, echoes, left) = type_in_parts(&home, &bytes);
        assert_eq!((echoes, left), (true, 0), "{parts:?}: {shown}");
        if parts[0].contains('\u{3}') {
            assert_eq!(code, 130, "{shown}");
            continue;
        }
        assert_eq!(code, 8, "{parts:?}: {shown}");
        let refused = shown.contains("more than one line was pasted");
        assert!(
            refused || shown.contains("what was given is too long"),
            "{shown}"
        );
    }
    while let Ok(request) = requests.try_recv() {
        assert!(request.starts_with("GET "), "{request}");
    }
    // What was copied with its end is one line, and is whole where that ends.
    let (code, shown, _, left) = type_in_parts(&home, &[b"\x1b[200~the-", b"code\r\n\x1b[201~"]);
    assert_eq!((code, left), (0, 0), "{shown}");
    assert!(
        shown.contains("\x1b[?2004h") && shown.contains("\x1b[?2004l"),
        "{shown}"
    );
    let sent = std::iter::from_fn(|| requests.try_recv().ok());
    assert!(sent.last().unwrap().contains(" {\"code\":\"the-code\","));
}

/// A login at a terminal whose code is on its way to the stack: both sides of the
/// terminal, and the program.
fn whose_code_is_sent(home: &Home, requests: &Receiver<String>) -> (File, File, Child) {
    let (mut person, program) = terminal();
    let child = home
        .command(&["login", "--no-browser"])
        .stdin(program.try_clone().unwrap())
        .stdout(program.try_clone().unwrap())
        .stderr(program.try_clone().unwrap())
        .spawn()
        .unwrap();
    read_until(&mut person, "Code: ");
    person.write_all(b"the-code\r").unwrap();
    while !requests.recv().unwrap().starts_with("POST ") {}
    (person, program, child)
}

#[test]
fn what_is_pasted_while_the_stack_takes_its_time_reaches_no_shell() {
    let home = Home::new();
    let (go, answered) = std::sync::mpsc::channel::<()>();
    let answered = std::sync::Arc::new(std::sync::Mutex::new(answered));
    let requests = home.serve(move |request, mut stream: UnixStream| {
        if request.starts_with("POST ") {
            answered.lock().unwrap().recv().unwrap();
        }
        let _ = stream.write_all(http(200, SESSION).as_bytes());
    });
    let (mut person, program, mut child) = whose_code_is_sent(&home, &requests);
    person.write_all(b"again\ntouch x\n").unwrap();
    assert_ne!(rustix::io::ioctl_fionread(&program).unwrap(), 0);
    go.send(()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(rustix::io::ioctl_fionread(&program).unwrap(), 0);
}

#[test]
fn whoever_has_pasted_a_code_can_still_leave() {
    for signal in [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP] {
        let home = Home::new();
        let requests = home.serve(move |request, mut stream: UnixStream| {
            if !request.starts_with("POST ") {
                let _ = stream.write_all(http(200, SESSION).as_bytes());
                return;
            }
            // Until the other side is gone.
            let _ = stream.read(&mut [0]);
        });
        let (_person, _program, mut child) = whose_code_is_sent(&home, &requests);
        kill_process(Pid::from_child(&child), signal).unwrap();
        let ended = child.wait().unwrap();
        assert_eq!(ended.signal(), Some(signal.as_raw()));
    }
}

#[test]
fn nobody_agrees_to_what_was_not_shown_yet() {
    let (home, _requests) = home();
    for (ahead, answer, agrees) in [("y\n", "n\n", false), ("n\n", "y\n", true)] {
        let (mut person, program) = terminal();
        person.write_all(ahead.as_bytes()).unwrap();
        let mut child = home
            .command(&["uninstall"])
            .stdin(program.try_clone().unwrap())
            .stdout(Stdio::null())
            .stderr(program.try_clone().unwrap())
            .spawn()
            .unwrap();
        read_until(&mut person, "[y/N] ");
        person.write_all(answer.as_bytes()).unwrap();
        child.wait().unwrap();
        (&program).write_all(b"<end>").unwrap();
        let shown = read_until(&mut person, "<end>");
        let is_refused = shown.contains("nothing was changed");
        assert_eq!(!is_refused, agrees, "{ahead:?}: {shown}");
    }
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
            .contains(&format!("{{\"code\":\"secret{long}\","))
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
        read_until(&mut person, "Code: ");
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
    read_until(&mut person, "Code: ");
    person.write_all(b"sec\x1a").unwrap();
    let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
    let (_, status) = waitpid(Some(pid), WaitOptions::UNTRACED).unwrap().unwrap();
    assert!(status.stopped(), "{status:?}");
    let modes = tcgetattr(&program).unwrap().local_modes;
    assert!(modes.contains(LocalModes::ECHO | LocalModes::ICANON));
    kill_process(pid, Signal::CONT).unwrap();
    read_until(&mut person, "Code: ");
    person.write_all(b"ret\r").unwrap();
    assert!(child.wait().unwrap().success());
    let sent: Vec<String> = requests.try_iter().collect();
    assert!(sent.last().unwrap().contains("{\"code\":\"secret\","));
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
