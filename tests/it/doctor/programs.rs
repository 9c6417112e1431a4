//! The real AWS CLI and botocore, as doctor runs them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use quilt_proto::wire::Diagnosis;
use quilt_tests::fake_stack::{Endpoint, Fault, FaultKind, StackConfig};
use quilt_tests::harness::toolchain::{Python, Venv};
use quilt_tests::harness::{World, binaries};

use super::files::append;
use super::{codes, diagnosis, found, found_after, healthy, sh, tools};
use crate::roles::{arn, world};

/// Puts both on the path.
fn install(world: &World) {
    install_aws_cli(world);
    install_botocore(world);
}

fn install_aws_cli(world: &World) {
    let aws = Python::prepare(Venv::AwsCliV1).unwrap().program("aws");
    symlink(aws, tools(world).join("aws")).unwrap();
}

fn install_botocore(world: &World) {
    let tools = tools(world);
    // The place of the interpreter is how it finds its packages: a symlink
    // would lead it elsewhere.
    let python = Python::prepare(Venv::Sdk).unwrap().program("python");
    let script = format!("#!/bin/sh\nexec '{}' \"$@\"\n", python.display());
    binaries::script(&tools.join("python3"), &script);
}

#[tokio::test(flavor = "multi_thread")]
async fn they_are_proven_to_come_to_quiltd() {
    let world = healthy().await;
    install(&world);
    let run = sh(&world, &[], "quiltctl doctor --json").await;
    let diagnosis = diagnosis(&run);
    assert_eq!(diagnosis.findings, []);
    for (program, profile) in [
        ("AWS CLI 1.", "quilt"),
        ("AWS CLI 1.", "lake"),
        ("botocore 1.", "quilt"),
        ("botocore 1.", "lake"),
    ] {
        let proven = diagnosis.proven.iter().any(|line| {
            let end = format!("resolves profile {profile} through quiltd");
            line.starts_with(program) && line.ends_with(&end)
        });
        assert!(proven, "{program} {profile}: {:#?}", diagnosis.proven);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn where_they_go_instead_is_told_by_name_and_without_a_secret() {
    let world = healthy().await;
    install(&world);
    let keys = [
        ("AWS_ACCESS_KEY_ID", "AKIACANARY"),
        ("AWS_SECRET_ACCESS_KEY", "canary-secret"),
    ];
    let findings = found(&world, &keys).await;
    // With `--profile` the AWS CLI does not look at them.
    let expected = ["environment_keys", "program_elsewhere", "program_elsewhere"];
    assert_eq!(codes(&findings), expected, "{findings:#?}");
    assert!(
        findings[1].summary.starts_with("botocore") && findings[1].summary.contains("from env")
    );
    assert!(!format!("{findings:?}").to_lowercase().contains("canary"));
    assert_eq!(
        found_after(&world, &keys, &findings[1].hint.to_string()).await,
        []
    );

    let lines = "[quilt]\naws_access_key_id = AKIACANARY\naws_secret_access_key = canary\n";
    append(world.home.path(), ".aws/credentials", lines);
    let editor = [("EDITOR", "sed -i /aws_/d")];
    let findings = found(&world, &editor).await;
    let expected = ["profile_keys", "program_elsewhere", "program_elsewhere"];
    assert_eq!(codes(&findings), expected, "{findings:#?}");
    for found in &findings[1..] {
        assert!(
            found.summary.contains("shared-credentials-file"),
            "{found:?}"
        );
    }
    assert!(!format!("{findings:?}").to_lowercase().contains("canary"));
    assert_eq!(
        found_after(&world, &editor, &findings[2].hint.to_string()).await,
        []
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_quiltd_in_the_shell_are_no_error() {
    let world = healthy().await;
    install(&world);
    for env in ["quiltctl env", "quiltctl env --profile lake"] {
        let line = format!("eval \"$({env})\"; quiltctl doctor --json");
        let run = sh(&world, &[], &line).await;
        let findings = diagnosis(&run).findings;
        assert_eq!(codes(&findings), ["environment_own_keys"], "{findings:#?}");
        assert!(findings[0].summary.contains("will not be renewed"));
        let line = format!("eval \"$({env})\"; {}", findings[0].hint);
        assert_eq!(found_after(&world, &[], &line).await, []);
    }
}

/// What STS says of keys it does not know.
const UNKNOWN_KEYS: &str = "<ErrorResponse><Error><Type>Sender</Type>\
    <Code>InvalidClientTokenId</Code><Message>The security token included in the request is \
    invalid.</Message></Error></ErrorResponse>";

/// A machine with two profiles of the AWS files that live from the stack's own
/// credentials, beside two of quiltd.toml whose roles STS refuses as if it did
/// not know the keys: for each such refusal the daemon renews the stack's.
async fn refused() -> World {
    let [torn, worn] = [arn("torn"), arn("worn")];
    let settings =
        format!("[profiles.torn]\nrole_arn = '{torn}'\n[profiles.worn]\nrole_arn = '{worn}'\n");
    let world = world(StackConfig::default(), &settings).await;
    tools(&world);
    let catalog = world.stack.catalog_url();
    for line in [
        &format!("quiltctl config {catalog}"),
        "quiltctl setup aws",
        "quiltctl setup aws --name other",
    ] {
        sh(&world, &[], line).await.ok();
    }
    let refusal = FaultKind::Status {
        status: 403,
        body: UNKNOWN_KEYS.to_owned(),
    };
    let control = world.stack.control();
    control.plant(Endpoint::Sts, Fault::always(refusal));
    for profile in ["torn", "worn"] {
        let line = format!("quiltctl credential-process --profile {profile}");
        let said = sh(&world, &[], &line).await.failed(6);
        assert!(said.contains("InvalidClientTokenId"), "{said}");
    }
    world
}

/// Puts a script in place of a program that is installed, which can call `real`,
/// and `renew` to have the daemon renew the stack's credentials.
fn wrap(world: &World, program: &str, script: &str) {
    let tools = tools(world);
    let real = tools.join(format!("real-{program}"));
    fs::rename(tools.join(program), &real).unwrap();
    let renewals = world.home.path().join("renewals");
    let text = format!(
        "#!/bin/sh
real() {{ '{real}' \"$@\"; }}
key() {{ quiltctl credential-process | sed 's/.*AccessKeyId\" *: *\"//; s/\".*//'; }}
renew() {{
    was=$(key)
    while [ \"$(key)\" = \"$was\" ]; do
        quiltctl credential-process --profile \"$1\" >&2
    done 2>/dev/null
    echo \"$was\" >> '{renewals}'
}}
{script}",
        real = real.display(),
        renewals = renewals.display(),
    );
    binaries::script(&tools.join(program), &text);
}

/// What doctor says, and how often the keys were renewed meanwhile.
async fn diagnosed(world: &World) -> (Diagnosis, usize) {
    let run = sh(world, &[], "quiltctl doctor --json").await;
    let renewals = fs::read_to_string(world.home.path().join("renewals"));
    (
        diagnosis(&run),
        renewals.unwrap_or_default().lines().count(),
    )
}

fn assert_resolved(diagnosis: &Diagnosis, program: &str) {
    for found in &diagnosis.findings {
        assert_ne!(found.code, "program_elsewhere", "{found:?}");
    }
    for profile in ["quilt", "other"] {
        let end = format!("resolves profile {profile} through quiltd");
        let mut proven = diagnosis.proven.iter();
        let proven = proven.any(|line| line.starts_with(program) && line.ends_with(&end));
        assert!(proven, "{program} {profile}: {diagnosis:#?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_renewed_after_a_program_got_them_are_quiltds() {
    let world = refused().await;
    install_aws_cli(&world);
    // `aws configure list --profile NAME`, and again where it has to be.
    let calm = world.home.path().join("calm");
    let script = format!(
        "real \"$@\" || exit
{{ [ \"$1\" = --version ] || [ -e '{calm}'-\"$4\" ]; }} && exit
: > '{calm}'-\"$4\"
renew torn
",
        calm = calm.display()
    );
    wrap(&world, "aws", &script);
    let (diagnosis, renewals) = diagnosed(&world).await;
    assert_eq!(renewals, 2, "one a profile");
    assert_resolved(&diagnosis, "AWS CLI 1.");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_are_renewed_before_and_after_are_asked_for_again() {
    let world = refused().await;
    install_botocore(&world);
    let calm = world.home.path().join("calm");
    let script = format!(
        "[ -e '{calm}' ] && {{ real \"$@\"; exit; }}
: > '{calm}'
renew torn
real \"$@\"
renew worn
",
        calm = calm.display()
    );
    wrap(&world, "python3", &script);
    let (diagnosis, renewals) = diagnosed(&world).await;
    assert_eq!(renewals, 2, "both in the first run");
    assert_resolved(&diagnosis, "botocore 1.");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_another_process_are_found_beside_lines_of_ours() {
    let world = healthy().await;
    install(&world);
    let elsewhere = world.home.path().join("elsewhere");
    let script = world.home.path().join("canary");
    binaries::script(
        &script,
        "#!/bin/sh\necho '{\"Version\": 1, \"AccessKeyId\": \"AKIACANARY0000000000\", \
         \"SecretAccessKey\": \"canary\"}'\n",
    );
    fs::write(&elsewhere, process_lines(&script)).unwrap();
    for program in ["aws", "python3"] {
        let config = elsewhere.display();
        wrap(
            &world,
            program,
            &format!("AWS_CONFIG_FILE='{config}'; export AWS_CONFIG_FILE\nreal \"$@\"\n"),
        );
    }
    let (diagnosis, _) = diagnosed(&world).await;
    let found = diagnosis.findings.iter();
    let found = found
        .filter(|found| found.code == "program_elsewhere")
        .count();
    assert_eq!(found, 4, "{diagnosis:#?}");
}

fn process_lines(program: &Path) -> String {
    let profiles = ["quilt", "lake"].map(|name| {
        let program = program.display();
        format!("[profile {name}]\ncredential_process = {program}\n")
    });
    profiles.concat()
}
