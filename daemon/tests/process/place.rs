//! Where the socket is, whose it is, and who may take it.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Child;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::process::Signal;

use crate::support::{Daemon, Home, assert_serves, make_dir, mode, refused};

#[test]
fn says_where_it_listens_and_serves() {
    let home = Home::new();
    let daemon = home.start();
    assert_eq!(daemon.ready["socket"], home.socket().to_str().unwrap());
    assert_eq!(daemon.ready["pid"], daemon.pid());
    assert_eq!(daemon.ready["version"], env!("CARGO_PKG_VERSION"));
    assert_serves(&home.socket());
}

#[test]
fn finds_its_place_by_itself() {
    let home = Home::new();
    let mut command = home.command(env!("CARGO_BIN_EXE_quiltd"));
    let named = home.path("elsewhere/q.sock");
    let daemon = Daemon::started_by(command.env("QUILTD_SOCKET", &named));
    assert_eq!(daemon.ready["socket"], named.to_str().unwrap());
    assert_serves(&named);
}

#[test]
fn the_socket_is_private_from_the_first_instant() {
    let home = Home::new();
    make_dir(&home.path("run/quilt"), 0o700);
    let socket = home.socket();
    // Looks at the name as often as it can while daemons come and go, under the
    // loosest umask a caller can have.
    let done = AtomicBool::new(false);
    let looks = std::thread::scope(|scope| {
        let watcher = scope.spawn(|| {
            let mut looks = 0;
            while !done.load(Ordering::Relaxed) {
                if let Ok(metadata) = fs::symlink_metadata(&socket) {
                    assert_eq!(metadata.mode() & 0o7777, 0o600);
                    looks += 1;
                }
            }
            looks
        });
        for _ in 0..10 {
            let mut command = home.command("/bin/sh");
            command
                .args(["-c", r#"umask 000; exec "$0" --socket "$1""#])
                .arg(env!("CARGO_BIN_EXE_quiltd"))
                .arg(&socket);
            let mut daemon = Daemon::started_by(&mut command);
            UnixStream::connect(&socket).unwrap();
            daemon.end(Signal::TERM);
        }
        done.store(true, Ordering::Relaxed);
        watcher.join().unwrap()
    });
    assert!(looks > 0);
}

#[test]
fn refuses_unfit_places_in_one_line() {
    let home = Home::new();
    let dir = home.path("run/quilt");

    make_dir(&dir, 0o755);
    assert!(home.refused().contains("open to others (mode 0755)"));

    fs::remove_dir(&dir).unwrap();
    make_dir(&home.path("real"), 0o700);
    symlink(home.path("real"), &dir).unwrap();
    assert!(home.refused().contains("is a symlink"));

    fs::remove_file(&dir).unwrap();
    make_dir(&dir, 0o700);
    fs::write(home.socket(), "precious").unwrap();
    assert!(home.refused().contains("is not a socket but a plain file"));
    assert_eq!(fs::read_to_string(home.socket()).unwrap(), "precious");

    let mut long = home.command(env!("CARGO_BIN_EXE_quiltd"));
    long.arg("--socket").arg(home.path(&"x".repeat(200)));
    assert!(refused(&long.output().unwrap()).contains("run: export QUILTD_SOCKET="));
}

#[test]
fn what_cannot_be_read_is_named_and_the_command_is_last() {
    let home = Home::new();
    let sessions = home.path(".local/state/quilt/sessions.json");
    make_dir(sessions.parent().unwrap(), 0o700);
    fs::create_dir(&sessions).unwrap();
    let line = refused(&home.quiltd().args(["--log", "off"]).output().unwrap());
    assert!(
        line.contains("sessions.json is not a regular file; run: mv "),
        "{line}"
    );
    assert!(
        line.trim_end().ends_with("/sessions.json.foreign"),
        "{line}"
    );

    // Nothing can be made below a file.
    let mut below = home.command(env!("CARGO_BIN_EXE_quiltd"));
    fs::write(home.path("file"), "").unwrap();
    below
        .arg("--socket")
        .arg(home.path("file/quilt/quiltd.sock"));
    let line = refused(&below.output().unwrap());
    assert!(line.trim_end().ends_with("/.quilt/quiltd.sock\""), "{line}");
}

#[test]
fn a_stale_socket_is_replaced() {
    let home = Home::new();
    let mut daemon = home.start();
    daemon.end(Signal::KILL);
    assert!(home.socket().exists());
    UnixStream::connect(home.socket()).unwrap_err();
    let _daemon = home.start();
    assert_serves(&home.socket());
    assert_eq!(mode(&home.socket()), 0o600);
}

#[test]
fn a_live_socket_is_never_touched() {
    let home = Home::new();
    let daemon = home.start();
    let inode = fs::metadata(home.socket()).unwrap().ino();
    assert!(home.refused().contains("another quiltd already owns"));
    assert_eq!(fs::metadata(home.socket()).unwrap().ino(), inode);
    assert_serves(&home.socket());
    drop(daemon);

    fs::remove_file(home.socket()).unwrap();
    let _foreign = UnixListener::bind(home.socket()).unwrap();
    assert!(home.refused().contains("another program already listens"));
    UnixStream::connect(home.socket()).unwrap();
}

#[test]
fn a_hundred_starts_make_one_owner() {
    let home = Home::new();
    let mut children: Vec<Child> = (0..100).map(|_| home.quiltd().spawn().unwrap()).collect();
    let mut owners = Vec::new();
    for mut child in children.drain(..) {
        let mut line = String::new();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        stdout.read_line(&mut line).unwrap();
        if line.is_empty() {
            let output = child.wait_with_output().unwrap();
            assert!(refused(&output).contains("another quiltd already owns"));
        } else {
            let ready = serde_json::from_str(&line).unwrap();
            owners.push(Daemon { child, ready });
        }
    }
    assert_eq!(owners.len(), 1);
    assert_serves(&home.socket());
    assert_eq!(owners[0].end(Signal::TERM).code(), Some(0));
}
