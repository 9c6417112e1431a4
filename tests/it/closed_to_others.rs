//! What others could read, hold or change is closed to them, and what they made of
//! it does not count.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Stdio;

use quilt_proto::instance;
use quilt_proto::wire::{Diagnosis, Finding};
use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Daemon, Home, User, Users, World, can_be_anybody};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Child;

use crate::trust::{mend, mode, refused};

/// Lets others reach and read everything in a home.
fn let_in(home: &Home) {
    for dir in [home.path(), &home.path().join("state"), &home.state()] {
        mode(dir, 0o755);
    }
    for entry in fs::read_dir(home.state()).unwrap() {
        mode(&entry.unwrap().path(), 0o644);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logins_that_others_could_read_are_told_of_until_they_are_ended() {
    let Some(user) = User::find("logins that others could read").await else {
        return;
    };
    let mut world = World::of(&user, StackConfig::default()).await;
    world.login().await;
    let is_told = async |world: &World| {
        let doctor = world.ctl(&["doctor", "--json"]).await;
        let found: Diagnosis = serde_json::from_str(&doctor.stdout).unwrap();
        let mut found = found.findings.into_iter();
        found.find(|found| found.code == "secret_readable")
    };
    assert!(is_told(&world).await.is_none());
    world.daemon.take().unwrap().stop().await;
    let_in(&world.home);
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    let sessions = world.home.sessions_file();
    assert_eq!(sessions.metadata().unwrap().mode() & 0o777, 0o600, "closed");
    let found = is_told(&world).await.unwrap();
    assert_eq!(found.hint, "quiltctl logout --all");
    // A renewal is no new login: who has the old one may have been quicker.
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    assert!(is_told(&world).await.is_some());
    world.ctl(&["logout", "--all"]).await.ok();
    world.login().await;
    assert!(is_told(&world).await.is_none());
}

/// How somebody has a lock.
#[derive(Clone, Copy)]
enum By<'a> {
    /// It was taken by the process that has it.
    Itself,
    /// By one that is no more, which started the one that has it.
    Parent,
    /// By one that became this program, with rights of whoever owns that.
    Program(&'a Path),
}

/// A program of a user that holds a lock twice for as long as it lives.
async fn hold(user: &User, lock: &Path, by: By<'_>) -> Child {
    let script = "import fcntl, os, sys\n\
                  lock, how, program = sys.argv[1:]\n\
                  held = [os.open(lock, os.O_RDONLY) for _ in range(2)]\n\
                  taker = os.fork() if how == 'parent' else 0\n\
                  if taker: os.waitpid(taker, 0)\n\
                  else: [fcntl.flock(one, fcntl.LOCK_SH) for one in held]\n\
                  if not taker and how == 'parent': os._exit(0)\n\
                  print('held', flush=True)\n\
                  if how == 'program':\n    \
                      [os.set_inheritable(one, True) for one in held]\n    \
                      os.execv(program, ['cat'])\n\
                  sys.stdin.readline()\n";
    let (how, program) = match by {
        By::Itself => ("itself", Path::new("")),
        By::Parent => ("parent", Path::new("")),
        By::Program(program) => ("program", program),
    };
    let mut holder = user.command("python3", Path::new("/"));
    let holder = holder.args(["-I", "-c", script]).arg(lock);
    let holder = holder.arg(how).arg(program);
    let holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = holder.kill_on_drop(true).spawn().unwrap();
    let mut said = BufReader::new(holder.stdout.take().unwrap()).lines();
    assert_eq!(said.next_line().await.unwrap().as_deref(), Some("held"));
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_another_user_could_open_is_taken_from_them() {
    let Some(users) = Users::find("a lock that another user holds").await else {
        return;
    };
    let mut world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    world.daemon.take().unwrap().stop().await;
    let_in(&world.home);
    let lock = world.home.state().join("sessions.lock");
    let mut other = hold(&users.b, &lock, By::Itself).await;
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    world.stack.control().outdate_access_tokens();
    world.ctl(&["whoami"]).await.ok();
    world.ctl(&["logout"]).await.ok();
    assert!(world.log().contains("another file has its place now"));
    // The control: it is held all along.
    assert!(other.try_wait().unwrap().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn completions_that_others_may_write_are_told_of() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "completions", "bash"]).await.ok();
    let script = world
        .home
        .path()
        .join("data/quiltd/completions/quiltctl.bash");
    let told = async || {
        let doctor = world.ctl(&["doctor"]).await;
        doctor.stdout + &doctor.stderr
    };
    let is_about = |told: &str| told.contains("quiltctl.bash can be written by other users");
    assert!(!is_about(&told().await));
    mode(&script, 0o666);
    let found = told().await;
    assert!(is_about(&found), "{found}");
    let line = found.lines().find(|line| line.contains("run: install "));
    mend(&world.home, &format!("; {}", line.unwrap().trim())).await;
    assert!(!is_about(&told().await));
    // Who may write to its directory writes one that is missing.
    fs::remove_file(&script).unwrap();
    mode(script.parent().unwrap(), 0o777);
    assert!(
        told()
            .await
            .contains("completions can be written by other users")
    );
}

/// It is taken back for good only where that can be written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_of_others_is_named_with_what_takes_it_away() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let lock = world.home.state().join("grants.lock");
    mode(&lock, 0o666);
    let doctor = world.ctl(&["doctor"]).await;
    assert!(
        doctor.stdout.contains("grants.lock can be written by"),
        "{doctor:?}"
    );
    let line = world.ctl(&["setup", "quilt3", "--undo"]).await;
    mend(&world.home, line.stderr.trim()).await;
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
}

/// The locks by which there is one daemon, and one start and set-up at a time.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_keeps_a_daemon_from_starting() {
    let Some(users) = Users::find("locks of the daemon that another user holds").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    world.ctl(&["daemon", "stop"]).await.ok();
    let of_daemon = instance::lock_file(&world.home.state());
    let of_socket = instance::socket_lock(&world.home.socket());
    let end = |lock: &Path, end: &str| {
        let mut name = lock.as_os_str().to_owned();
        name.push(end);
        name.into()
    };
    let locks = [
        end(&world.home.socket(), ".start.lock"),
        end(&of_daemon, ".start.lock"),
        of_daemon,
        of_socket,
        world.home.state().join("setup.lock"),
    ];
    let_in(&world.home);
    // Where only root can make one, that is tried by whoever can.
    let programs = tempfile::tempdir().unwrap();
    let set_uid = programs.path().join("cat");
    let as_program = if can_be_anybody("a program with rights of root's") {
        fs::copy("/bin/cat", &set_uid).unwrap();
        mode(programs.path(), 0o755);
        mode(&set_uid, 0o4755);
        By::Program(&set_uid)
    } else {
        By::Parent
    };
    let mut holders = Vec::new();
    let ways = [By::Itself, By::Parent, as_program].into_iter().cycle();
    for (lock, by) in locks.iter().zip(ways) {
        fs::write(lock, "").unwrap();
        world.home.give(lock);
        mode(lock, 0o644);
        let run = lock.parent().unwrap();
        mode(run, 0o755);
        mode(run.parent().unwrap(), 0o755);
        holders.push(hold(&users.b, lock, by).await);
        mode(lock, 0o600);
        mode(run, 0o700);
    }
    world.ctl(&["daemon", "start"]).await.ok();
    world.ctl(&["whoami"]).await.ok();
    world.ctl(&["setup", "aws"]).await.ok();
    world.ctl(&["daemon", "stop"]).await.ok();
    // The control: they are held all along.
    for holder in &mut holders {
        assert!(holder.try_wait().unwrap().is_none());
    }
}

/// Of what root has made, only what is root's or the user's own is copied.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_left_in_a_directory_of_roots_does_not_become_the_users() {
    let Some(users) = Users::find("a directory of root's that others could write to").await else {
        return;
    };
    if !can_be_anybody("a directory of root's in a user's home") {
        return;
    }
    let home = Home::of(&users.a);
    let state = home.state();
    let put_aside = state.with_file_name("quilt.foreign");
    for (is_planted, is_copied) in [(true, false), (false, true)] {
        let _ = fs::remove_dir_all(&state);
        let _ = fs::remove_dir_all(&put_aside);
        fs::create_dir(&state).unwrap();
        mode(&state, 0o755);
        let sessions = state.join("sessions.json");
        fs::write(&sessions, "{\"version\":1}").unwrap();
        mode(&sessions, 0o644);
        if is_planted {
            users.b.give(&sessions).unwrap();
        }
        let line = refused(&home, &["--token-store", "file"]).await;
        assert!(line.contains("belongs to root"), "{line}");
        mend(&home, &line).await;
        assert_eq!(sessions.exists(), is_copied, "{line}");
        assert!(put_aside.join("sessions.json").exists(), "{line}");
        Daemon::start(&home, &["--token-store", "file"])
            .await
            .stop()
            .await;
    }
}

/// There is a login in it that is good for long.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_put_aside_is_closed_to_others() {
    let world = World::logged_in().await;
    let mut world = world;
    world.daemon.take().unwrap().stop().await;
    let sessions = world.home.sessions_file();
    mode(&sessions, 0o666);
    let line = refused(&world.home, &["--token-store", "file"]).await;
    mend(&world.home, &line).await;
    let kept = sessions.with_file_name("sessions.json.foreign");
    assert_eq!(kept.metadata().unwrap().mode() & 0o777, 0o600);
}

/// To the AWS CLI, whatever it is told to do may be a program that its aliases name.
#[tokio::test(flavor = "multi_thread")]
async fn doctor_runs_no_aws_program_whose_aliases_others_may_write() {
    let world = World::logged_in().await;
    world.ctl(&["setup", "aws"]).await.ok();
    let alias = world.home.path().join(".aws/cli/alias");
    fs::create_dir_all(alias.parent().unwrap()).unwrap();
    let ran = world.home.path().join("ran");
    let evil = format!("[toplevel]\nconfigure = !touch '{}'; echo\n", ran.display());
    fs::write(&alias, evil).unwrap();
    mode(&alias, 0o666);
    let doctor = world.ctl(&["doctor", "--json"]).await;
    let found: Diagnosis = serde_json::from_str(&doctor.stdout).unwrap();
    let path = alias.display().to_string();
    let about = |found: &&Finding| found.summary.contains(&path);
    let is_told = found.findings.iter().find(about);
    assert!(
        is_told.is_some_and(|it| it.code == "file_not_trusted"),
        "{found:?}"
    );
    assert!(!ran.exists());
    // The control: one's own aliases count.
    mode(&alias, 0o600);
    world.ctl(&["doctor"]).await;
    assert!(ran.exists());
}
