//! `env`, read back by those who read it: shells, `.env` libraries, docker and
//! GitHub.

use std::collections::BTreeMap;
use std::io::Write;
use std::process::{Command, Stdio};
use std::sync::LazyLock;

use quilt_proto::Timestamp;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind};
use quilt_tests::harness::toolchain::{self, Python, Venv};
use quilt_tests::harness::{Run, World};
use serde_json::{Value, json};

/// Everything an AWS credential may be made of.
const KEY_ID: &str = "ASIA_0123456789_abcxyz";
const SECRET: &str = "+/=aZ09/+==+/0123456789abcdefghijklmnopqrs=";
const TOKEN: &str = "%IQoJb3/+=_-.,@%IQoJb3JpZ2luX2Vj//////////wEaCXVzLWVhc3QtMSJH=";

const NAMES: [&str; 6] = [
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
];

/// In an hour.
static EXPIRATION: LazyLock<String> =
    LazyLock::new(|| Timestamp::now().plus_seconds(3600).to_string());

fn credentials(key_id: &str, secret: &str, token: &str) -> Fault {
    let body = json!({
        "AccessKeyId": key_id, "SecretAccessKey": secret, "SessionToken": token,
        "Expiration": *EXPIRATION,
    });
    Fault::always(FaultKind::Status {
        status: 200,
        body: body.to_string(),
    })
}

/// A world whose stack gives the most awkward credentials there may be.
async fn world() -> World {
    let world = World::logged_in().await;
    let fault = credentials(KEY_ID, SECRET, TOKEN);
    world.stack.control().plant(Endpoint::GetCredentials, fault);
    let settings = world.home.settings();
    std::fs::create_dir_all(settings.parent().unwrap()).unwrap();
    std::fs::write(settings, "[profiles.default]\nregion = 'eu-west-1'\n").unwrap();
    world
}

async fn env(world: &World, format: &str) -> String {
    world.ctl(&["env", "--format", format]).await.ok()
}

fn expected() -> BTreeMap<String, String> {
    let values = [KEY_ID, SECRET, TOKEN, &EXPIRATION, "eu-west-1", "eu-west-1"];
    let pairs = NAMES.iter().zip(values);
    pairs
        .map(|(name, value)| ((*name).to_owned(), value.to_owned()))
        .collect()
}

/// Runs a reader on a text; it prints the variables it read.
fn read(command: &mut Command, text: &str) -> String {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    child
        .stdin
        .take()
        .unwrap()
        .write_all(text.as_bytes())
        .unwrap();
    let run: Run = child.wait_with_output().unwrap().into();
    assert_eq!(run.stderr, "", "{run:?}");
    run.ok()
}

pub(crate) fn pairs(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.split_once('='));
    lines
        .filter(|(name, _)| name.starts_with("AWS_"))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// A shell that takes the text as its input, with another way set before, then
/// prints what a program it starts would find.
fn shell(program: &str, args: &[&str], text: &str) -> BTreeMap<String, String> {
    let path = std::env::var_os("PATH").unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", path);
    command.env("AWS_PROFILE", "other").env("HOME", home.path());
    command.env("AWS_SECRET_ACCESS_KEY", "old");
    pairs(&read(&mut command, &format!("{text}\nenv\n")))
}

/// The C shell, unless there is none, which is said.
pub(crate) fn tcsh() -> Option<&'static str> {
    let is_there = Command::new("tcsh").arg("--version").output().is_ok();
    if !is_there {
        toolchain::not_run("tcsh", "it is not installed");
    }
    is_there.then_some("tcsh")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_shell_reads_back_what_the_stack_gave() {
    let world = world().await;
    let posix = env(&world, "bash").await;
    let fish = env(&world, "fish").await;
    let csh = env(&world, "csh").await;
    tokio::task::spawn_blocking(move || {
        // The probe works: a line of another reader's is not understood.
        let control = shell("bash", &[], "export AWS_REGION='a'b\n");
        assert_eq!(control["AWS_REGION"], "ab");
        assert_eq!(control["AWS_PROFILE"], "other");
        for (program, args) in [
            ("bash", &["--posix"][..]),
            ("bash", &[]),
            ("dash", &[]),
            ("sh", &[]),
            ("zsh", &["-f"]),
        ] {
            assert_eq!(shell(program, args, &posix), expected(), "{program}");
        }
        assert_eq!(shell("fish", &["--no-config"], &fish), expected(), "fish");
        if let Some(tcsh) = tcsh() {
            assert_eq!(shell(tcsh, &["-f"], &csh), expected(), "{tcsh}");
        }
    })
    .await
    .unwrap();
    // No registry of packages carries PowerShell.
    let there = Command::new("pwsh").arg("-Version").output().is_ok();
    let text = env(&world, "powershell").await;
    if there {
        let script = format!("{text}\nGet-ChildItem Env: | % {{ \"$($_.Name)=$($_.Value)\" }}\n");
        let mut command = Command::new("pwsh");
        command
            .args(["-NoProfile", "-Command", "-"])
            .env("AWS_PROFILE", "other");
        assert_eq!(pairs(&read(&mut command, &script)), expected());
    } else {
        let line = format!("$Env:AWS_SESSION_TOKEN = '{TOKEN}'");
        assert!(text.lines().any(|found| found == line), "{text}");
        assert!(
            text.lines()
                .any(|line| line.starts_with("Remove-Item Env:AWS_PROFILE"))
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_reader_of_env_files_reads_back_what_the_stack_gave() {
    let world = world().await;
    let text = env(&world, "dotenv").await;
    let sourced = format!("set -a\n{text}set +a\nunset AWS_PROFILE");
    tokio::task::spawn_blocking(move || {
        let python = Python::prepare(Venv::Sdk).expect("Python 3 is there");
        let node = toolchain::dotenv().expect("Node is there");
        for reader in [python.script("dotenv_reader.py"), node] {
            let read = |text: &str| -> BTreeMap<String, String> {
                serde_json::from_str(&read(&mut reader.command(), text)).unwrap()
            };
            // The probe works: what needs quotes is not what it looks like.
            assert_ne!(read("A=x #y\n")["A"], "x #y");
            assert_eq!(read(&text), expected(), "{reader:?}");
        }
        for program in ["bash", "dash", "zsh"] {
            assert_eq!(shell(program, &[], &sourced), expected(), "{program}");
        }
        assert_eq!(docker(&text), expected());
        assert_eq!(github(&text), expected());
    })
    .await
    .unwrap();
    let json: BTreeMap<String, String> = serde_json::from_str(&env(&world, "json").await).unwrap();
    assert_eq!(json, expected());
}

/// As `docker run --env-file` reads a file (docker/cli, `opts/file.go`): lines
/// that begin with `#` are comments, white space before a line goes, and what
/// follows the first `=` is the value, quotes and all.
fn docker(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().map(str::trim_start);
    lines
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.split_once('=').expect("NAME=VALUE"))
        .map(|(name, value)| {
            assert!(!name.is_empty() && !name.contains(char::is_whitespace));
            (name.to_owned(), value.to_owned())
        })
        .collect()
}

/// As a runner reads `$GITHUB_ENV` (workflow commands, "Setting an environment
/// variable"): `NAME=VALUE`, where `NAME<<DELIMITER` begins a value of several
/// lines.
fn github(text: &str) -> BTreeMap<String, String> {
    let mut read = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        let equals = line.find('=').expect("NAME=VALUE");
        assert!(line.find("<<").is_none_or(|at| at > equals), "{line}");
        read.insert(line[..equals].to_owned(), line[equals + 1..].to_owned());
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reader_could_obey_is_no_credential() {
    let world = World::logged_in().await;
    let control = world.stack.control();
    // The probe works: these are taken.
    control.plant(Endpoint::GetCredentials, credentials(KEY_ID, SECRET, TOKEN));
    world.ctl(&["credential-process"]).await.ok();
    control.clear_faults();
    for hostile in [
        "'", "\"", "`id`", "\\", "$(id)", "\n", " #", ";id", "\u{202e}", "&", "~",
    ] {
        let with = |text: &str| format!("{text}{hostile}");
        for (key_id, secret, token) in [
            (with(KEY_ID), SECRET.to_owned(), TOKEN.to_owned()),
            (KEY_ID.to_owned(), with(SECRET), TOKEN.to_owned()),
            (KEY_ID.to_owned(), SECRET.to_owned(), with(TOKEN)),
        ] {
            control.clear_faults();
            control.plant(
                Endpoint::GetCredentials,
                credentials(&key_id, &secret, &token),
            );
            world.stack.control().expire_credentials();
            refused(&world).await;
        }
    }
    for body in [
        json!({}),
        json!({"AccessKeyId": 1}),
        json!({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": TOKEN}),
        json!({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": TOKEN,
               "Expiration": "; run: id"}),
        // Longer than any AWS credentials live: they would be handed out when they
        // are over.
        json!({"AccessKeyId": KEY_ID, "SecretAccessKey": SECRET, "SessionToken": TOKEN,
               "Expiration": "9999-12-31T00:00:00Z"}),
    ] {
        control.clear_faults();
        let body = body.to_string();
        let answer = FaultKind::Status { status: 200, body };
        control.plant(Endpoint::GetCredentials, Fault::always(answer));
        refused(&world).await;
    }
}

/// A line that takes one variable away.
fn is_unset(line: &str) -> bool {
    let name = line.strip_prefix("unset ").unwrap_or_default();
    !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Credentials that are none are `aws_invalid`, in every way of asking.
async fn refused(world: &World) {
    // What is held is forgotten with who it was for.
    world.ctl(&["logout"]).await.ok();
    world.login().await;
    let line = world.ctl(&["credential-process"]).await.failed(5);
    assert!(line.contains("gave no AWS credentials"), "{line}");
    world.ctl(&["env", "--format", "dotenv"]).await.failed(5);
    // A shell is told to forget, and nothing else.
    let run = world.ctl(&["env", "--format", "bash"]).await;
    let only = |line: &str| line == "false" || is_unset(line);
    assert!(run.code == 5 && run.stdout.lines().all(only), "{run:?}");
    let profile = quilt_proto::ProfileName::default_profile();
    let error = world.client().credentials(&profile).await.unwrap_err();
    let quilt_client::Error::Problem(problem) = error else {
        panic!("{error}");
    };
    assert_eq!(problem.code, quilt_proto::ErrorCode::AwsInvalid);
}

/// STS as somebody else plays it.
fn sts(key_id: &str, secret: &str, token: &str) -> Fault {
    let body = format!(
        "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>\
         <Credentials><AccessKeyId>{key_id}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey>\
         <SessionToken>{token}</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>\
         </Credentials></AssumeRoleResult></AssumeRoleResponse>"
    );
    Fault::always(FaultKind::Status { status: 200, body })
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sts_gives_is_looked_at_as_well() {
    let settings = format!(
        "[profiles.lake]\nrole_arn = '{}'\n",
        crate::roles::arn("lake")
    );
    let world =
        crate::roles::world(quilt_tests::fake_stack::StackConfig::default(), &settings).await;
    let control = world.stack.control();
    let ask = async || {
        // What was answered before is forgotten with who it was for.
        world.ctl(&["logout"]).await.ok();
        world.login().await;
        world
            .ctl(&["credential-process", "--profile", "lake"])
            .await
    };
    for (key_id, secret, token) in [
        ("ASIA`id`0123456789ABC", SECRET, TOKEN),
        (KEY_ID, "abc'$(id)'01234567890123456789", TOKEN),
        (KEY_ID, SECRET, "abc\\"),
        (KEY_ID, SECRET, "abc;id"),
    ] {
        control.clear_faults();
        control.plant(Endpoint::Sts, sts(key_id, secret, token));
        let line = ask().await.failed(5);
        assert!(line.contains("STS gave no AWS credentials"), "{line}");
        assert!(!line.contains("id`") && !line.contains("(id)"), "{line}");
    }
    control.clear_faults();
    control.plant(Endpoint::Sts, sts(KEY_ID, SECRET, TOKEN));
    let document: Value = serde_json::from_str(&ask().await.ok()).unwrap();
    assert_eq!(document["SessionToken"], TOKEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_region_reaches_no_reader() {
    let world = World::logged_in().await;
    let config = world.home.config_yml();
    std::fs::create_dir_all(config.parent().unwrap()).unwrap();
    let yaml = |region: &str| {
        let values = json!({"navigator_url": world.stack.catalog_url(), "region": region});
        std::fs::write(&config, values.to_string()).unwrap();
    };
    yaml("us-east-2");
    assert!(env(&world, "bash").await.contains("AWS_REGION='us-east-2'"));
    for region in ["x'; id; '", "$(id)", "a\nb", "us-east-1 #", "`id`"] {
        yaml(region);
        for format in ["bash", "fish", "csh", "powershell", "dotenv"] {
            let text = env(&world, format).await;
            // The stack's own stands in for it.
            assert!(!text.contains(region), "{text}");
            assert!(text.contains("AWS_REGION"), "{text}");
        }
    }
    std::fs::create_dir_all(world.home.settings().parent().unwrap()).unwrap();
    std::fs::write(
        world.home.settings(),
        "[profiles.default]\nregion = \"x'; id; '\"\n",
    )
    .unwrap();
    let text = env(&world, "dotenv").await;
    assert!(!text.contains("id;"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_sts_gives_is_what_it_was_asked_for() {
    let role = crate::roles::arn("lake");
    let settings = format!("[profiles.lake]\nrole_arn = '{role}'\nduration = '1h'\n");
    let world =
        crate::roles::world(quilt_tests::fake_stack::StackConfig::default(), &settings).await;
    let control = world.stack.control();
    let account = role.split(':').nth(4).unwrap();
    let ask = async |secret: &str, user: &str| {
        // What was answered before is forgotten with who it was for.
        world.ctl(&["logout"]).await.ok();
        world.login().await;
        control.clear_faults();
        let Fault { kind, .. } = sts(KEY_ID, secret, TOKEN);
        let FaultKind::Status { status, body } = kind else {
            panic!("{kind:?}");
        };
        let said = format!("</Credentials><AssumedRoleUser><Arn>{user}</Arn></AssumedRoleUser>");
        let body = body.replace("</Credentials>", &said);
        control.plant(
            Endpoint::Sts,
            Fault::always(FaultKind::Status { status, body }),
        );
        world
            .ctl(&["credential-process", "--profile", "lake"])
            .await
    };
    let ours = format!("arn:aws:sts::{account}:assumed-role/lake/me");
    for other in [
        ours.replace(account, "999999999999"),
        ours.replace("arn:aws:", "arn:aws-cn:"),
        ours.replace("/lake/", "/evil/"),
    ] {
        let line = ask(SECRET, &other).await.failed(5);
        assert!(line.contains("of another role than the one"), "{line}");
    }
    // Cut off where the comment begins, it would pass for one.
    let cut = format!("{SECRET}<!-- -->{SECRET}");
    ask(&cut, &ours).await.failed(5);
    // The control; it says 2099, and an hour was asked for.
    let document: Value = serde_json::from_str(&ask(SECRET, &ours).await.ok()).unwrap();
    assert_eq!(document["SecretAccessKey"], SECRET);
    let until = document["Expiration"].as_str().unwrap();
    assert!(!until.starts_with("2099"), "{until}");
}
