//! Ending a daemon that holds the lock and cannot be asked.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use crate::server::{Home, script};

/// A process called `name` that holds the socket's lock as a daemon does.
fn holder(home: &Home, name: &str) -> Child {
    let lock = home.path().join("run/quiltd.sock.lock");
    fs::create_dir_all(home.path().join("run")).unwrap();
    let program = home.path().join(name);
    // The kernel names a process that runs a script after the script.
    let text = format!(
        "exec 9> '{}'\nflock 9\necho $$ >&9\necho\nread -r _\n",
        lock.display()
    );
    script(&program, &text);
    let mut command = Command::new(program);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    child
}

fn send(child: &Child, signal: Signal) {
    kill_process(
        Pid::from_raw(child.id().try_into().unwrap()).unwrap(),
        signal,
    )
    .unwrap();
}

#[test]
fn a_daemon_without_its_socket_is_found_by_its_lock() {
    for stopped in [false, true] {
        let home = Home::new();
        let mut daemon = holder(&home, "quiltd");
        if stopped {
            send(&daemon, Signal::STOP);
        }
        let ran = home.run(&["daemon", "stop"]);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, "quiltd stopped\n"));
        assert_eq!(daemon.wait().unwrap().signal(), Some(Signal::TERM.as_raw()));
        let ran = home.run(&["daemon", "stop"]);
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (0, "quiltd was not running\n")
        );
    }
}

#[test]
fn another_program_is_not_killed() {
    let home = Home::new();
    let mut other = holder(&home, "other");
    home.run(&["daemon", "stop"]).failed(4);
    assert!(other.try_wait().unwrap().is_none());
    other.kill().unwrap();
    other.wait().unwrap();
}
