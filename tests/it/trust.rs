//! Whose files are believed, and where nothing is written: what another user,
//! or root in a user's home, cannot do.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use quilt_proto::Secret;
use quilt_proto::api::UseApiKey;
use quilt_proto::wire::{ApiKeyHandover, Diagnosis, Status};
use quilt_tests::fake_stack::StackConfig;
use quilt_tests::harness::{Daemon, Home, Run, User, Users, World, binaries, can_be_anybody};
use rustix::process::getuid;
use tokio::process::Command;

const STORES: [&str; 2] = ["file", "memory"];

pub(crate) fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// A start of quiltd that must fail; its last line.
pub(crate) async fn refused(home: &Home, args: &[&str]) -> String {
    let mut command = home.command(binaries::quiltd());
    let output = command.args(args).stdin(Stdio::null()).output();
    let output = output.await.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    said.lines().last().unwrap().to_owned()
}

/// Runs the command that a line ends with, as the home's user does.
pub(crate) async fn mend(home: &Home, line: &str) -> String {
    let (_, command) = line.split_once("; run: ").expect("a command to run");
    let mut shell = home.command("sh");
    let status = shell.args(["-c", command]).status().await.unwrap();
    assert!(status.success(), "{command}");
    command.to_owned()
}

/// Everything below a directory: whose it is, its mode, when it changed.
fn tree(dir: &Path) -> BTreeMap<PathBuf, (u32, u32, i64, i64)> {
    let mut found = BTreeMap::new();
    let mut left = vec![dir.to_owned()];
    while let Some(path) = left.pop() {
        let about = fs::symlink_metadata(&path).unwrap();
        if about.is_dir() {
            let entries = fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        }
        let seen = (about.uid(), about.mode(), about.mtime(), about.mtime_nsec());
        found.insert(path, seen);
    }
    found
}

/// A program in the home of one user, run by another: root where the tests are
/// root's, who gets everywhere.
fn intruder(home: &Home, other: &User, program: PathBuf) -> Command {
    let mut command = if getuid().is_root() {
        Command::new(program)
    } else {
        other.command(program, Path::new("/"))
    };
    command
        .env_clear()
        .envs(home.environment())
        .current_dir("/")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    command
}

/// A world in which `quilt3` is led to the gateway, without its daemon; the
/// port of the gateway.
async fn with_grants(user: &User) -> (World, u16) {
    let mut world = World::of(user, StackConfig::default()).await;
    world.login().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    let kept = fs::read_to_string(world.home.state().join("grants.json")).unwrap();
    let kept: serde_json::Value = serde_json::from_str(&kept).unwrap();
    world.daemon.take().unwrap().stop().await;
    (world, kept["port"].as_u64().unwrap().try_into().unwrap())
}

/// What the daemon says of itself, asked as its user.
async fn status(world: &World) -> Status {
    let said = world.ctl(&["status", "--json"]).await.ok();
    serde_json::from_str(&said).unwrap()
}

fn listens(port: u16) -> bool {
    TcpStream::connect(("127.0.0.1", port)).is_ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_of_somebody_else_are_not_believed_whatever_the_store() {
    let Some(users) = Users::find("files of somebody else").await else {
        return;
    };
    let (mut world, port) = with_grants(&users.a).await;
    let grants = world.home.state().join("grants.json");
    mode(&grants, 0o644);
    for store in STORES {
        // That they are the user's own is what makes the daemon listen.
        world.daemon = Some(Daemon::start(&world.home, &["--token-store", store]).await);
        assert_eq!(status(&world).await.warnings, [""; 0]);
        assert!(listens(port), "{}", world.log());
        world.daemon.take().unwrap().stop().await;

        users.b.give(&grants).unwrap();
        let before = fs::read(&grants).unwrap();
        world.daemon = Some(Daemon::start(&world.home, &["--token-store", store]).await);
        // It answers, so it has looked at its files.
        let status = status(&world).await;
        assert!(!listens(port));
        let warning = status
            .warnings
            .iter()
            .find(|line| line.contains("grants.json belongs to "));
        let warning = warning.unwrap_or_else(|| panic!("{status:?}"));
        let doctor = world.ctl(&["doctor", "--json"]).await;
        let found: Diagnosis = serde_json::from_str(&doctor.stdout).unwrap();
        let mut found = found.findings.iter();
        let found = found
            .find(|found| found.code == "file_not_trusted")
            .unwrap();
        assert!(warning.ends_with(&found.hint.to_string()), "{found:?}");
        assert!(world.log().contains("grants.json belongs to "));
        assert_eq!(fs::read(&grants).unwrap(), before, "it is left where it is");
        world.daemon.take().unwrap().stop().await;
        mend(&world.home, warning).await;
        assert!(!grants.exists());
        fs::write(&grants, before).unwrap();
        world.home.give(&grants);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_file_that_others_may_write_is_believed() {
    let Some(user) = User::find("files that others may write").await else {
        return;
    };
    let (mut world, port) = with_grants(&user).await;
    let (home, state) = (&world.home, world.home.state());
    let data = home.path().join("data/Quilt");
    let settings = home.settings();
    fs::create_dir_all(settings.parent().unwrap()).unwrap();
    fs::write(&settings, "[profiles.mine]\n").unwrap();
    home.give(settings.parent().unwrap());
    let files = [
        state.join("grants.json"),
        state.join("python-sdk.json"),
        state.join("audit.jsonl"),
        data.join("config.yml"),
        data.join("auth.json"),
        data.clone(),
        settings.clone(),
        settings.parent().unwrap().to_owned(),
    ];
    for store in STORES {
        for file in &files {
            let before = fs::metadata(file).unwrap().permissions();
            mode(file, before.mode() & 0o777 | 0o022);
            world.daemon = Some(Daemon::start(&world.home, &["--token-store", store]).await);
            let told = status(&world).await;
            let is_about = |line: &&String| line.contains(&format!("{} can be", file.display()));
            let said: Vec<_> = told.warnings.iter().filter(is_about).collect();
            assert_eq!(said.len(), 1, "{}: {told:?}", file.display());
            let content = fs::read(file);
            let command = mend(&world.home, said[0]).await;
            let is_peoples = [&settings, &data.join("config.yml")].contains(&file);
            let how = match &content {
                Err(_) => "chmod go-w",
                // Shown, and copied; what only programs read is put aside.
                Ok(_) if is_peoples => "install -m 600",
                Ok(_) => "chmod go=",
            };
            assert!(
                command.starts_with(&format!("{how} {}", file.display())),
                "{command}"
            );
            assert_eq!(command.contains("cat -v"), is_peoples, "{command}");
            let told = status(&world).await;
            assert!(!told.warnings.iter().any(|line| is_about(&line)));
            world.daemon.take().unwrap().stop().await;
            if let Ok(content) = content {
                fs::write(file, content).unwrap();
                world.home.give(file);
            }
            fs::set_permissions(file, before).unwrap();
        }
    }
    // What they would have made the daemon do.
    mode(&files[0], 0o666);
    mode(&files[3], 0o666);
    mode(&settings, 0o666);
    world.daemon = Some(Daemon::start(&world.home, &["--token-store", "file"]).await);
    assert!(!listens(port));
    let line = world
        .ctl(&["credential-process", "--profile", "mine"])
        .await;
    line.code_is(7);
    let mut command = world.home.command(binaries::quiltctl());
    let config = command.arg("config").output().await.unwrap();
    assert!(!config.status.success(), "{config:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_daemon_does_not_start_where_others_could_change_its_state() {
    let Some(users) = Users::find("directories of somebody else").await else {
        return;
    };
    let home = Home::of(&users.a);
    let parent = home.path().join("state");
    let state = home.state();
    fs::create_dir(&state).unwrap();
    home.give(&state);
    for store in STORES {
        let args = ["--token-store", store];
        for dir in [&state, &parent] {
            mode(dir, 0o777);
            let line = refused(&home, &args).await;
            assert!(line.contains("can be written by other users"), "{line}");
            mend(&home, &line).await;
            mode(dir, 0o700);
        }
        // Others may look, and in a sticky directory nobody touches it.
        mode(&parent, 0o1777);
        mode(&state, 0o755);
        Daemon::start(&home, &args).await.stop().await;
        mode(&parent, 0o700);

        mode(&state, 0o777);
        users.b.give(&state).unwrap();
        let before = tree(home.path());
        let line = refused(&home, &args).await;
        assert!(line.contains("belongs to "), "{line}");
        let after = tree(home.path());
        let new: Vec<_> = after
            .keys()
            .filter(|path| !before.contains_key(*path))
            .collect();
        assert_eq!(new, [""; 0].map(PathBuf::from).iter().collect::<Vec<_>>());
        home.owner().unwrap().give(&state).unwrap();
        mode(&state, 0o700);
    }
    // Tokens of somebody else's choosing.
    let sessions = state.join("sessions.json");
    fs::write(&sessions, "{\"version\":1}").unwrap();
    home.give(&sessions);
    mode(&sessions, 0o666);
    let line = refused(&home, &["--token-store", "file"]).await;
    assert!(line.contains("sessions.json can be written by"), "{line}");
    mend(&home, &line).await;
    Daemon::start(&home, &["--token-store", "file"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_below_somebody_elses_directory_is_refused() {
    let Some(users) = Users::find("parents of the socket").await else {
        return;
    };
    let home = Home::of(&users.a);
    let theirs = home.path().join("theirs");
    let ours = theirs.join("quilt");
    fs::create_dir_all(&ours).unwrap();
    mode(&ours, 0o700);
    home.give(&theirs);
    let socket = ours.join("quiltd.sock");
    let args = [
        "--token-store",
        "memory",
        "--socket",
        socket.to_str().unwrap(),
    ];
    Daemon::start(&home, &args).await.stop().await;

    mode(&ours, 0o755);
    users.b.give(&theirs).unwrap();
    if getuid().is_root() {
        // Only the directory above is theirs.
        users.a.give(&ours).unwrap();
        mode(&ours, 0o700);
    }
    let before = tree(&theirs);
    let line = refused(&home, &args).await;
    assert!(line.contains("theirs belongs to "), "{line}");
    let mut ctl = home.command(binaries::quiltctl());
    let output = ctl.arg("--socket").arg(&socket).args(["daemon", "start"]);
    let output = output.output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("theirs belongs to "), "{said}");
    assert_eq!(tree(&theirs), before, "nothing is made there");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_in_a_users_home_by_root_or_anybody_else() {
    let Some(users) = Users::find("another user in a user's home").await else {
        return;
    };
    let world = World::of(&users.a, StackConfig::default()).await;
    let home = Home::of(&users.a);
    let catalog = world.stack.catalog_url();
    let run = async |args: &[&str]| -> Run {
        let mut command = intruder(&home, &users.b, home.program(binaries::quiltctl()));
        command.env("QUILT_CATALOG", catalog);
        let output = command.args(args).output().await.unwrap();
        output.into()
    };
    let before = tree(home.path());
    for args in [
        &["status"][..],
        &["daemon", "start"],
        &["daemon", "restart"],
        &["whoami"],
        &["login", "--code-stdin"],
        &["logout", "--all"],
        &["config", catalog],
        &["audit"],
        &["setup", "aws"],
        &["setup", "quilt3"],
        &["setup", "systemd"],
        &["credential-process"],
        &["exec", "--", "true"],
        &["api-keys", "list"],
        &["packages", "list"],
        &["doctor"],
    ] {
        let ran = run(args).await;
        assert_ne!(ran.code, 0, "{args:?}: {ran:?}");
        assert_eq!(tree(home.path()), before, "{args:?}: {ran:?}");
    }
    for store in ["auto", "file", "memory"] {
        let mut command = intruder(&home, &users.b, home.program(binaries::quiltd()));
        let output = command
            .args(["--token-store", store])
            .output()
            .await
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert_eq!(tree(home.path()), before, "{store}: {said}");
        if getuid().is_root() {
            assert!(
                said.contains("belongs to ") && said.contains("; run: "),
                "{said}"
            );
        }
    }
    if getuid().is_root() {
        let line = run(&["daemon", "start"]).await.failed(4);
        let owner = format!("belongs to uid {}, and this is root", users.a.uid());
        assert!(line.contains(&owner), "{line}");
    }
    // The user's own run leaves something, which would be noticed.
    let mut own = home.command(binaries::quiltctl());
    let started = own.args(["daemon", "start"]).output().await.unwrap();
    assert!(started.status.success(), "{started:?}");
    assert_ne!(tree(home.path()), before);
    let mut own = home.command(binaries::quiltctl());
    own.args(["daemon", "stop"]).output().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_writes_nothing_where_others_may_replace_it() {
    let Some(user) = User::find("loose directories").await else {
        return;
    };
    let world = World::of(&user, StackConfig::default()).await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let home = &world.home;
    let (dir, config) = (home.path().join(".aws"), home.aws_config());
    fs::create_dir(&dir).unwrap();
    fs::write(&config, "[default]\nregion = eu-west-1\n").unwrap();
    home.give(&dir);
    let credentials = dir.join("credentials");
    fs::write(&credentials, "").unwrap();
    home.give(&credentials);
    for (loose, tight) in [(&dir, 0o755), (&config, 0o644)] {
        mode(loose, 0o777);
        let before = fs::read(&config).unwrap();
        let doctor = world.ctl(&["doctor", "--json"]).await;
        let found: Diagnosis = serde_json::from_str(&doctor.stdout).unwrap();
        let mut found = found.findings.iter();
        let found = found
            .find(|found| found.code == "file_not_trusted")
            .unwrap();
        let how = if *loose == config {
            "install -m 700"
        } else {
            "chmod go-w"
        };
        let start = format!("{how} {}", loose.display());
        assert!(found.hint.to_string().starts_with(&start), "{found:?}");
        let line = world.ctl(&["setup", "aws"]).await.failed(1);
        assert!(line.contains("can be written by other users"), "{line}");
        assert!(line.contains("nothing was changed"), "{line}");
        assert_eq!(fs::read(&config).unwrap(), before);
        assert!(!home.state().join("setup-aws.json").exists());
        mend(home, &line).await;
        world.ctl(&["setup", "aws"]).await.ok();
        world.ctl(&["setup", "aws", "--undo"]).await.ok();
        mode(loose, tight);
        fs::remove_file(home.state().join("setup-aws.json")).unwrap();
    }
    let data = home.path().join("data/Quilt");
    mode(&data, 0o777);
    let line = world.ctl(&["setup", "quilt3"]).await.failed(1);
    mend(home, &line).await;
    world.login().await;
    world.ctl(&["setup", "quilt3"]).await.ok();
    // A group of one's own is as good as none: umask 002 is ordinary.
    for path in [&dir, &config, &data] {
        mode(path, 0o775);
    }
    world.ctl(&["setup", "aws"]).await.ok();
    assert_eq!(status(&world).await.warnings, [""; 0]);
}

/// As `sudo aws configure` leaves it: what is in there is the user's, and stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_roots_becomes_the_users_with_all_that_is_in_it() {
    let Some(user) = User::find("a directory of root's").await else {
        return;
    };
    if !getuid().is_root() {
        eprintln!("NOT RUN: a directory of root's: only root can give it one");
        return;
    }
    let world = World::of(&user, StackConfig::default()).await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let (home, config) = (&world.home, world.home.aws_config());
    let dir = config.parent().unwrap();
    fs::create_dir(dir).unwrap();
    for (file, text) in [
        (&config, "[profile work]\n"),
        (&dir.join("credentials"), "[work]\n"),
    ] {
        fs::write(file, text).unwrap();
        home.give(file);
        mode(file, 0o600);
    }
    mode(dir, 0o755);
    let line = world.ctl(&["setup", "aws"]).await.failed(1);
    assert!(line.contains("belongs to root"), "{line}");
    mend(home, &line).await;
    world.ctl(&["setup", "aws"]).await.ok();
    let found = fs::read_to_string(&config).unwrap();
    assert!(found.contains("[profile work]") && found.contains("[profile quilt]"));
    assert_eq!(
        fs::read_to_string(dir.join("credentials")).unwrap(),
        "[work]\n"
    );
    assert_eq!(
        dir.metadata().unwrap().uid(),
        config.metadata().unwrap().uid()
    );
}

/// Where it is not known which catalog is meant, either, for the same reason.
#[tokio::test(flavor = "multi_thread")]
async fn what_others_may_write_is_told_of_once() {
    let world = World::logged_in().await;
    let config = world.home.config_yml();
    let dir = config.parent().unwrap().to_owned();
    for (loose, bits, was) in [(&dir, 0o777, 0o700), (&config, 0o666, 0o600)] {
        mode(loose, bits);
        let mut command = world.ctl_command(&["doctor", "--json"]);
        let output = command.env_remove("QUILT_CATALOG").output().await.unwrap();
        let found: Diagnosis = serde_json::from_slice(&output.stdout).unwrap();
        let about = |code: &str| found.findings.iter().filter(|it| it.code == code).count();
        assert_eq!(about("file_not_trusted"), 1, "{found:?}");
        assert_eq!(about("internal"), 0, "{found:?}");
        mode(loose, was);
    }
}

/// The limit has room for some keys, and there are more.
#[tokio::test(flavor = "multi_thread")]
async fn keys_beyond_what_may_be_locked_are_said() {
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().stop().await;
    let mut shell = world.home.command("sh");
    // As an ordinary user, whom the limit binds.
    let drop_right = if getuid().is_root() {
        "exec setpriv --bounding-set=-ipc_lock --inh-caps=-ipc_lock -- \"$0\" \"$@\""
    } else {
        "exec \"$0\" \"$@\""
    };
    let start = format!("ulimit -l 256; {drop_right}");
    shell.args(["-c", &start]).arg(binaries::quiltd());
    let daemon = Daemon::start_by(shell, &world.home, &["--token-store", "file"]).await;
    world.daemon = Some(daemon);
    let warned = async |world: &World| {
        let warnings = world.client().status().await.unwrap().warnings;
        let found = warnings
            .iter()
            .find(|it| it.starts_with("cannot lock memory"));
        found.cloned()
    };
    assert_eq!(warned(&world).await, None, "the control: there is room");
    for number in 1..=80 {
        // Nobody answers there, and such a key is used all the same.
        let catalog = format!("http://127.0.2.{number}:1").parse().unwrap();
        let client = world.client().with_catalog(&catalog);
        let key = UseApiKey(ApiKeyHandover {
            key: Secret::new(format!("qk_{number}")),
            accept_registry: None,
            default_catalog: None,
        });
        client.send(&key).await.unwrap();
    }
    let warning = warned(&world).await.expect("it is said");
    assert!(warning.contains("as much as the limit allows"), "{warning}");
    let doctor = world.ctl(&["doctor"]).await;
    assert!(doctor.stdout.contains("cannot lock memory"), "{doctor:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_that_cannot_be_locked_is_said() {
    let mut world = World::logged_in().await;
    let healthy = world.client().status().await.unwrap();
    assert!(
        healthy.protections.iter().all(|it| it.active),
        "{healthy:?}"
    );
    let names: Vec<_> = healthy
        .protections
        .iter()
        .map(|it| it.name.as_str())
        .collect();
    let expected = [
        "no_core_dumps",
        "locked_memory",
        "no_tracing",
        "no_new_privileges",
        "known_connections",
    ];
    assert_eq!(names, expected);
    assert_eq!(healthy.warnings, [""; 0]);
    for limit in ["0", "64"] {
        world.daemon.take().unwrap().stop().await;
        let mut shell = world.home.command("sh");
        let start = format!("ulimit -l {limit}; exec \"$0\" \"$@\"");
        shell.args(["-c", &start]).arg(binaries::quiltd());
        let daemon = Daemon::start_by(shell, &world.home, &["--token-store", "file"]).await;
        world.daemon = Some(daemon);
        let status = world.client().status().await.unwrap();
        let open: Vec<_> = status.protections.iter().filter(|it| !it.active).collect();
        assert_eq!(open.len(), 1, "{status:?}");
        assert_eq!(open[0].name, "locked_memory");
        assert!(open[0].reason.as_ref().unwrap().contains("ulimit -l"));
        assert_eq!(status.warnings.len(), 1);
        assert!(
            status.warnings[0].starts_with("cannot lock memory: "),
            "{status:?}"
        );
        let said = world.ctl(&["status"]).await;
        assert!(said.stderr.contains("cannot lock memory"), "{said:?}");
        let doctor = world.ctl(&["doctor", "--json"]).await;
        let found: Diagnosis = serde_json::from_str(&doctor.stdout).unwrap();
        let mut found = found.findings.iter();
        let found = found.find(|found| found.code == "unprotected").unwrap();
        assert!(
            status.warnings[0].ends_with(&found.hint.to_string()),
            "{found:?}"
        );
        assert!(
            found
                .hint
                .to_string()
                .contains("prlimit --pid $$ --memlock="),
            "{found:?}"
        );
    }
}

/// A directory on a file system that shows one owner and mode for every file.
struct OddDisk(PathBuf);

impl OddDisk {
    fn mount(home: &Home) -> Option<Self> {
        let (files, mounted) = (home.path().join("files"), home.path().join("disk"));
        fs::create_dir(&files).unwrap();
        fs::create_dir(&mounted).unwrap();
        let status = std::process::Command::new("bindfs")
            .args(["--perms=0777", "--force-user=12345"])
            .args([&files, &mounted])
            .status();
        let is_mounted = status.is_ok_and(|status| status.success());
        is_mounted.then(|| Self(mounted))
    }
}

impl Drop for OddDisk {
    fn drop(&mut self) {
        for (program, option) in [("fusermount3", "-uz"), ("umount", "-l")] {
            let mut command = std::process::Command::new(program);
            let status = command
                .arg(option)
                .arg(&self.0)
                .stderr(Stdio::null())
                .status();
            if status.is_ok_and(|status| status.success()) {
                return;
            }
        }
    }
}

/// Runs a program for which there are no netlink sockets (seccomp(2), with a filter
/// of `linux/filter.h`).
const WITHOUT_NETLINK: &str = r#"
import ctypes, os, platform, struct, sys
socket = {"x86_64": 41, "aarch64": 198}[platform.machine()]
load, if_equal, give = 0x20, 0x15, 0x06
lines = [
    (load, 0, 0, 0), (if_equal, 0, 3, socket),
    (load, 0, 0, 16), (if_equal, 0, 1, 16),
    (give, 0, 0, 0x50000 | 97), (give, 0, 0, 0x7fff0000),
]
code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))

class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]

libc = ctypes.CDLL(None, use_errno=True)
assert libc.prctl(38, 1, 0, 0, 0) == 0
program = Program(len(lines), ctypes.addressof(code))
assert libc.prctl(22, 2, ctypes.byref(program), 0, 0) == 0
os.execv(sys.argv[1], sys.argv[1:])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_system_that_does_not_tell_whose_connections_are_is_said() {
    if !can_be_anybody("a system without lists of connections") {
        return;
    }
    let mut world = World::logged_in().await;
    for (is_listed, is_asked) in [(true, true), (true, false), (false, true), (false, false)] {
        world.daemon.take().unwrap().stop().await;
        let mut shell = world.home.command("unshare");
        let hide = if is_listed {
            ":"
        } else {
            "mount -t proc -o subset=pid proc /proc"
        };
        let start = format!("{hide} && exec \"$@\"");
        shell.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            &start,
            "sh",
        ]);
        if !is_asked {
            shell.args(["python3", "-I", "-c", WITHOUT_NETLINK]);
        }
        shell.arg(binaries::quiltd());
        let daemon = Daemon::start_by(shell, &world.home, &["--token-store", "file"]).await;
        world.daemon = Some(daemon);
        let status = world.client().status().await.unwrap();
        let mut found = status.protections.iter();
        let found = found.find(|it| it.name == "known_connections").unwrap();
        assert_eq!(found.active, is_listed || is_asked, "{status:?}");
        let said = world.ctl(&["doctor"]).await;
        let told = said
            .stdout
            .contains("cannot tell whose connections on loopback are");
        assert_eq!(told, !found.active, "{said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_shows_no_modes_is_said_so_and_can_be_allowed() {
    let home = Home::new();
    let Some(disk) = OddDisk::mount(&home) else {
        let reason = "bindfs (the Debian package) cannot mount here";
        quilt_tests::harness::toolchain::not_run("a file system without modes", reason);
        return;
    };
    let aws = disk.0.join("aws-config");
    let state = disk.0.join("state");
    let ctl_with = async |state: &Path, args: &[&str]| -> Run {
        let mut command = home.command(binaries::quiltctl());
        let output = command
            .env("QUILTD_STATE_DIR", state)
            .env("AWS_CONFIG_FILE", &aws)
            .args(args)
            .output();
        output.await.unwrap().into()
    };
    let ctl = async |args: &[&str]| ctl_with(&state, args).await;
    let line = ctl(&["daemon", "start"]).await.failed(4);
    assert!(line.contains("file system (fuse)"), "{line}");
    assert!(!state.exists());
    let line = ctl(&["setup", "aws"]).await.failed(1);
    assert!(line.contains("file system (fuse)"), "{line}");
    mend(&home, &line).await;
    let text = fs::read_to_string(home.settings()).unwrap();
    assert!(text.contains("loose_file_systems = [\"fuse\"]"), "{text}");
    ctl(&["setup", "aws"]).await.ok();
    assert!(
        fs::read_to_string(&aws)
            .unwrap()
            .contains("[profile quilt]")
    );
    let status = ctl(&["status", "--json"]).await.ok();
    let status: serde_json::Value = serde_json::from_str(&status).unwrap();
    assert_eq!(status["warnings"], serde_json::json!([]));
    // Only what it names: modes that are shown truly still count.
    let loose = home.path().join("loose");
    fs::create_dir(&loose).unwrap();
    mode(&loose, 0o777);
    ctl(&["daemon", "stop"]).await.ok();
    let line = ctl_with(&loose, &["daemon", "start"]).await.failed(4);
    assert!(line.contains("can be written by other users"), "{line}");
}

/// Serves a directory as the second user, and reads in it as the first: `$1` and
/// `$2` are their ids, `$3` who is to serve it, `$4` and `$6` the programs, and `$5` where.
const SERVED: &str = "
as() { id=$1; shift; setpriv --reuid \"$id\" --regid \"$id\" --clear-groups env HOME=\"$w/home\" \"$@\"; }
w=$5
mkdir \"$w/dev\" \"$w/mnt\" && mount -t tmpfs none \"$w/dev\" && mknod \"$w/dev/fuse\" c 10 229 &&
  chmod 666 \"$w/dev/fuse\" && mount --bind \"$w/dev/fuse\" /dev/fuse || exit 99
echo user_allow_other >\"$w/dev/conf\" && mount --bind \"$w/dev/conf\" /etc/fuse.conf || exit 99
cp /etc/passwd \"$w/dev/\" && printf '%s\\n' \"ours:x:$1:$1::/:/bin/sh\" \"theirs:x:$2:$2::/:/bin/sh\" \\
  >>\"$w/dev/passwd\" && mount --bind \"$w/dev/passwd\" /etc/passwd || exit 99
chown \"$3\" \"$w/mnt\" && chown \"$1\" \"$w/home\"
as \"$3\" bindfs -o allow_other --force-user=\"$1\" --force-group=\"$1\" --perms=u=rwX,go= \
  \"$w/files\" \"$w/mnt\" || exit 99
stat -c '%u %a' \"$w/mnt/quiltd.toml\"
as \"$1\" env QUILTD_CONFIG=\"$w/mnt/quiltd.toml\" QUILTD_BIN=\"$6\" \"$4\" whoami --catalog named 2>&1
as \"$1\" \"$4\" daemon stop >/dev/null 2>&1
umount -l \"$w/mnt\"
";

#[tokio::test(flavor = "multi_thread")]
async fn what_another_user_serves_is_not_believed_whatever_it_shows() {
    let what = "a file system that another user serves";
    let Some(users) = Users::find_real(what).await else {
        return;
    };
    let home = Home::of(&users.a);
    let place = tempfile::tempdir_in("/tmp").unwrap();
    for (name, bits) in [("files", 0o755), ("home", 0o755), ("", 0o755)] {
        let dir = place.path().join(name);
        fs::create_dir_all(&dir).unwrap();
        mode(&dir, bits);
    }
    let settings = place.path().join("files/quiltd.toml");
    fs::write(
        &settings,
        "[catalogs.named]\nurl = \"http://127.0.0.1:1\"\n",
    )
    .unwrap();
    for (server, is_believed) in [(&users.a, true), (&users.b, false)] {
        let mut command = Command::new("unshare");
        command.args([
            "--mount",
            "--propagation",
            "private",
            "sh",
            "-c",
            SERVED,
            "sh",
        ]);
        for id in [users.a.uid(), users.b.uid(), server.uid()] {
            command.arg(id.to_string());
        }
        command.arg(home.program(binaries::quiltctl()));
        command.arg(place.path());
        command.arg(home.program(binaries::quiltd()));
        let run: Run = command.output().await.unwrap().into();
        if run.code == 99 {
            let reason = "bindfs (the Debian package) cannot mount here for an ordinary user";
            quilt_tests::harness::toolchain::not_run(what, reason);
            return;
        }
        let (shown, said) = run.stdout.split_once('\n').unwrap();
        assert_eq!(shown, format!("{} 600", users.a.uid()), "{run:?}");
        assert_eq!(said.contains("http://127.0.0.1:1"), is_believed, "{run:?}");
        let refused = "on a file system that theirs serves";
        assert_eq!(said.contains(refused), !is_believed, "{run:?}");
        for dir in ["dev", "mnt"] {
            fs::remove_dir(place.path().join(dir)).unwrap();
        }
    }
}
