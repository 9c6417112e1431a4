//! Files that are written anew: nobody else may do more with them than before.
#![cfg(target_os = "linux")]

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::Stdio;

use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{User, Users, World};
use rustix::fs::{XattrFlags, setxattr};

const ACCESS: &str = "system.posix_acl_access";
const DEFAULT: &str = "system.posix_acl_default";

/// What a user has by name, and the group and everybody else, in a list of
/// either kind (acl(5)).
fn list(path: &Path, kind: &str, user: &User, rights: [u16; 3]) {
    let none = u32::MAX;
    let [named, group, other] = rights;
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    for (tag, rights, id) in [
        (0x01_u16, 7, none),
        (0x02, named, user.uid()),
        (0x04, group, none),
        (0x10, named | group, none),
        (0x20, other, none),
    ] {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    setxattr(path, kind, &bytes, XattrFlags::empty()).unwrap();
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whether a user can read a file, and write to it.
async fn rights(user: &User, path: &Path) -> [bool; 2] {
    let mut can = [false; 2];
    for (can, line) in can.iter_mut().zip(["cat \"$0\"", ": >>\"$0\""]) {
        let mut command = user.command("sh", Path::new("/"));
        let command = command.args(["-c", line]).arg(path);
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status();
        *can = status.await.unwrap().success();
    }
    can
}

/// A world whose files another user gets to, where they let it.
async fn open_world(users: &Users) -> World {
    let world = World::of(&users.a, StackConfig::default()).await;
    world.login().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    mode(world.home.path(), 0o711);
    mode(&world.home.path().join("data"), 0o711);
    world
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_written_anew_gives_nobody_more_than_before() {
    let Some(users) = Users::find("access control lists for another user").await else {
        return;
    };
    let world = open_world(&users).await;
    let aws = world.home.aws_config();
    let sdk = world.home.config_yml();
    fs::create_dir(aws.parent().unwrap()).unwrap();
    fs::write(&aws, "[profile x]\nregion = eu-west-1\n").unwrap();
    world.home.give(aws.parent().unwrap());
    let set_up = [&["setup", "aws"][..], &["setup", "aws", "--undo"]];
    let set = [
        &["config", "--set", "telemetry_disabled=true"][..],
        &["config", "--set", "telemetry_disabled=false"],
    ];
    for (file, commands) in [(&aws, set_up), (&sdk, set)] {
        let dir = file.parent().unwrap();
        let anew = async |command: &[&str], kept: [bool; 2]| {
            assert_eq!(rights(&users.b, file).await, kept, "{command:?}: before");
            let before = fs::metadata(file).unwrap();
            world.ctl(command).await.ok();
            let after = fs::metadata(file).unwrap();
            assert_ne!(after.ino(), before.ino(), "the probe works: it is anew");
            assert_eq!(rights(&users.b, file).await, kept, "{command:?}");
            assert_eq!((after.mode(), after.gid()), (before.mode(), before.gid()));
        };
        mode(dir, 0o755);
        // As umask 002 has it, in a directory that gives another one rights.
        mode(file, 0o664);
        list(dir, DEFAULT, &users.b, [7, 7, 5]);
        anew(commands[0], [true, false]).await;
        // Who is shut out by name stays so.
        list(file, ACCESS, &users.b, [0, 4, 4]);
        anew(commands[1], [false, false]).await;
        // The mask, which shows as the group's bits, is no right of the group's.
        list(file, ACCESS, &users.b, [4, 0, 0]);
        anew(commands[0], [true, false]).await;
        if chown(file, None, Some(users.b.gid())).is_ok() {
            list(file, ACCESS, &users.a, [6, 0, 0]);
            assert_eq!(rights(&users.b, file).await, [false, false]);
            world.ctl(commands[1]).await.ok();
            // A group of which the user is none cannot be given: nobody gets any.
            assert_eq!(rights(&users.b, file).await, [false, false]);
            assert_eq!(fs::metadata(file).unwrap().mode() & 0o077, 0);
            chown(file, None, Some(users.a.gid())).unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn undoing_gives_a_teams_directory_no_right_to_what_is_in_it() {
    let Some(users) = Users::find_real("a directory of another user's group").await else {
        return;
    };
    let world = open_world(&users).await;
    let config = world.home.config_yml();
    let dir = config.parent().unwrap();
    let auth = dir.join("auth.json");
    let other = r#"{"https://other.example": {"access_token": "A", "refresh_token": "R",
                    "expires_at": 1}}"#;
    fs::write(&auth, other).unwrap();
    world.home.give(&auth);
    mode(&auth, 0o660);
    mode(&config, 0o664);
    chown(dir, None, Some(users.b.gid())).unwrap();
    mode(dir, 0o2755);
    assert_eq!(rights(&users.b, &auth).await, [false, false]);
    assert_eq!(rights(&users.b, &config).await, [true, false]);
    world.ctl(&["setup", "quilt3"]).await.ok();
    world.ctl(&["setup", "quilt3", "--undo"]).await.ok();
    assert_eq!(rights(&users.b, &auth).await, [false, false]);
    assert_eq!(rights(&users.b, &config).await, [true, false]);
    for (file, bits) in [(&auth, 0o660), (&config, 0o664)] {
        let about = fs::metadata(file).unwrap();
        assert_eq!((about.mode() & 0o777, about.gid()), (bits, users.a.gid()));
    }
    // The probe works: what the team has is the team's.
    chown(&auth, None, Some(users.b.gid())).unwrap();
    mode(&auth, 0o640);
    assert_eq!(rights(&users.b, &auth).await, [true, false]);
}
