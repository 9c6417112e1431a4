//! The two users that other tests are about are two, and ordinary.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Home, Users, World, binaries, can_be_anybody};

/// Says who runs it.
const WHO: &str = "
import os
capabilities = [line.split()[1] for line in open('/proc/self/status') if line.startswith('CapEff')]
print(os.getresuid(), os.getresgid(), os.getgroups(), *capabilities)
";

/// Reads a file.
const READ: &str = "import sys; print(open(sys.argv[1]).read())";

#[tokio::test(flavor = "multi_thread")]
async fn two_users_are_two_and_ordinary() {
    let Some(users) = Users::find("a test of two users").await else {
        return;
    };
    let (a, b) = (Home::of(&users.a), Home::of(&users.b));
    assert_ne!(users.a.uid(), users.b.uid());
    for home in [&a, &b] {
        let user = home.owner().unwrap();
        assert_ne!(user.uid(), 0);
        let metadata = fs::metadata(home.path()).unwrap();
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mode() & 0o777),
            (user.uid(), user.gid(), 0o700)
        );
        let who = home.python(WHO, &[]).await.ok();
        if !user.is_own() {
            assert!(who.contains("[]"), "no other group: {who}");
        }
        assert!(who.trim_end().ends_with(" 0000000000000000"), "{who}");
    }
    // A file that only its home's user reads.
    let file = a.path().join("file");
    fs::write(&file, "canary").unwrap();
    a.give(&file);
    let path = file.to_str().unwrap();
    assert_eq!(a.python(READ, &[path]).await.ok().trim(), "canary");
    let refused = b.python(READ, &[path]).await;
    assert!(refused.stderr.contains("PermissionError"), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_users_world_is_that_users() {
    let Some(users) = Users::find("a test of two users").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    world.ctl(&["credential-process"]).await.ok();
    let pid = world.daemon.as_ref().unwrap().pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let uids = format!("Uid:\t{0}\t{0}\t{0}\t{0}\n", users.a.uid());
    assert!(status.contains(&uids), "{status}");
    let kept = fs::metadata(world.home.sessions_file()).unwrap();
    assert_eq!(kept.uid(), users.a.uid());

    // Somebody else's quiltctl runs as well, and gets nothing.
    let home = Home::of(&users.b);
    let mut command = home.command(binaries::quiltctl());
    command
        .arg("--socket")
        .arg(world.home.socket())
        .args(["--no-autostart", "token"])
        .env("QUILT_CATALOG", world.stack.catalog_url());
    let output = command.output().await.unwrap();
    assert!(!output.status.success() && output.stdout.is_empty());
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("quiltctl: "), "{said}");

    if !can_be_anybody("an environment of another user") {
        return;
    }
    // Where the runtime directory is, is no secret.
    fs::set_permissions(world.home.path(), fs::Permissions::from_mode(0o711)).unwrap();
    // With an environment of the other user's, as su leaves it, the command that
    // is named brings a daemon of one's own.
    let token = async |line: &str| {
        let mut command = home.command("sh");
        let bin = home.program(binaries::quiltctl());
        let path = format!("{}:/usr/bin:/bin", bin.parent().unwrap().display());
        command.args(["-c", line]).env("PATH", path);
        command.env("QUILT_CATALOG", world.stack.catalog_url());
        let output = command.output().await.unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let program = home.program(binaries::quiltd());
    assert!(program.exists());
    let theirs = world.home.socket();
    let set = format!("export QUILTD_SOCKET={}; ", theirs.display());
    let said = token(&format!("{set}quiltctl --no-autostart token")).await;
    assert!(said.contains("ermission denied"), "{said}");
    let (_, hint) = said.trim_end().split_once("; run: ").unwrap();
    assert!(hint.contains("QUILTD_SOCKET"), "{said}");
    // It is what the line says, as it stands.
    let said = token(&format!("{set}{hint} && quiltctl token")).await;
    assert!(said.contains("not logged in"), "{said}");
    token(&format!("{set}{hint} && quiltctl daemon stop")).await;
    // A runtime directory of the other user's costs nothing.
    let theirs = world.home.path().join("run");
    let set = format!("export XDG_RUNTIME_DIR={}; ", theirs.display());
    let said = token(&format!("{set}quiltctl token")).await;
    assert!(said.contains("not logged in"), "{said}");
    token(&format!("{set}quiltctl daemon stop")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn programs_out_of_a_users_reach_are_brought_along() {
    let Some(users) = Users::find("a test of two users").await else {
        return;
    };
    let beside = binaries::quiltctl().parent().unwrap();
    let closed = tempfile::tempdir_in(beside).unwrap();
    fs::set_permissions(closed.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["quiltctl", "quiltd"] {
        // Not copied: a program just written may be busy.
        fs::hard_link(beside.join(name), closed.path().join(name)).unwrap();
    }
    let program = closed.path().join("quiltctl");
    let mut plain = users.b.command(&program, Path::new("/"));
    let control = plain.arg("--version").output().await;
    assert!(!control.is_ok_and(|output| output.status.success()));
    let home = Home::of(&users.b);
    let brought = home.program(&program);
    // What quiltctl looks for beside itself.
    for program in [brought.clone(), brought.with_file_name("quiltd")] {
        let output = home.command(&program).arg("--version").output().await;
        let said = String::from_utf8(output.unwrap().stdout).unwrap();
        assert!(said.starts_with("quilt"), "{said}");
    }
}
