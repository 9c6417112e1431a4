//! The region of a catalog that is not the configured one.

use std::fs;

use quilt_tests::fake_stack::{FakeStack, StackConfig};
use quilt_tests::harness::{Run, World, binaries};

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_that_is_not_the_configured_one_has_its_own_region() {
    let world = World::logged_in().await;
    let config = StackConfig {
        region: "ap-southeast-2".to_owned(),
        ..StackConfig::default()
    };
    let other = FakeStack::bind(config).await.unwrap();
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    let there = async |args: &[&str], input: &str| -> Run {
        let args = [args, &["--catalog", other.catalog_url()]].concat();
        world.ctl_with_input(&args, input).await
    };
    let code = other.control().login_code("alice").unwrap();
    there(&["login", "--code-stdin"], &code).await.ok();

    let text = there(&["env"], "").await.ok();
    assert!(
        text.contains("export AWS_REGION='ap-southeast-2'"),
        "{text}"
    );
    there(&["setup", "aws", "--name", "other"], "").await.ok();
    let written = fs::read_to_string(world.home.aws_config()).unwrap();
    assert!(written.contains("region = ap-southeast-2"), "{written}");
    let script = "echo \"$AWS_REGION\"";
    let mut exec = world.home.command(binaries::quiltctl());
    exec.args([
        "--catalog",
        other.catalog_url(),
        "exec",
        "--",
        "sh",
        "-c",
        script,
    ]);
    let run = Run::from(exec.output().await.unwrap());
    assert_eq!(run.ok(), "ap-southeast-2\n");
    // The configured one keeps its own.
    let text = world.ctl(&["env"]).await.ok();
    assert!(!text.contains("ap-southeast-2"), "{text}");

    // Each is shown with its own, whichever is the default.
    let set_up = async || {
        let mut setup = world.home.command(binaries::quiltctl());
        Run::from(setup.args(["setup", "aws"]).output().await.unwrap()).ok()
    };
    set_up().await;
    let set = || {
        let written = fs::read_to_string(world.home.aws_config()).unwrap();
        let ours = written.split("[profile quilt]").nth(1).unwrap().to_owned();
        let region = ours.lines().find_map(|line| line.strip_prefix("region = "));
        region.unwrap().to_owned()
    };
    let shown = async || {
        let text = world.ctl(&["status"]).await.ok();
        let of = |url: &str| {
            let host = url.trim_start_matches("http://");
            let rest = text.split(host).nth(1).unwrap();
            let line = rest.lines().find(|line| line.contains(" default "));
            line.unwrap().to_owned()
        };
        let (one, two) = (of(world.stack.catalog_url()), of(other.catalog_url()));
        assert!(one.contains("us-east-1"), "{text}");
        assert!(two.contains("ap-southeast-2"), "{text}");
    };
    shown().await;
    let run = world.ctl(&["use", other.catalog_url()]).await;
    assert!(run.stderr.contains("quiltctl setup aws"), "{run:?}");
    run.ok();
    shown().await;
    assert_eq!(set(), "us-east-1");
    // Whoever comes later finds it as well.
    let doctor = async || {
        let mut doctor = world.home.command(binaries::quiltctl());
        let run = Run::from(doctor.args(["doctor", "--json"]).output().await.unwrap());
        run.stdout.contains("profile_other_region")
    };
    assert!(doctor().await);
    set_up().await;
    assert_eq!(set(), "ap-southeast-2");
    assert!(!doctor().await);
    // One that no catalog has is the user's own.
    let written = fs::read_to_string(world.home.aws_config()).unwrap();
    let own = written.replace("ap-southeast-2", "eu-north-1");
    fs::write(world.home.aws_config(), own).unwrap();
    assert!(!doctor().await);
}
