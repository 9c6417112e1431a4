//! The check against what others could have left. Whose files they are is
//! tested with two users, from outside.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

use tempfile::TempDir;

use super::*;

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn is_loose(result: Result<(), Distrust>, at: &Path) -> bool {
    let at = fs::canonicalize(at).unwrap();
    matches!(result, Err(Distrust::Loose { path, .. }) if path == at)
}

fn read(path: &Path, role: Role) -> Result<(), Distrust> {
    open(path, role, Access::Read).map(drop)
}

#[test]
fn what_others_may_write_is_not_believed_and_what_they_may_read_is() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, "x").unwrap();
    for fine in [0o600, 0o644, 0o755, 0o400] {
        mode(&file, fine);
        assert!(open(&file, Role::State, Access::Read).unwrap().is_some());
    }
    for loose in [0o602, 0o666, 0o777] {
        mode(&file, loose);
        for role in [Role::State, Role::Shared] {
            assert!(is_loose(read(&file, role), &file), "{loose:o}");
        }
        assert!(is_loose(check(&file), &file));
    }
    let line = check(&file).unwrap_err().to_string();
    assert!(
        line.ends_with("can be written by other users (mode 0777)"),
        "{line}"
    );
}

#[test]
fn of_many_files_the_same_is_said_as_of_each() {
    let top = TempDir::new().unwrap();
    let dir = top.path().join("state");
    fs::create_dir(&dir).unwrap();
    let names = ["fine", "loose", "link", "dir", "missing"];
    for name in ["fine", "loose", "dangling"] {
        fs::write(dir.join(name), "x").unwrap();
    }
    symlink("fine", dir.join("link")).unwrap();
    fs::create_dir(dir.join("dir")).unwrap();
    mode(&dir.join("loose"), 0o666);
    let real = fs::canonicalize(&dir).unwrap();
    let of_each = |names: &[&str]| {
        let judged = names
            .iter()
            .map(|name| judge(&real.join(name), Role::State));
        judged.filter_map(Result::err).collect::<Vec<_>>()
    };
    assert_eq!(judge_all(&dir, &names), of_each(&names));
    assert_eq!(judge_all(&dir, &names).len(), 3);
    // A directory that is loose is said once, whoever is in it.
    for loose in [&dir, top.path()] {
        mode(loose, 0o777);
        assert_eq!(judge_all(&dir, &names), of_each(&["fine"]));
        mode(loose, 0o700);
    }
    assert_eq!(judge_all(&top.path().join("none"), &names), []);
}

#[test]
fn a_loose_directory_anywhere_on_the_way_spoils_what_is_below() {
    let top = TempDir::new().unwrap();
    let dir = top.path().join("a/b/c");
    fs::create_dir_all(&dir).unwrap();
    let file = dir.join("file");
    fs::write(&file, "x").unwrap();
    check(&file).unwrap();
    for loose in [top.path(), &top.path().join("a"), &dir] {
        mode(loose, 0o777);
        assert!(is_loose(check(&file), loose));
        assert!(is_loose(read(&file, Role::State), loose));
        assert!(is_loose(make_dir(&dir.join("new/er")), loose));
        assert!(is_loose(
            open(&dir.join("new"), Role::State, Access::Append).map(drop),
            loose
        ));
        assert!(!dir.join("new").exists(), "nothing is made there");
        mode(loose, 0o755);
    }
    // Nobody may touch in a sticky directory what is not theirs.
    mode(&top.path().join("a"), 0o1777);
    check(&file).unwrap();
    make_dir(&dir.join("new/er")).unwrap();
    let made = fs::metadata(dir.join("new")).unwrap();
    assert_eq!(made.permissions().mode() & 0o777, 0o700);
    // But it is nobody's own.
    mode(&dir, 0o1777);
    assert!(is_loose(check_dir(&dir), &dir));
}

#[test]
fn a_symlink_is_followed_only_where_people_keep_files_elsewhere() {
    let dir = TempDir::new().unwrap();
    let (file, link) = (dir.path().join("file"), dir.path().join("link"));
    fs::write(&file, "x").unwrap();
    symlink("file", &link).unwrap();
    read(&link, Role::Shared).unwrap();
    assert!(matches!(read(&link, Role::State), Err(Distrust::Link(_))));
    let loose = dir.path().join("loose");
    fs::create_dir(&loose).unwrap();
    fs::write(loose.join("file"), "x").unwrap();
    mode(&loose, 0o777);
    let far = dir.path().join("far");
    symlink(loose.join("../loose/file"), &far).unwrap();
    assert!(is_loose(read(&far, Role::Shared), &loose));
    let round = dir.path().join("round");
    symlink("round", &round).unwrap();
    assert!(matches!(check(&round), Err(Distrust::Io { .. })));
}

#[test]
fn what_is_missing_is_nothing_and_what_is_no_file_is_said() {
    let dir = TempDir::new().unwrap();
    let missing = dir.path().join("no/such/file");
    assert!(open(&missing, Role::State, Access::Read).unwrap().is_none());
    check(&missing).unwrap();
    assert!(matches!(
        read(dir.path(), Role::State),
        Err(Distrust::Kind { .. })
    ));
    let made = dir.path().join("made");
    open_or_make(&made, Role::State, Access::Lock).unwrap();
    assert_eq!(
        fs::metadata(&made).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

/// As people write `AWS_SHARED_CREDENTIALS_FILE=/dev/null`.
#[test]
fn the_file_that_is_none_is_as_one_that_is_missing() {
    let nothing = Path::new(NOTHING);
    check(nothing).unwrap();
    judge(nothing, Role::Shared).unwrap();
    assert!(open(nothing, Role::Shared, Access::Read).unwrap().is_none());
    // The program's own files are kept, there they would not be.
    assert!(open(nothing, Role::State, Access::Read).is_err());
    assert!(open(nothing, Role::Shared, Access::Append).is_err());
    // Nor is a file that is called so.
    let dir = TempDir::new().unwrap();
    let other = dir.path().join("null");
    fs::write(&other, "").unwrap();
    mode(&other, 0o666);
    assert!(is_loose(check(&other), &other));
}

#[test]
fn nothing_that_all_users_share_is_to_be_closed() {
    let remedy = |path: &str| check_dir(Path::new(path)).err().map(|it| it.remedy());
    for shared in ["/tmp", "/var/tmp", "/dev/shm"] {
        let Some(remedy) = remedy(shared) else {
            continue;
        };
        assert!(remedy.to_string().starts_with("ls -ld "), "{remedy}");
    }
    let device = Path::new("/dev/zero");
    let remedy = check(device).unwrap_err().remedy().to_string();
    assert!(remedy.starts_with("ls -ld "), "{remedy}");
    // One's own is closed.
    let dir = TempDir::new().unwrap();
    mode(dir.path(), 0o777);
    let remedy = check_dir(dir.path()).unwrap_err().remedy().to_string();
    assert!(remedy.starts_with("chmod go-w "), "{remedy}");
}

#[test]
fn what_is_no_file_in_a_directory_of_ours_is_put_aside_as_it_says() {
    let dir = TempDir::new().unwrap();
    let (link, pipe) = (dir.path().join("quiltd.log"), dir.path().join("a pipe"));
    symlink("/dev/null", &link).unwrap();
    let made = Command::new("mkfifo").arg(&pipe).status().unwrap();
    assert!(made.success());
    for path in [&link, &pipe] {
        let opened = || open_or_make(path, Role::State, Access::Append);
        let remedy = opened().unwrap_err().remedy().to_string();
        let done = Command::new("sh").args(["-c", &remedy]).status().unwrap();
        assert!(done.success(), "{remedy}");
        opened().unwrap();
    }
    assert_eq!(
        fs::read_link(dir.path().join("quiltd.log.foreign")).unwrap(),
        Path::new("/dev/null")
    );
}

/// What others may have put there would count once it is closed.
#[test]
fn what_others_may_have_written_is_looked_at_first_and_their_programs_go() {
    let dir = TempDir::new().unwrap();
    let remedy = |name: &str, content: &str, bits: u32| {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        mode(&path, bits);
        let remedy = check(&path).unwrap_err().remedy().to_string();
        let root = dir.path().display().to_string();
        remedy.replace(&root, "")
    };
    let copied = |name: &str, mode: u32, shown: &str| {
        let own = format!("{name}.own");
        format!("install -m {mode} {name} {own}{shown} && mv -f {own} {name}")
    };
    let renewed = |name: &str, shown: &str| copied(name, 600, shown);
    let seen = |name: &str| renewed(name, &format!(" && cat -v {name}.own"));
    let but_for = |secrets: &str, name: &str| {
        let lines = format!("tr '\\r' '\\n' < {name}.own");
        format!(" && {lines} {secrets}")
    };
    let shown_without_secrets = |name: &str| but_for(remedy::WITHOUT_AWS_SECRETS, name);
    let without_secrets = |name: &str| renewed(name, &shown_without_secrets(name));
    let without_keys = |name: &str| renewed(name, &but_for(remedy::WITHOUT_API_KEYS, name));
    let aside = |name: &str| format!("chmod go= {name} && mv {name} {name}.foreign");
    for (name, content, bits, expected) in [
        ("/quiltd.toml", "", 0o666, seen("/quiltd.toml")),
        ("/config.yml", "", 0o622, seen("/config.yml")),
        (
            "/notify",
            "#!/bin/sh\n",
            0o777,
            copied("/notify", 700, " && cat -v /notify.own"),
        ),
        (
            "/quiltd.service",
            "[Unit]\n",
            0o666,
            seen("/quiltd.service"),
        ),
        ("/.bashrc", "", 0o666, seen("/.bashrc")),
        ("/.aws/config", "", 0o666, without_secrets("/.aws/config")),
        (
            "/.aws/credentials",
            "",
            0o666,
            without_secrets("/.aws/credentials"),
        ),
        // Whatever it is: somebody acts by it.
        ("/ci.key", "qk_x", 0o666, without_keys("/ci.key")),
        ("/bashrc", "# mine\n", 0o666, without_keys("/bashrc")),
        ("/mine.conf", "", 0o666, seen("/mine.conf")),
        // Whatever its mode is.
        (
            "/.aws/config",
            "[work]\n",
            0o777,
            copied("/.aws/config", 700, &shown_without_secrets("/.aws/config")),
        ),
        // Nothing there for people to judge.
        ("/quiltd", "\u{7f}ELF\0", 0o777, aside("/quiltd")),
        ("/sessions.json", "{}", 0o666, aside("/sessions.json")),
        ("/setup-aws.json", "{}", 0o666, aside("/setup-aws.json")),
        ("/quiltd.toml.last", "", 0o666, aside("/quiltd.toml.last")),
        ("/auth.json", "{}", 0o666, aside("/auth.json")),
        ("/ca.pem", "", 0o666, seen("/ca.pem")),
    ] {
        assert_eq!(remedy(&name[1..], content, bits), expected);
    }
}

/// Whoever opened it while its mode let them goes on writing to that one.
#[test]
fn a_file_that_is_taken_from_others_is_another_one_then() {
    use std::io::Write;
    let dir = TempDir::new().unwrap();
    let file = dir.path().join(".aws/config");
    fs::create_dir(dir.path().join(".aws")).unwrap();
    let hidden = "\x1b[2A\x1b[J";
    let text = format!(
        "[work]\naws_secret_access_key = canary\rcredential_process = it\nx = y\n#{hidden}\n"
    );
    fs::write(&file, &text).unwrap();
    mode(&file, 0o666);
    let mut others = fs::File::options().append(true).open(&file).unwrap();
    let remedy = check(&file).unwrap_err().remedy().to_string();
    let run = Command::new("sh").args(["-c", &remedy]).output().unwrap();
    assert!(run.status.success(), "{remedy}");
    check(&file).unwrap();
    others.write_all(b"credential_process = evil\n").unwrap();
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    let left: Vec<_> = fs::read_dir(dir.path().join(".aws")).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
    // What is shown is all there is, but for the secret, and steers no terminal.
    let shown = String::from_utf8(run.stdout).unwrap();
    assert!(
        shown.contains("x = y") && shown.contains("^[[2A"),
        "{shown}"
    );
    assert!(
        !shown.contains("canary") && !shown.contains('\x1b'),
        "{shown}"
    );
}

/// A line that would run is hidden as no secret, and nothing hides all of them.
#[test]
fn of_what_others_may_have_written_secrets_alone_are_not_shown() {
    let dir = TempDir::new().unwrap();
    fs::create_dir(dir.path().join(".aws")).unwrap();
    let shown_of = |name: &str, text: &[u8]| {
        let file = dir.path().join(name);
        fs::write(&file, text).unwrap();
        mode(&file, 0o666);
        let remedy = check(&file).unwrap_err().remedy().to_string();
        let run = Command::new("sh").args(["-c", &remedy]).output().unwrap();
        assert!(run.status.success(), "{remedy}");
        String::from_utf8(run.stdout).unwrap()
    };
    let shown = |text: &[u8]| shown_of(".aws/config", text);
    let runs = [
        "credential_process = sh -c\n  aws_se=1;id",
        "credential_process = sh -c\n aws_secret_access_key=canary",
        "command = [\"sh\",\"-c\",\"\"\"\naws_se=1; id\n\"\"\"]",
        "aws_secret_access_key = `id`",
        "aws_session_token=x id",
        "export aws_secret_access_key=$(id)",
        "[plugins]\naws_session_token = module\naws_se = module\n",
        "[profile x]\n  [plugins]\naws_session_token = module\n",
        "[plugins]\n[x = os\naws_session_token = module\n",
        "aws_secret = module\n",
    ];
    for text in runs {
        assert_eq!(shown(text.as_bytes()), text);
    }
    // What a shell reads may use each value elsewhere.
    for text in [
        "aws_se=/tmp/x\n$aws_se\n",
        "aws_session_token=/tmp/x\n$aws_session_token\n",
        "[Service]\nEnvironment=\\\naws_se=/tmp/x\nExecStartPre=/bin/sh -c ${aws_se}\n",
        "x=/tmp/qk_x\n$x\n",
        "x=qk_x;id\n",
        "qk_x id\n",
    ] {
        assert_eq!(shown_of("bashrc", text.as_bytes()), text);
        assert_eq!(shown_of("mine.conf", text.as_bytes()), text);
    }
    assert_eq!(
        shown(b"credential_process = /tmp/qk_x\n"),
        "credential_process = /tmp/qk_x\n"
    );
    for padding in ["#".repeat(5000), "\n".repeat(4100), "é".repeat(2049)] {
        let text = format!("{padding}\n[toplevel]\nsts = !id\n");
        assert!(shown(text.as_bytes()).ends_with("[toplevel]\nsts = !id\n"));
    }
    assert!(shown(b"\xff\n[toplevel]\nsts = !id\n").ends_with("sts = !id\n"));
    let secrets = [
        ("aws_secret_access_key = ", "canary/+="),
        ("AWS_SESSION_TOKEN=", "canary"),
        ("export AWS_SECRET_ACCESS_KEY=", "canary"),
        ("aws_secret_access_key=", "\"canary\""),
        ("aws_session_token : ", "canary-_"),
    ];
    for (name, secret) in secrets {
        for end in ["", " "] {
            let seen = shown(format!("{name}{secret}{end}\nx = y\n").as_bytes());
            assert_eq!(seen, format!("{name}(a secret){end}\nx = y\n"));
        }
    }
    for (name, end) in [
        ("QUILT_API_KEY=", ""),
        ("export QUILT_API_KEY=\"", "\""),
        ("", ""),
    ] {
        let seen = shown_of(
            ".env",
            format!("{name}qk_canary-_{end}\nx = y\n").as_bytes(),
        );
        assert_eq!(seen, format!("{name}qk_(a secret){end}\nx = y\n"));
    }
    assert_eq!(
        shown(b"aws_secret_access_key = canary # mine"),
        "aws_secret_access_key = (a secret) # mine"
    );
}

#[test]
fn what_was_put_aside_before_stays() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("sessions.json");
    for content in ["1", "2", "3"] {
        fs::write(&file, content).unwrap();
        mode(&file, 0o666);
        let remedy = check(&file).unwrap_err().remedy().to_string();
        let run = Command::new("sh").args(["-c", &remedy]).status().unwrap();
        assert!(run.success(), "{remedy}");
    }
    for (ending, content) in [("", "1"), (".2", "2"), (".3", "3")] {
        let name = format!("sessions.json.foreign{ending}");
        assert!(was_put_aside(&name));
        assert_eq!(fs::read_to_string(dir.path().join(name)).unwrap(), content);
    }
}

#[test]
fn every_remedy_is_a_command_that_works() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("it's loose");
    fs::write(&file, "x").unwrap();
    mode(&file, 0o666);
    let command = check(&file).unwrap_err().remedy().to_string();
    let run = Command::new("sh").args(["-c", &command]).status();
    assert!(run.unwrap().success(), "{command}");
    check(&file).unwrap();
}

/// Gives a file an access control list as `setfacl -m ENTRY` does.
#[cfg(target_os = "linux")]
fn list(path: &Path, tag: u16, rights: u16, id: u32) {
    use rustix::fs::{XattrFlags, setxattr};
    let none = u32::MAX;
    let entries = [
        (0x01_u16, if path.is_dir() { 7_u16 } else { 6 }, none),
        (tag, rights, id),
        (0x04, 5, none),
        (0x10, 7, none),
        (0x20, 5, none),
    ];
    let mut bytes = 2_u32.to_le_bytes().to_vec();
    let mut entries = entries.to_vec();
    entries.sort_by_key(|(tag, ..)| *tag);
    for (tag, rights, id) in entries {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(rights.to_le_bytes());
        bytes.extend(id.to_le_bytes());
    }
    setxattr(path, "system.posix_acl_access", &bytes, XattrFlags::empty()).unwrap();
}

#[test]
#[cfg(target_os = "linux")]
fn whom_an_access_control_list_lets_write_is_another_user() {
    use std::process::Command;
    const SOMEBODY: u32 = 60_123;
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    let top = TempDir::new().unwrap();
    let dir = top.path().join("dir");
    fs::create_dir(&dir).unwrap();
    let file = dir.join("file");
    fs::write(&file, "x").unwrap();
    for (what, path) in [("file", &file), ("directory on the way", &dir)] {
        for (tag, rights, is_believed) in [
            (USER, 7, false),
            (GROUP, 6, false),
            (USER, 5, true),
            (GROUP, 4, true),
        ] {
            list(path, tag, rights, SOMEBODY);
            let judged = judge(&file, Role::State);
            assert_eq!(judged.is_ok(), is_believed, "{what}: {tag} {rights}");
            let Err(distrust) = judged else { continue };
            let line = distrust.to_string();
            assert!(line.contains("can be written by "), "{line}");
            assert_eq!(line.contains("access control list"), tag == USER, "{line}");
            // The command mends it.
            let command = distrust.remedy().to_string();
            let mended = Command::new("sh").args(["-c", &command]).status();
            assert!(mended.unwrap().success(), "{command}");
            judge(&file, Role::State).unwrap();
        }
    }
    // The user's own entry and root's give nobody anything.
    for id in [rustix::process::geteuid().as_raw(), 0] {
        list(&file, USER, 7, id);
        judge(&file, Role::State).unwrap();
    }
}

#[test]
fn what_is_missing_where_others_may_put_it_is_neither_read_nor_run() {
    use rustix::process::getuid;

    let top = TempDir::new().unwrap();
    let (shared, own) = (top.path().join("shared"), top.path().join("own"));
    for (dir, bits) in [(&shared, 0o1777), (&own, 0o755)] {
        fs::create_dir(dir).unwrap();
        mode(dir, bits);
    }
    let user = getuid().as_raw();
    for name in ["gone", "gone/below", "gone/../gone"] {
        let missing = shared.join(name);
        assert!(is_loose(check_used(&missing), &shared), "{name}");
        assert!(is_loose(check_kept(&missing, user), &shared), "{name}");
        assert!(
            is_loose(locate_special(&missing).map(drop), &shared),
            "{name}"
        );
        // What is written there is somebody's for good, or is not written.
        assert_eq!(check(&missing), Ok(()), "{name}");
    }
    let missing = own.join("gone");
    assert_eq!(check_used(&missing), Ok(()));
    assert_eq!(check_kept(&missing, user), Ok(()));
    assert!(matches!(locate_special(&missing), Err(Distrust::Io { .. })));
    // What is there, and the user's, nobody else can take away.
    let there = shared.join("there");
    fs::write(&there, "").unwrap();
    symlink("there", shared.join("link")).unwrap();
    for found in [&there, &shared.join("link")] {
        assert_eq!(check_used(found), Ok(()));
        assert_eq!(check_kept(found, user), Ok(()));
        assert_eq!(locate_special(found), Ok(fs::canonicalize(&there).unwrap()));
    }
}

#[test]
fn what_others_may_read_of_the_programs_own_is_closed_to_them() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("own.lock");
    let set = |mode| fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    let found = || fs::metadata(&path).unwrap().mode() & 0o777;
    for access in [Access::Lock, Access::Append, Access::Read] {
        fs::write(&path, "").unwrap();
        set(0o644);
        drop(open(&path, Role::State, access).unwrap());
        assert_eq!(found(), 0o600, "{access:?}");
        set(0o644);
        drop(open(&path, Role::Shared, access).unwrap());
        assert_eq!(found(), 0o644, "what is shared is the user's: {access:?}");
    }
}
