//! `quiltctl-creds`, which profiles run, and `quiltctl credential-process` do and
//! say the same, and the daemon hears of it as often.

use std::fs::{File, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::Receiver;

use quilt_proto::{ErrorCode, Problem};

use crate::server::{Home, Ran, copy, http, script};

const DOCUMENT: &str = r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"b"}"#;

fn ran(command: &mut Command) -> Ran {
    Ran::from(&command.arg("--no-autostart").output().unwrap())
}

/// Both, one after the other, and what the daemon was asked by each.
fn both(home: &Home, requests: &Receiver<String>, args: &[&str]) -> [(Ran, Vec<String>); 2] {
    let args = [&["credential-process"][..], args].concat();
    [home.creds(&args), home.command(&args)].map(|mut command| {
        let ran = ran(&mut command);
        (ran, requests.try_iter().collect())
    })
}

fn assert_alike(home: &Home, requests: &Receiver<String>, args: &[&str], code: i32) -> Ran {
    let [(small, asked), (quiltctl, asked_by_quiltctl)] = both(home, requests, args);
    assert_eq!(small.code, code, "{args:?}: {small:?}");
    assert_eq!(
        (small.code, &small.stdout, &small.stderr),
        (quiltctl.code, &quiltctl.stdout, &quiltctl.stderr),
        "{args:?}"
    );
    assert_eq!(asked, asked_by_quiltctl, "{args:?}");
    small
}

#[test]
fn credentials_are_passed_on_as_they_are() {
    let home = Home::new();
    let requests = home.answer(200, DOCUMENT);
    for args in [
        &[][..],
        &["--profile", "lake"],
        &["--catalog", "https://x.example", "--json"],
        &["--catalog", ""],
    ] {
        assert_eq!(assert_alike(&home, &requests, args, 0).stdout, DOCUMENT);
    }
}

#[test]
fn a_refusal_is_asked_for_once_and_told_as_quiltctl_tells_it() {
    for code in ErrorCode::all() {
        let home = Home::new();
        let problem = Problem::new(400, code.clone(), "it is\n\"wrong\"");
        let requests = home.answer(400, &serde_json::to_string(&problem).unwrap());
        for args in [&[][..], &["--json"], &["--catalog", "https://x.example"]] {
            let ran = assert_alike(&home, &requests, args, code.exit_code().into());
            assert_eq!((ran.stdout.as_str(), ran.stderr.lines().count()), ("", 1));
        }
    }
}

#[test]
fn a_daemon_that_never_answers_is_waited_for_once() {
    let home = Home::new();
    let requests = home.serve(|_, stream: UnixStream| {
        std::mem::forget(stream);
    });
    let mut small = home.creds(&["credential-process"]);
    let line = ran(&mut small).failed(4);
    assert!(line.contains("did not answer within 3."), "{line}");
    assert_eq!(requests.try_iter().count(), 1);
}

#[test]
fn whatever_else_is_wrong_is_told_as_quiltctl_tells_it() {
    let answers = [
        http(200, "<html>"),
        http(200, "{} {}"),
        http(500, "<html>"),
        http(302, ""),
        http(204, ""),
        "SSH-2.0\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{}".to_owned(),
    ];
    for answer in answers {
        let home = Home::new();
        let requests = home.serve(move |_, mut stream| {
            let _ = stream.write_all(answer.as_bytes());
        });
        let [(small, _), (quiltctl, _)] = both(&home, &requests, &[]);
        assert_eq!(
            (small.code, &small.stderr),
            (quiltctl.code, &quiltctl.stderr)
        );
        assert_eq!((small.code, small.stdout.as_str()), (1, ""));
    }
    // Nobody is there, or nothing that makes sense is asked.
    for (args, code) in [
        (&["credential-process"][..], 4),
        (&["credential-process", "--socket", "gone"], 4),
        (&["credential-process", "--profile", "can ary"], 2),
        (&["credential-process", "--catalog", " "], 8),
        (&["credential-process", "--nonsense"], 2),
        (&["token"], 4),
        (&[], 2),
    ] {
        let home = Home::new();
        let (small, quiltctl) = (ran(&mut home.creds(args)), ran(&mut home.command(args)));
        assert_eq!(
            (small.code, &small.stdout),
            (code, &String::new()),
            "{args:?}: {small:?}"
        );
        // Each has a home of its own in its words.
        assert_eq!(small.stderr, quiltctl.stderr, "{args:?}");
    }
    let home = Home::new();
    let help = |mut command: Command| Ran::from(&command.arg("--help").output().unwrap()).ok();
    let args = ["credential-process"];
    assert_eq!(help(home.creds(&args)), help(home.command(&args)));
}

#[test]
fn a_result_that_cannot_be_written_is_told() {
    let home = Home::new();
    let _requests = home.answer(200, DOCUMENT);
    let args = ["credential-process", "--no-autostart"];
    let (reader, closed) = std::io::pipe().unwrap();
    drop(reader);
    let status = home.creds(&args).stdout(closed).status().unwrap();
    assert_eq!(status.code(), Some(0), "nobody reads it");
    if let Ok(full) = File::options().write(true).open("/dev/full") {
        let mut command = home.creds(&args);
        let ran = command
            .stdout(full)
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8(ran.stderr).unwrap();
        assert_eq!(ran.status.code(), Some(1), "{said}");
        assert!(
            said.starts_with("quiltctl: cannot write the result"),
            "{said}"
        );
    }
}

/// The program, alone in a directory.
fn alone(home: &Home) -> PathBuf {
    let bin = home.path().join("bin");
    std::fs::create_dir(&bin).unwrap();
    let alone = bin.join("quiltctl-creds");
    copy(env!("CARGO_BIN_EXE_quiltctl-creds"), &alone);
    alone
}

#[test]
fn alone_it_says_what_is_missing() {
    let home = Home::new();
    let alone = alone(&home);
    let mut command = home.program(alone.to_str().unwrap(), &["credential-process"]);
    let line = ran(&mut command).failed(1);
    assert!(line.contains("no quiltctl beside quiltctl-creds"), "{line}");
}

#[test]
fn it_becomes_no_quiltctl_that_others_may_write() {
    let home = Home::new();
    let alone = alone(&home);
    let (beside, trace) = (alone.with_file_name("quiltctl"), home.path().join("trace"));
    script(&beside, &format!(": >'{}'", trace.display()));
    let become_it = |mode| {
        std::fs::set_permissions(&beside, Permissions::from_mode(mode)).unwrap();
        ran(&mut home.program(alone.to_str().unwrap(), &["credential-process"]))
    };
    let line = become_it(0o777).failed(1);
    assert!(
        line.contains("is not started: ") && line.contains("; run: install -m 700 "),
        "{line}"
    );
    assert!(!trace.exists());
    // The control: nothing else keeps it from being run.
    become_it(0o755).ok();
    assert!(trace.exists());

    // Nor one that the system runs with what others may write.
    std::fs::remove_file(&trace).unwrap();
    let shell = home.path().join("shell");
    script(&shell, &format!(": >'{}'", trace.display()));
    std::fs::remove_file(&beside).unwrap();
    std::fs::write(&beside, format!("#!{}\n", shell.display())).unwrap();
    std::fs::set_permissions(&shell, Permissions::from_mode(0o777)).unwrap();
    let line = become_it(0o755).failed(1);
    assert!(line.contains("is not started: "), "{line}");
    assert!(!trace.exists());
    std::fs::set_permissions(&shell, Permissions::from_mode(0o755)).unwrap();
    become_it(0o755).ok();
    assert!(trace.exists());
}

#[test]
fn what_was_handed_on_is_read_from_no_keyboard() {
    // Nothing sensible is there: it is asked for anew.
    let home = Home::new();
    let requests = home.answer(200, DOCUMENT);
    let mut command = home.command(&["__failed", "credential-process", "--no-autostart"]);
    assert_eq!(Ran::from(&command.output().unwrap()).ok(), DOCUMENT);
    assert_eq!(requests.try_iter().count(), 1);
}
