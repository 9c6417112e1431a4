//! How the process starts, ends, and hides.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

use rustix::process::Signal;

use crate::support::{Daemon, Home, assert_serves};

#[test]
fn usage_errors_exit_2() {
    for arguments in [
        &["--nonsense"][..],
        &["--log", "a=b=c"],
        &["--token-store", "cloud"],
    ] {
        let output = Home::new().quiltd().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_clean_stop_removes_the_socket() {
    let home = Home::new();
    for signal in [Signal::TERM, Signal::INT] {
        let mut daemon = home.start();
        assert!(home.socket().exists());
        assert_eq!(daemon.end(signal).code(), Some(0));
        assert!(!home.socket().exists());
    }
}

#[test]
fn a_stop_is_clean_with_connections_open() {
    let home = Home::new();
    let mut daemon = home.start();
    let mut idle = UnixStream::connect(home.socket()).unwrap();
    let mut half = UnixStream::connect(home.socket()).unwrap();
    half.write_all(b"GET /v1/hea").unwrap();
    assert_serves(&home.socket());
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
    assert_eq!(idle.read(&mut [0; 1]).unwrap_or(0), 0);
}

#[test]
fn a_daemon_whose_socket_is_gone_makes_way() {
    let home = Home::new();
    let lock = home.path("run/quilt/quiltd.sock.lock");
    for whole_directory in [false, true] {
        let mut daemon = home.start();
        let written = std::fs::read_to_string(&lock).unwrap();
        assert_eq!(written.trim(), daemon.pid().to_string());
        if whole_directory {
            std::fs::remove_dir_all(home.path("run/quilt")).unwrap();
        } else {
            std::fs::remove_file(home.socket()).unwrap();
        }
        let code = daemon.child.wait().unwrap().code();
        let mut said = String::new();
        let stderr = daemon.child.stderr.as_mut().unwrap();
        stderr.read_to_string(&mut said).unwrap();
        assert_eq!(code, Some(0), "{said}");
    }
    let _next = home.start();
    assert_serves(&home.socket());
}

#[test]
fn tolerates_closed_output() {
    let home = Home::new();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = home.quiltd();
    command.stderr(writer).args(["--log", "trace"]);
    let mut daemon = Daemon::started_by(&mut command);
    assert_serves(&home.socket());
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn the_process_is_closed_to_others() {
    use std::os::unix::process::ExitStatusExt;

    let home = Home::new();
    let mut daemon = home.start();
    assert_eq!(
        daemon.proc_line("limits", "Max core"),
        "Max core file size 0 0 bytes"
    );
    assert_eq!(daemon.proc_line("status", "NoNewPrivs"), "NoNewPrivs: 1");
    assert_eq!(daemon.proc_line("status", "Umask"), "Umask: 0077");
    // What the kernel would have dumped, memory and all, it marks in the status.
    let status = daemon.end(Signal::ABORT);
    assert_eq!(status.signal(), Some(6));
    assert!(!status.core_dumped());
}
