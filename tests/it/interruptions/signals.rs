//! Signals that end programs, and terminals that go away.

use quilt_tests::harness::{Home, World, binaries};
use rustix::process::{Pid, Signal, kill_process};

use super::in_time;

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_without_a_terminal_ends_nothing() {
    let world = World::logged_in().await;
    let pid = Pid::from_raw(world.daemon.as_ref().unwrap().pid()).unwrap();
    let before = world.client().status().await.unwrap().pid;
    for _ in 0..3 {
        kill_process(pid, Signal::HUP).unwrap();
        world.ctl(&["whoami"]).await.ok();
    }
    assert_eq!(world.client().status().await.unwrap().pid, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_asks_it_to_end_it_cleans_up() {
    for signal in [Signal::TERM, Signal::INT, Signal::QUIT] {
        let mut world = World::logged_in().await;
        let daemon = world.daemon.take().unwrap();
        let socket = world.home.socket();
        assert!(socket.exists());
        let pid = Pid::from_raw(daemon.pid()).unwrap();
        kill_process(pid, signal).unwrap();
        in_time("an end", async {
            while socket.exists() {
                tokio::task::yield_now().await;
            }
        })
        .await;
        assert!(daemon.stop().await.success(), "{signal:?}");
    }
}

/// Runs a program at a terminal of its own, and lets the terminal go once it has
/// said something. Says how it ended.
const AT_TERMINAL: &str = "import os, pty, sys\n\
    pid, terminal = pty.fork()\n\
    if pid == 0:\n\
    \x20   if sys.argv[1] == 'nohup':\n\
    \x20       import signal\n\
    \x20       signal.signal(signal.SIGHUP, signal.SIG_IGN)\n\
    \x20   os.execv(sys.argv[2], sys.argv[2:])\n\
    while b'\"pid\"' not in os.read(terminal, 65536): pass\n\
    os.close(terminal)\n\
    if sys.argv[1] == 'nohup':\n\
    \x20   import signal, socket, time\n\
    \x20   for _ in range(5):\n\
    \x20       socket.socket(socket.AF_UNIX).connect(sys.argv[3 + sys.argv[3:].index('--socket') + 1])\n\
    \x20   os.kill(pid, signal.SIGTERM)\n\
    print(os.waitpid(pid, 0)[1])\n";

#[tokio::test(flavor = "multi_thread")]
async fn it_ends_with_its_terminal_and_cleans_up_unless_hangups_are_ignored() {
    for how in ["plain", "nohup"] {
        let home = Home::new();
        let socket = home.path().join("run/quiltd.sock");
        let quiltd = binaries::quiltd().to_str().unwrap();
        let args = [
            how,
            quiltd,
            "--token-store",
            "memory",
            "--socket",
            socket.to_str().unwrap(),
        ];
        let ended = in_time(how, home.python(AT_TERMINAL, &args)).await;
        assert_eq!(ended.stdout.trim(), "0", "{how}: {ended:?}");
        assert!(!socket.exists(), "{how}");
    }
}
