//! Profiles: roles assumed from the stack's credentials.

use std::time::Duration;

use futures_util::future::join_all;
use quilt_proto::ProfileName;
use quilt_tests::fake_stack::{
    AwsRoleConfig, BucketAccess, DEMO_BUCKET, DEMO_KEY, Endpoint, FakeStack, Fault, FaultKind,
    Host, RoleConfig, StackConfig,
};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{Run, World, within};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

use crate::roles::{arn, set, world, world_at};

fn profile(name: &str) -> ProfileName {
    name.parse().unwrap()
}

fn chains() -> String {
    let (lake, hop, vault, deep) = (arn("lake"), arn("hop"), arn("vault"), arn("deep"));
    format!(
        "[profiles.one]\nrole_arn = '{lake}'\nduration = '12h'\nregion = 'eu-west-1'\n\
         tags = {{ team = 'blue' }}\nsource_identity = 'alice'\n\
         [profiles.two]\nrole_arn = ['{hop}', '{vault}']\nexternal_id = 'quilt-demo'\n\
         role_session_name = 'me'\n\
         [profiles.three]\nrole_arn = ['{hop}', '{vault}', '{deep}']\nexternal_id = 'quilt-demo'\n"
    )
}

fn deep() -> AwsRoleConfig {
    AwsRoleConfig {
        arn: arn("deep"),
        trusted: vec![arn("vault")],
        external_id: None,
        max_session_seconds: 3600,
        buckets: vec![BucketAccess::read(DEMO_BUCKET)],
    }
}

async fn ask(world: &World, name: &str) -> Run {
    world.ctl(&["credential-process", "--profile", name]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn chains_of_one_two_and_three_are_walked_in_order() {
    let world = world(StackConfig::default(), &chains()).await;
    world.stack.control().add_aws_role(deep());
    for (name, roles) in [
        ("one", &["lake"][..]),
        ("two", &["hop", "vault"]),
        ("three", &["hop", "vault", "deep"]),
    ] {
        let before = world.stack.control().assumed_roles().len();
        ask(&world, name).await.ok();
        let assumed = world.stack.control().assumed_roles().split_off(before);
        let walked: Vec<_> = assumed.iter().map(|step| step.role_arn.clone()).collect();
        let expected: Vec<_> = roles.iter().map(|role| arn(role)).collect();
        assert_eq!(walked, expected);
        // Only what the daemon owns: the stack's credentials come first.
        let first = RoleConfig::arn("ReadWriteQuiltBucket").replace(":iam:", ":sts:");
        let first = first.replace(":role/", ":assumed-role/");
        assert!(
            assumed[0].caller.starts_with(&first),
            "{}",
            assumed[0].caller
        );
        // A second question is answered from memory.
        ask(&world, name).await.ok();
        assert_eq!(
            world.stack.control().assumed_roles().len(),
            before + roles.len()
        );
    }
    let assumed = world.stack.control().assumed_roles();
    assert_eq!(
        assumed[0].duration_seconds, 3600,
        "12h is more than AWS gives"
    );
    assert_eq!(assumed[0].tags, [("team".to_owned(), "blue".to_owned())]);
    assert_eq!(assumed[0].source_identity.as_deref(), Some("alice"));
    // Whose session it is, where the profile names none.
    assert_eq!(assumed[0].session_name, "alice");
    assert_eq!(
        (
            assumed[1].session_name.as_str(),
            assumed[1].duration_seconds
        ),
        ("me", 900)
    );
    assert_eq!(assumed[2].external_id.as_deref(), Some("quilt-demo"));

    let status = world.client().status().await.unwrap();
    let about = status.warnings.iter().find(|line| line.contains("'one'"));
    assert!(
        about.is_some_and(|line| line.contains("1 hour")),
        "{:?}",
        status.warnings
    );
    let profiles: Value =
        serde_json::from_str(&world.ctl(&["profiles", "--json"]).await.ok()).unwrap();
    let names: Vec<_> = profiles
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["name"].clone())
        .collect();
    assert_eq!(names, ["default", "one", "three", "two"]);
    assert_eq!(profiles[1]["region"], "eu-west-1");
    assert!(
        profiles
            .as_array()
            .unwrap()
            .iter()
            .all(|profile| profile["expires_at"].is_string())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_role_is_told_in_awss_words() {
    let settings = format!(
        "[profiles.vault]\nrole_arn = ['{}', '{}']",
        arn("hop"),
        arn("vault")
    );
    let world = world(StackConfig::default(), &settings).await;
    let line = ask(&world, "vault").await.failed(6);
    assert!(
        line.contains("AccessDenied") && line.contains("not authorized to perform: sts:AssumeRole"),
        "{line}"
    );
    assert!(line.contains("run: quiltctl profiles"), "{line}");
    let shown = world.ctl(&["profiles"]).await.ok();
    assert!(shown.contains("AccessDenied"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn aws_that_is_down_or_hangs_is_told_in_time() {
    let world = world(StackConfig::default(), &chains()).await;
    world.stack.control().refuse(Host::Sts, true);
    let line = ask(&world, "one").await.failed(5);
    assert!(line.contains("STS cannot be reached"), "{line}");
    world.stack.control().refuse(Host::Sts, false);
    world
        .stack
        .control()
        .plant(Endpoint::Sts, Fault::always(FaultKind::Hang));
    let ask = async || ask(&world, "two").await.failed(5);
    within(Duration::from_secs(4), ask).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_stss_answer_is_told_and_read_no_further() {
    for kind in [
        FaultKind::Huge { bytes: 1 << 40 },
        FaultKind::Garbage,
        FaultKind::Html,
        FaultKind::Truncated,
    ] {
        let world = world(StackConfig::default(), &chains()).await;
        let control = world.stack.control();
        control.plant(Endpoint::Sts, Fault::always(kind.clone()));
        let line = ask(&world, "one").await.failed(5);
        assert!(line.contains("STS "), "{kind:?}: {line}");
        let peak = world.daemon.as_ref().unwrap().peak_kib();
        assert!(peak < 100 * 1024, "{kind:?}: {peak} KiB");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_at_once_assume_a_role_once() {
    let world = world(StackConfig::default(), &chains()).await;
    world.stack.control().reset_counts();
    let asked = (0..100).map(|_| {
        let client = world.client();
        async move { client.credentials(&profile("one")).await.unwrap() }
    });
    let mut answers = join_all(asked).await;
    answers.dedup();
    assert_eq!(answers.len(), 1);
    assert_eq!(world.stack.control().calls(Endpoint::Sts), 1);
    assert_eq!(world.stack.control().calls(Endpoint::GetCredentials), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_logs_in_next_gets_roles_of_their_own() {
    let world = world(StackConfig::default(), &chains()).await;
    let of_alice = ask(&world, "one").await.ok();
    world.ctl(&["logout"]).await.ok();
    ask(&world, "one").await.failed(3);
    let code = world.stack.control().login_code("bob").unwrap();
    world
        .ctl_with_input(&["login", "--code-stdin"], &code)
        .await
        .ok();
    assert_ne!(ask(&world, "one").await.ok(), of_alice);
    let assumed = world.stack.control().assumed_roles();
    assert!(assumed.last().unwrap().caller.contains("ReadQuiltBucket"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_ambient_is_used() {
    let ambient = [
        ("AWS_PROFILE", "other"),
        ("AWS_ACCESS_KEY_ID", "AKIAFAKESTACKSTATIC1"),
        (
            "AWS_SECRET_ACCESS_KEY",
            "fake-stack-static-secret-access-key-0001",
        ),
    ];
    let world = world_at(StackConfig::default(), &chains(), &ambient).await;
    ask(&world, "one").await.ok();
    let assumed = world.stack.control().assumed_roles();
    assert!(
        assumed[0].caller.contains("ReadWriteQuiltBucket"),
        "{assumed:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_taken_up_without_a_restart_and_a_broken_file_keeps_the_old() {
    let world = world(StackConfig::default(), "").await;
    ask(&world, "one").await.failed(7);
    set(&world.home, &chains());
    let one = ask(&world, "one").await.ok();
    set(&world.home, "[profiles.one]\nrole_arm = 'x'\n");
    assert_eq!(ask(&world, "one").await.ok(), one);
    let status = world.ctl(&["status"]).await;
    assert!(
        status.stderr.contains("line 2: unknown key 'role_arm'"),
        "{}",
        status.stderr
    );
    let listed = world.ctl(&["profiles"]).await;
    let said = status.stderr.lines().find(|line| line.contains("line 2"));
    assert_eq!(Some(listed.stderr.trim_end()), said);
    assert!(listed.ok().contains("one"), "the old ones are in force");
    let listed = world.ctl(&["profiles", "--json"]).await;
    assert_eq!(listed.stderr, "");
    let line = ask(&world, "lake").await.failed(7);
    assert!(
        line.contains("line 2") && line.contains("run: ${EDITOR:-vi} "),
        "{line}"
    );
    // Another meaning of the same name is other credentials.
    let hop = arn("hop");
    set(
        &world.home,
        &format!("[profiles.one]\nrole_arn = '{hop}'\n"),
    );
    assert_ne!(ask(&world, "one").await.ok(), one);
    set(&world.home, "");
    ask(&world, "one").await.failed(7);
    assert!(world.client().status().await.unwrap().warnings.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_profile_may_belong_to_another_catalog() {
    let other = FakeStack::bind(StackConfig::default()).await.unwrap();
    let settings = format!("[profiles.there]\ncatalog = '{}'\n", other.catalog_url());
    let world = world(StackConfig::default(), &settings).await;
    let line = ask(&world, "there").await.failed(3);
    assert!(line.contains(other.catalog_url()), "{line}");
    let code = other.control().login_code("bob").unwrap();
    let login = ["login", "--code-stdin", "--catalog", other.catalog_url()];
    world.ctl_with_input(&login, &code).await.ok();
    ask(&world, "there").await.ok();
    assert_eq!(other.control().calls(Endpoint::GetCredentials), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn set_up_takes_the_region_of_the_profile() {
    let world = world(StackConfig::default(), &chains()).await;
    world
        .ctl(&["setup", "aws", "--profile", "one", "--name", "lake"])
        .await
        .ok();
    let config = std::fs::read_to_string(world.home.aws_config()).unwrap();
    assert!(config.contains("region = eu-west-1"), "{config}");
    assert!(config.contains("--profile one"), "{config}");
    world
        .ctl(&["setup", "aws", "--profile", "nope"])
        .await
        .failed(7);
}

/// Runs Python with the variables of `quiltctl env` and what else is given.
async fn python(world: &World, name: &str, script: &str, more: &[(&str, &str)]) -> Run {
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    let printed = world
        .ctl(&["env", "--profile", name, "--format", "json"])
        .await
        .ok();
    let variables: serde_json::Map<String, Value> = serde_json::from_str(&printed).unwrap();
    let variables = variables
        .iter()
        .map(|(name, value)| (name, value.as_str().unwrap()));
    world
        .home
        .command(python)
        .args(["-c", script])
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_ENDPOINT_URL_S3", world.stack.s3_url())
        .envs(variables)
        .envs(more.iter().copied())
        .output()
        .await
        .unwrap()
        .into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_narrows_what_the_role_may_do() {
    let lake = arn("lake");
    let settings = format!(
        "[profiles.wide]\nrole_arn = '{lake}'\n\
         [profiles.managed]\nrole_arn = '{lake}'\n\
         policy_arns = 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess'\n\
         [profiles.inline]\nrole_arn = '{lake}'\npolicy = '''\n\
         {{\"Version\": \"2012-10-17\", \"Statement\": [{{\"Effect\": \"Allow\", \
         \"Action\": [\"s3:GetObject\", \"s3:ListBucket\"], \"Resource\": \"*\"}}]}}'''\n"
    );
    let world = world(StackConfig::default(), &settings).await;
    let script = format!(
        "import boto3\n\
         from botocore.exceptions import ClientError\n\
         s3 = boto3.client('s3')\n\
         s3.get_object(Bucket='{DEMO_BUCKET}', Key='{DEMO_KEY}')['Body'].read()\n\
         try:\n    s3.put_object(Bucket='{DEMO_BUCKET}', Key='new', Body=b'x')\n    print('wrote')\n\
         except ClientError as error:\n    print(error.response['Error']['Code'])\n"
    );
    for (name, said) in [
        ("wide", "wrote"),
        ("managed", "AccessDenied"),
        ("inline", "AccessDenied"),
    ] {
        assert_eq!(
            python(&world, name, &script, &[]).await.ok().trim(),
            said,
            "{name}"
        );
    }
}

/// A real, foreign STS.
struct Moto {
    _process: tokio::process::Child,
    url: String,
}

impl Moto {
    async fn start(world: &quilt_tests::harness::Home, variables: &[(&str, &str)]) -> Self {
        let server = Python::prepare(Venv::Sdk).unwrap().program("moto_server");
        let mut process = world
            .command(server)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .env("PYTHONUNBUFFERED", "1")
            .envs(variables.iter().copied())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let url = loop {
            let line = lines
                .next_line()
                .await
                .unwrap()
                .expect("moto says where it listens");
            if let Some(at) = line.find("http://127.0.0.1:") {
                break line[at..].trim().to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Self {
            _process: process,
            url,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn moto_agrees_on_chains_of_one_two_and_three() {
    let home = quilt_tests::harness::Home::new();
    let moto = Moto::start(&home, &[]).await;
    let variables = [("AWS_ENDPOINT_URL_STS", moto.url.as_str())];
    let settings = chains();
    let world = world_at(StackConfig::default(), &settings, &variables).await;
    let script = "import boto3; print(boto3.client('sts').get_caller_identity()['Arn'])";
    for (name, role) in [
        ("one", "lake/alice"),
        ("two", "vault/me"),
        ("three", "deep/alice"),
    ] {
        let said = python(&world, name, script, &variables).await.ok();
        assert!(
            said.trim().ends_with(&format!(":assumed-role/{role}")),
            "{name}: {said}"
        );
    }
    assert!(
        world.stack.control().assumed_roles().is_empty(),
        "moto was asked, nobody else"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_moto_is_told_as_well() {
    let home = quilt_tests::harness::Home::new();
    // Every call is authorised, and moto knows none of the stack's keys.
    let moto = Moto::start(&home, &[("INITIAL_NO_AUTH_ACTION_COUNT", "0")]).await;
    let variables = [("AWS_ENDPOINT_URL_STS", moto.url.as_str())];
    let world = world_at(StackConfig::default(), &chains(), &variables).await;
    let line = ask(&world, "one").await.failed(6);
    assert!(
        line.contains("STS refused: “InvalidClientTokenId"),
        "{line}"
    );
}
