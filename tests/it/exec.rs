//! Programs under `quiltctl exec`.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use quilt_proto::wire::Status;
use quilt_tests::fake_stack::{DEMO_BUCKET, DEMO_KEY, Settings, StackConfig};
use quilt_tests::harness::toolchain::{Python, Reading, S3CMD, Venv, not_run};
use quilt_tests::harness::{Run, World, binaries};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::Child;
use tokio::signal::unix::SignalKind;

use crate::programs::ready;
use crate::roles::{arn, world};

async fn status(world: &World) -> Status {
    world.client().status().await.unwrap()
}

async fn no_grants(world: &World) {
    while !status(world).await.grants.is_empty() {
        tokio::task::yield_now().await;
    }
}

/// `sh -c script` under exec, once it has said `ready`.
async fn started(world: &World, script: &str) -> Child {
    ready(&mut world.ctl_command(&["exec", "--", "sh", "-c", script])).await
}

/// A run under nohup, or in the background of a script, ignores signals, and so
/// would the programs it starts; what is caught here is at its default there
/// (execve(2)).
fn default_signals() -> [tokio::signal::unix::Signal; 3] {
    let caught = [
        SignalKind::hangup(),
        SignalKind::interrupt(),
        SignalKind::quit(),
    ];
    caught.map(|kind| tokio::signal::unix::signal(kind).unwrap())
}

fn signal(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id().unwrap()).unwrap();
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn it_sets_one_way_and_unsets_every_other() {
    let world = World::logged_in().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let conflicting = [
        "AWS_ACCESS_KEY_ID",
        "AWS_ACCESS_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SECRET_KEY",
        "AWS_SESSION_TOKEN",
        "AWS_SECURITY_TOKEN",
        "AWS_TOKEN",
        "AMAZON_ACCESS_KEY_ID",
        "AMAZON_SECRET_ACCESS_KEY",
        "AMAZON_SESSION_TOKEN",
        "SECRET_ACCESS_KEY",
        "AWSACCESSKEYID",
        "AWSSECRETACCESSKEY",
        "EC2_ACCESS_KEY",
        "EC2_SECRET_KEY",
        "AWS_CREDENTIAL_FILE",
        "AWS_BEARER_TOKEN_BEDROCK",
        "AWS_PROFILE",
        "AWS_DEFAULT_PROFILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_ROLE_ARN",
    ];
    let output = world
        .ctl_command(&["exec", "--", "env", "-0"])
        .envs(conflicting.map(|name| (name, "other")))
        .env("KEPT", "kept")
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut aws: Vec<_> = text
        .split('\0')
        .filter_map(|line| line.split_once('='))
        .filter(|(name, value)| *value == "other" || name.starts_with("AWS_"))
        .map(|(name, _)| name)
        .filter(|name| *name != "AWS_EC2_METADATA_DISABLED")
        .collect();
    aws.sort_unstable();
    assert_eq!(
        aws,
        [
            "AWS_CONTAINER_AUTHORIZATION_TOKEN",
            "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
            "AWS_CONTAINER_CREDENTIALS_FULL_URI",
            "AWS_DEFAULT_REGION",
            "AWS_REGION",
        ]
    );
    assert!(text.contains("KEPT=kept") && text.contains("AWS_REGION=us-east-1"));
    no_grants(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_lies_in_a_private_file_for_as_long_as_the_program_runs() {
    let world = World::logged_in().await;
    let look = "stat -c %a \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"; \
                printf %s \"$AWS_CONTAINER_AUTHORIZATION_TOKEN\" | \
                cmp - \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\" && \
                echo \"$AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE\"";
    let said = world.ctl(&["exec", "--", "sh", "-c", look]).await.ok();
    let (mode, file) = said.trim_end().split_once('\n').unwrap();
    assert_eq!(mode, "600");
    assert!(
        !file.contains('\n'),
        "the file differs from the token: {said}"
    );
    no_grants(&world).await;
    assert!(!std::path::Path::new(file).exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_never_gets_the_grant() {
    let world = World::logged_in().await;
    let exempt = async |variables: &[(&str, &str)]| {
        let output = world
            .ctl_command(&["exec", "--", "sh", "-c", "echo \"$NO_PROXY|$no_proxy\""])
            .envs(variables.iter().copied())
            .env("AWS_ENDPOINT_URL", "")
            .output()
            .await
            .unwrap();
        Run::from(output).ok()
    };
    assert_eq!(exempt(&[]).await, "|\n");
    let proxied = ("http_proxy", "http://127.0.0.1:9");
    let loopback = "127.0.0.1,localhost,::1";
    assert_eq!(exempt(&[proxied]).await, format!("{loopback}|{loopback}\n"));
    let own = ("no_proxy", ".corp.example");
    let both = format!(".corp.example,{loopback}");
    assert_eq!(exempt(&[proxied, own]).await, format!("{both}|{both}\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_users_own_region_stays() {
    let world = World::logged_in().await;
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let regions = async |own: &[(&str, &str)]| {
        let show = "echo \"$AWS_REGION|$AWS_DEFAULT_REGION\"";
        let output = world
            .ctl_command(&["exec", "--", "sh", "-c", show])
            .envs(own.iter().copied())
            .output()
            .await
            .unwrap();
        Run::from(output).ok()
    };
    assert_eq!(regions(&[]).await, "us-east-1|us-east-1\n");
    assert_eq!(
        regions(&[("AWS_REGION", "")]).await,
        "us-east-1|us-east-1\n"
    );
    assert_eq!(
        regions(&[("AWS_REGION", "sa-east-1")]).await,
        "sa-east-1|\n"
    );
    let own = ("AWS_DEFAULT_REGION", "sa-east-1");
    assert_eq!(regions(&[own]).await, "|sa-east-1\n");
}

/// The AWS CLI's own word on whose credentials it would use, and what is left
/// of the user's files.
#[tokio::test(flavor = "multi_thread")]
async fn default_keys_of_the_user_are_out_of_sight_and_nothing_else_is() {
    let world = World::logged_in().await;
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    let aws = world.home.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let secret = "c2VjcmV0LW9mLXRoZS11c2Vy";
    let credentials = format!(
        "[default]\naws_access_key_id = AKIADEFAULT\naws_secret_access_key = {secret}\n\
         [work]\naws_access_key_id = AKIAWORK\naws_secret_access_key = {secret}\n"
    );
    std::fs::write(aws.join("credentials"), &credentials).unwrap();
    let config = "[default]\ncredential_process = false\ns3 =\n  addressing_style = path\n\
                  [profile far]\nregion = eu-west-3\n";
    std::fs::write(aws.join("config"), config).unwrap();
    let script = "import botocore.session as b\n\
                  s = b.Session()\n\
                  print(s.get_credentials().method)\n\
                  print(s.get_scoped_config()['s3']['addressing_style'])\n\
                  print(b.Session(profile='work').get_credentials().access_key)\n\
                  print(b.Session(profile='far').get_config_variable('region'))\n\
                  import subprocess, os, sys\n\
                  subprocess.run(['cat', os.environ['AWS_SHARED_CREDENTIALS_FILE']], check=True)\n\
                  sys.stdout.flush(); print('ready', flush=True); input()\n";
    let mut child = world
        .ctl_command(&["exec", "--"])
        .arg(&python)
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut said = Vec::new();
    while let Some(line) = lines.next_line().await.unwrap() {
        if line == "ready" {
            break;
        }
        said.push(line);
    }
    // What a child process reads comes through a pipe of its own, in between.
    let copy: Vec<_> = said
        .iter()
        .filter(|line| line.contains("AKIA") || line.starts_with('['))
        .cloned()
        .collect();
    said.retain(|line| !line.contains('[') && !line.contains(" = "));
    assert_eq!(said, ["container-role", "path", "AKIAWORK", "eu-west-3"]);
    assert!(copy.contains(&"[work]".to_owned()) && !copy.join(" ").contains("AKIADEFAULT"));

    // No copy of the user's secrets lies anywhere, nor after a kill.
    signal(&child, Signal::KILL);
    child.wait().await.unwrap();
    no_grants(&world).await;
    let found = std::process::Command::new("grep")
        .args(["-rlF", secret])
        .arg(world.home.path())
        .output()
        .unwrap();
    let found = String::from_utf8(found.stdout).unwrap();
    assert_eq!(found.trim_end(), aws.join("credentials").to_str().unwrap());
    // The files themselves are as they were.
    assert_eq!(
        std::fs::read_to_string(aws.join("credentials")).unwrap(),
        credentials
    );
    assert_eq!(std::fs::read_to_string(aws.join("config")).unwrap(), config);
}

/// What every program below inherits, those of other users and in sandboxes
/// included, that the program may start.
const INHERITED: &str = "\
import os, socket, urllib.parse
readable = heard = 0
port = urllib.parse.urlsplit(os.environ['AWS_CONTAINER_CREDENTIALS_FULL_URI']).port
kept = None
for fd in range(3, 1024):
    try:
        os.fstat(fd)
    except OSError:
        continue
    try:
        readable += b'AKIA' in os.pread(fd, 65536, 0)
    except OSError:
        pass
    try:
        inherited = socket.socket(fileno=os.dup(fd))
        if inherited.getsockname()[1] == port:
            kept = inherited
    except OSError:
        pass
kept.listen(128)
kept.setblocking(False)
for option in (27, 44, 68):  # SO_DETACH_FILTER, SO_LOCK_FILTER, SO_DETACH_REUSEPORT_BPF
    try:
        kept.setsockopt(socket.SOL_SOCKET, option, 0)
    except OSError:
        pass
for _ in range(20):
    asks = socket.socket()
    asks.settimeout(0.1)
    try:
        asks.connect(('127.0.0.1', port))
    except OSError:
        pass
    try:
        kept.accept()
        heard += 1
    except OSError:
        pass
print(readable, heard, 'AKIAWORK' in open(os.environ['AWS_SHARED_CREDENTIALS_FILE']).read())
";

#[tokio::test(flavor = "multi_thread")]
async fn what_every_program_below_inherits_reads_nothing_and_hears_nobody() {
    let world = World::logged_in().await;
    let aws = world.home.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let credentials = "[default]\naws_access_key_id = AKIADEFAULT\n\
                       [work]\naws_access_key_id = AKIAWORK\n";
    std::fs::write(aws.join("credentials"), credentials).unwrap();
    let run = world
        .ctl(&["exec", "--", "python3", "-I", "-c", INHERITED])
        .await;
    let run = run.ok();
    let said: Vec<&str> = run.split_whitespace().collect();
    assert_eq!((said[0], said[2]), ("0", "True"), "{run}");
    // Some systems let only root have filters: root's programs hear nobody.
    if rustix::process::geteuid().is_root() {
        assert_eq!(said[1], "0", "{run}");
    }
}

/// White space before a section or key is of any kind that Python strips.
#[tokio::test(flavor = "multi_thread")]
async fn keys_behind_odd_white_space_are_hidden() {
    let world = World::logged_in().await;
    let aws = world.home.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let script = "import configparser as c, os\n\
                  p = c.RawConfigParser()\n\
                  p.read(os.environ['AWS_SHARED_CREDENTIALS_FILE'])\n\
                  print([k for s in p.sections() for k in p[s] if s == 'default'])";
    for space in ["\u{a0}", "\u{3000}", "\x0b", "\x1c", "\x1f"] {
        let file = format!(
            "{space}[default]\n{space}aws_access_key_id{space}= AKIADEFAULT\n\
             aws_secret_access_\u{212a}ey = c2VjcmV0\n"
        );
        std::fs::write(aws.join("credentials"), &file).unwrap();
        let line = ["python3", "-I", "-c", script];
        let mut alone = tokio::process::Command::new(line[0]);
        alone.args(&line[1..]);
        alone.env("AWS_SHARED_CREDENTIALS_FILE", aws.join("credentials"));
        let control = alone.output().await.unwrap().stdout;
        let control = String::from_utf8(control).unwrap();
        let both = "['aws_access_key_id', 'aws_secret_access_key']";
        assert_eq!(control.trim(), both, "{space:?}: the control");
        let seen = world.ctl(&[&["exec", "--"], &line[..]].concat()).await.ok();
        assert_eq!(seen.trim(), "[]", "{space:?}");
    }
}

/// SDKs that look into `~/.aws` whatever the variables of today say are told by
/// those of their own.
#[tokio::test(flavor = "multi_thread")]
async fn sdks_of_old_find_the_copies_too() {
    let world = World::logged_in().await;
    let aws = world.home.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let script =
        "echo \"$AWS_SDK_LOAD_CONFIG\"; cat \"${AWS_CREDENTIAL_PROFILES_FILE:-/dev/null}\"";
    let seen = async || {
        let run = world.ctl(&["exec", "--", "sh", "-c", script]).await;
        run.ok()
    };
    // The account's own home, where that is another, may hold what it likes.
    let hides_nothing = |seen: &str| seen.starts_with('\n') && !seen.contains("AKIAOTHER");
    assert!(hides_nothing(&seen().await));
    let keys = "aws_access_key_id = AKIAOTHER\naws_secret_access_key = b3RoZXI\n";
    let work = format!("[work]\n{keys}");
    std::fs::write(aws.join("credentials"), &work).unwrap();
    assert!(hides_nothing(&seen().await));
    std::fs::write(aws.join("config"), format!("[default]\n{keys}")).unwrap();
    assert!(hides_nothing(&seen().await), "of both, that is not read");
    std::fs::write(aws.join("credentials"), format!("[default]\n{keys}{work}")).unwrap();
    assert_eq!(seen().await, format!("1\n[default]\n{work}"));
    std::fs::remove_file(aws.join("credentials")).unwrap();
    assert_eq!(seen().await, "\n[default]\n");
}

/// So are programs with files of their own: GDAL, s3cmd, and htslib, which reads
/// that of s3cmd.
#[tokio::test(flavor = "multi_thread")]
async fn programs_with_files_of_their_own_find_no_keys_in_them() {
    let world = World::logged_in().await;
    let at = |name: &str| world.home.path().join(name);
    std::fs::create_dir_all(at(".aws")).unwrap();
    let aws = "[default]\naws_access_key_id = AKIAOTHER\naws_secret_access_key = b3RoZXI\n";
    let s3cmd = "[default]\naccess_key = AKIAOTHER\nsecret_key = b3RoZXI\nuse_https = False\n";
    std::fs::write(at(".aws/credentials"), aws).unwrap();
    std::fs::write(at("gdal"), format!("{aws}region = mine\n")).unwrap();
    std::fs::write(at(".s3cfg"), s3cmd).unwrap();
    let script = "cat \"$CPL_AWS_CREDENTIALS_FILE\" \"$S3CMD_CONFIG\" \"$HTS_S3_S3CFG\"";
    let seen = async |own: &[(&str, &std::path::Path)]| {
        let mut command = world.ctl_command(&["exec", "--", "sh", "-c", script]);
        let output = command.envs(own.iter().copied()).output().await.unwrap();
        Run::from(output).ok()
    };
    let bare = "[default]\nuse_https = False\n";
    assert_eq!(seen(&[]).await, format!("[default]\n{bare}{bare}"));
    // So it is where the user's variables name other files.
    std::fs::rename(at(".s3cfg"), at("s3cfg")).unwrap();
    let named = [
        ("CPL_AWS_CREDENTIALS_FILE", at("gdal")),
        ("S3CMD_CONFIG", at("s3cfg")),
        ("HTS_S3_S3CFG", at("s3cfg")),
    ];
    let named = named.each_ref().map(|(name, path)| (*name, path.as_path()));
    assert_eq!(
        seen(&named).await,
        format!("[default]\nregion = mine\n{bare}{bare}")
    );

    // s3cmd's own word.
    if !std::path::Path::new(S3CMD).exists() {
        not_run("s3cmd", format!("there is no {S3CMD}"));
        return;
    }
    let keys = async |exec: bool| {
        let mut command = if exec {
            world.ctl_command(&["exec", "--", S3CMD])
        } else {
            world.home.command(S3CMD)
        };
        command
            .arg("--dump-config")
            .env("S3CMD_CONFIG", at("s3cfg"));
        let run = Run::from(command.output().await.unwrap());
        (run.code, format!("{}{}", run.stdout, run.stderr))
    };
    let (code, said) = keys(false).await;
    assert!(
        code == 0 && said.contains("access_key = AKIAOTHER"),
        "{said}"
    );
    // Without keys it does not start.
    let (code, said) = keys(true).await;
    assert!(code != 0 && !said.contains("AKIAOTHER"), "{said}");
}

/// What botocore takes for the default profile, however it is spelled.
#[tokio::test(flavor = "multi_thread")]
async fn no_spelling_of_a_default_profile_wins() {
    let world = World::logged_in().await;
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    let aws = world.home.path().join(".aws");
    std::fs::create_dir_all(&aws).unwrap();
    let keys = "aws_access_key_id = AKIAOTHER\naws_secret_access_key = b3RoZXI\n";
    let whose = async |exec: bool| {
        let script = "import botocore.session as b\n\
                      c = b.Session().get_credentials()\n\
                      print(c.method if c else None)\n";
        let mut command = if exec {
            let mut command = world.ctl_command(&["exec", "--"]);
            command.arg(&python);
            command
        } else {
            world.home.command(&python)
        };
        let output = command.args(["-c", script]).output().await.unwrap();
        Run::from(output).ok().trim().to_owned()
    };
    for (file, text) in [
        (
            ".aws/credentials",
            format!("[DEFAULT]\n{keys}[default]\nregion = x\n"),
        ),
        (
            ".aws/config",
            format!("[DEFAULT]\n{keys}[default]\nregion = x\n"),
        ),
        (".aws/config", format!("[profiles default]\n{keys}")),
        (".aws/config", format!("[profile de\"fau\"lt]\n{keys}")),
        (
            ".aws/credentials",
            format!("[default]\n{keys}").replace('\n', "\r"),
        ),
        (".boto", format!("[DEFAULT]\n{keys}[Credentials]\n")),
    ] {
        let path = world.home.path().join(file);
        std::fs::write(&path, &text).unwrap();
        // It would win, were it seen.
        assert_ne!(whose(false).await, "None", "{text:?}");
        assert_eq!(whose(true).await, "container-role", "{text:?}");
        std::fs::remove_file(&path).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_and_signals_are_the_programs_own() {
    let world = World::logged_in().await;
    world
        .ctl(&["exec", "--", "sh", "-c", "exit 42"])
        .await
        .code_is(42);
    world.ctl(&["exec", "sh", "-c", "exit 7"]).await.code_is(7);

    let _caught = default_signals();
    let mut child = started(
        &world,
        "trap 'exit 33' TERM; echo ready; while :; do sleep 0.05; done",
    )
    .await;
    signal(&child, Signal::TERM);
    assert_eq!(child.wait().await.unwrap().code(), Some(33));

    for (sent, number) in [(Signal::INT, 2), (Signal::HUP, 1), (Signal::KILL, 9)] {
        let mut child = started(&world, "echo ready; read line").await;
        assert_eq!(status(&world).await.grants.len(), 1);
        signal(&child, sent);
        assert_eq!(child.wait().await.unwrap().signal(), Some(number));
        no_grants(&world).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_grant_goes_with_the_program() {
    let world = World::logged_in().await;
    let mut child = started(&world, "echo ready; read line").await;
    let grants = status(&world).await.grants;
    assert_eq!(grants.len(), 1);
    // quiltctl has become the program: nothing is in between.
    assert_eq!(grants[0].pid, child.id());
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(b"end\n").await.unwrap();
    assert!(child.wait().await.unwrap().success());
    no_grants(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_stays_the_programs() {
    let _caught = default_signals();
    let world = World::logged_in().await;
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    // An interactive shell on a terminal of its own runs quiltctl: Ctrl-C,
    // Ctrl-Z and `fg` reach the program, and its code reaches the shell.
    let script = r#"
import os, pty, shlex, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("bash", ["bash", "--norc", "--noprofile", "--noediting", "-i"])
def until(text):
    seen = b""
    while text not in seen:
        seen += os.read(terminal, 4096)
def type(text):
    os.write(terminal, text.encode())
type("stty -echo; echo quiet-$((1 + 1))\n")
until(b"quiet-2")
type(shlex.join(sys.argv[1:]) + "\n")
until(b"<ready>"); type("\x03")
until(b"<interrupted>"); type("\x1a")
until(b"Stopped"); type("fg\n")
type("go on\n")
until(b"<got go on>")
type("echo code=$?\n")
until(b"code=5")
type("exit\n")
os.waitpid(pid, 0)
print("done")
"#;
    let inner = "import os, signal, sys\n\
                 assert os.isatty(0) and os.isatty(1) and os.tcgetpgrp(0) == os.getpgrp()\n\
                 try:\n    print('<ready>', flush=True); signal.pause()\n\
                 except KeyboardInterrupt: print('<interrupted>', flush=True)\n\
                 print(f'<got {input()}>', flush=True); sys.exit(5)\n";
    let exec = world.ctl_command(&["exec", "--"]);
    let mut command = world.home.command(&python);
    command
        .args(["-c", script])
        .arg(exec.as_std().get_program())
        .args(exec.as_std().get_args())
        .arg(&python)
        .args(["-c", inner])
        .env("QUILT_CATALOG", world.stack.catalog_url());
    let output = tokio::time::timeout(Duration::from_mins(2), command.output()).await;
    let run: Run = output.expect("no hang").unwrap().into();
    assert_eq!(run.ok().trim(), "done");
    no_grants(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_work_fails_before_the_program_starts() {
    let world = World::logged_in().await;
    let line = world
        .ctl(&["exec", "--", "/no/such/program"])
        .await
        .failed(127);
    assert!(line.contains("/no/such/program is not there"), "{line}");
    world.ctl(&["exec", "--", "/etc/passwd"]).await.failed(126);
    world
        .ctl(&["exec", "--profile", "nope", "--", "true"])
        .await
        .failed(7);
    world.ctl(&["exec"]).await.failed(2);
    world.ctl(&["logout"]).await.ok();
    world.ctl(&["exec", "--", "true"]).await.failed(3);
    no_grants(&world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_under_exec_outlives_three_credential_lifetimes() {
    let settings = Settings {
        credential_seconds: 8,
        assume_role_seconds: Some(8),
        ..Settings::default()
    };
    let config = StackConfig {
        settings,
        ..StackConfig::default()
    };
    let lake = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    let world = world(config, &lake).await;
    let python = Python::prepare(Venv::Sdk).unwrap();
    let script = python.script("long_lived.py").command();
    let content = world.stack.control().object(DEMO_BUCKET, DEMO_KEY).unwrap();
    let reading = Reading {
        s3_url: world.stack.s3_url().to_owned(),
        region: "us-east-1".to_owned(),
        bucket: DEMO_BUCKET.to_owned(),
        key: DEMO_KEY.to_owned(),
        content: content.to_vec(),
    };
    let run = async |profile: &str| -> Value {
        let mut told = std::process::Command::new("true");
        reading.tell(&mut told);
        let told = told
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        let output = world
            .ctl_command(&["exec", "--profile", profile, "--"])
            .arg(script.get_program())
            .args(script.get_args())
            .envs(told)
            .env("READ_SECONDS", "28")
            .env("READ_INTERVAL", "0.25")
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .await
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let (stack, role) = tokio::join!(run("default"), run("lake"));
    for summary in [stack, role] {
        assert_eq!(summary["failures"], 0, "{summary}");
        assert!(
            summary["credential_changes"].as_u64().unwrap() >= 3,
            "{summary}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_socket_alone_nothing_listens_and_the_socket_serves() {
    let world = World::logged_in().await;
    let inside = format!(
        "test -z \"$AWS_CONTAINER_CREDENTIALS_FULL_URI$AWS_PROFILE\" && \
         {} credential-process --no-autostart",
        binaries::quiltctl().display()
    );
    let output = world
        .ctl_command(&["exec", "--socket-only", "--", "sh", "-c", &inside])
        .env("AWS_PROFILE", "other")
        .env("XDG_RUNTIME_DIR", "/nowhere")
        .env("QUILTD_SOCKET", world.home.socket())
        .output()
        .await
        .unwrap();
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(document["Version"], 1);
    assert!(!world.log().contains("listening for grants"));
}

/// A container as far as this matters: a root file system with nothing in it
/// but a static quiltctl, a network of its own, and the socket mounted.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn in_a_container_the_mounted_socket_serves_a_static_quiltctl() {
    // Nobody but root has the second directory on the path.
    const ENTER: &str = "PATH=$PATH:/usr/sbin && mount --bind \"$QUILTD_SOCKET\" root/run/quiltd.sock && \
                         exec chroot root /quiltctl credential-process --no-autostart \
                         --socket /run/quiltd.sock --catalog \"$QUILT_CATALOG\"";
    let world = World::logged_in().await;
    let root = world.home.path().join("root");
    std::fs::create_dir_all(root.join("run")).unwrap();
    std::fs::write(root.join("run/quiltd.sock"), "").unwrap();
    let quiltctl = tokio::task::spawn_blocking(binaries::static_quiltctl);
    binaries::copy(&quiltctl.await.unwrap(), &root.join("quiltctl"));
    let enter = ["unshare", "--map-root-user", "--mount", "--net", "sh", "-c"];
    let mut possible = world.home.command(enter[0]);
    possible.args(&enter[1..]).arg("true");
    let possible = possible.output().await;
    if !possible.is_ok_and(|output| output.status.success()) {
        not_run(
            "containers",
            "this machine does not let its users make namespaces",
        );
        return;
    }
    let args = [&["exec", "--socket-only", "--"][..], &enter, &[ENTER]].concat();
    let run = Run::from(world.ctl_command(&args).output().await.unwrap());
    let document: Value = serde_json::from_str(&run.ok()).unwrap();
    assert_eq!(document["Version"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_the_daemon_is_told_whom_that_cuts_off() {
    let world = World::logged_in().await;
    let program = started(&world, "echo ready; exec sleep 60").await;
    let run = world.ctl(&["daemon", "stop"]).await;
    let pid = format!("start them again: pid {}\n", program.id().unwrap());
    assert!(run.stderr.contains(&pid), "{run:?}");
    run.ok();
    let help = world.ctl(&["exec", "--help"]).await.ok();
    assert!(help.contains("must be started again"), "{help}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_stops_a_daemon_nobody_depends_on_is_not_warned() {
    let world = World::logged_in().await;
    let run = world.ctl(&["daemon", "stop"]).await;
    assert_eq!(run.stderr, "quiltd stopped\n");
}
