//! Sockets and readiness, the systemd way.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::process::Command;

use rustix::process::Signal;

use crate::support::{Daemon, Home, assert_serves, make_dir, refused};

/// Starts `quiltd` with `listener` as descriptor 3, as `sd_listen_fds(3)` says.
fn activated(home: &Home, listener: UnixListener) -> Command {
    let mut command = home.command("/bin/sh");
    let script = r#"exec 3<&0 </dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec "$0""#;
    command
        .args(["-c", script, env!("CARGO_BIN_EXE_quiltd")])
        .stdin(OwnedFd::from(listener));
    command
}

#[test]
fn serves_the_socket_it_is_handed_and_leaves_it_there() {
    let home = Home::new();
    make_dir(&home.path("run"), 0o700);
    let path = home.path("run/handed.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let mut daemon = Daemon::started_by(&mut activated(&home, listener.try_clone().unwrap()));
    assert_eq!(daemon.ready["socket"], path.to_str().unwrap());
    assert_serves(&path);
    assert_eq!(daemon.end(Signal::TERM).code(), Some(0));
    assert!(path.exists());
    // Whoever handed it over still listens: the next start finds it waiting.
    UnixStream::connect(&path).unwrap();
    let _daemon = Daemon::started_by(&mut activated(&home, listener));
    assert_serves(&path);
}

#[test]
fn refuses_a_handed_socket_others_can_open() {
    let home = Home::new();
    let path = home.path("handed.sock");
    let listener = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    let output = activated(&home, listener).output().unwrap();
    assert!(refused(&output).contains("SocketMode=0600"));
}

#[test]
fn ignores_a_socket_handed_to_another_process() {
    let home = Home::new();
    let mut command = home.quiltd();
    let daemon = Daemon::started_by(command.env("LISTEN_FDS", "1").env("LISTEN_PID", "1"));
    assert_eq!(daemon.ready["socket"], home.socket().to_str().unwrap());
}

#[test]
fn tells_systemd_when_it_is_ready() {
    let home = Home::new();
    let manager = UnixDatagram::bind(home.path("notify")).unwrap();
    let mut command = home.quiltd();
    let _daemon = Daemon::started_by(command.env("NOTIFY_SOCKET", home.path("notify")));
    let mut message = [0; 64];
    let length = manager.recv(&mut message).unwrap();
    assert_eq!(&message[..length], b"READY=1\n");
}
