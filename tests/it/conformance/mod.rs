//! Real AWS programs, unmodified, read S3 with what the daemon vends.

mod table;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::process::Stdio;

use quilt_tests::fake_stack::{DEMO_BUCKET, DEMO_KEY, Settings, StackConfig};
use quilt_tests::harness::World;
use quilt_tests::harness::toolchain::{Client, Profiles, Program, Python, Reading, Venv, say};
use serde::Deserialize;

use self::table::Outcome;
use crate::roles::{arn, world};

/// One test for each program.
macro_rules! reads_every_way {
    ($($test:ident: $program:ident,)*) => {$(
        #[tokio::test(flavor = "multi_thread")]
        async fn $test() {
            reads_every_way(Program::$program).await;
        }
    )*
        #[test]
        fn every_program_has_its_test() {
            assert_eq!(Program::ALL.to_vec(), [$(Program::$program),*]);
        }
    };
}

reads_every_way! {
    aws_cli_v1_reads_every_way: AwsCliV1,
    aws_cli_v2_reads_every_way: AwsCliV2,
    boto3_reads_every_way: Boto3,
    s3fs_reads_every_way: S3fs,
    the_javascript_sdk_v2_reads_every_way: JavaScriptV2,
    the_javascript_sdk_reads_every_way: JavaScript,
    the_ruby_sdk_of_debian_reads_every_way: Ruby,
    the_rust_sdk_reads_every_way: Rust,
    the_go_sdk_v1_reads_every_way: GoV1,
    s5cmd_reads_every_way: S5cmd,
    the_go_sdk_reads_every_way: Go,
    rclone_reads_every_way: Rclone,
    rclone_of_debian_reads_every_way: DebianRclone,
    the_java_sdk_v1_reads_every_way: JavaV1,
    the_java_sdk_reads_every_way: Java,
    the_common_runtime_reads_every_way: CommonRuntime,
    pyarrow_reads_every_way: Pyarrow,
    object_store_reads_every_way: ObjectStore,
    polars_reads_every_way: Polars,
    deltalake_reads_every_way: Deltalake,
    htslib_reads_by_variables: Htslib,
    tensorstore_reads_without_profiles: Tensorstore,
    gdal_reads_every_way: Gdal,
    gdal_of_debian_reads_by_variables: DebianGdal,
    s3cmd_of_debian_reads_by_variables: S3cmd,
    awsume_reads_by_its_profiles: Awsume,
}

/// How a program comes by credentials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Profile,
    AssumedRole,
    Exec,
    ExecAssumedRole,
    Env,
}

impl Way {
    const ALL: [Self; 5] = [
        Self::Profile,
        Self::AssumedRole,
        Self::Exec,
        Self::ExecAssumedRole,
        Self::Env,
    ];

    fn title(self) -> &'static str {
        match self {
            Self::Profile => "profile",
            Self::AssumedRole => "profile of an assumed role",
            Self::Exec => "`exec`",
            Self::ExecAssumedRole => "`exec`, assumed role",
            Self::Env => "`env`",
        }
    }

    /// Whether the program reads a profile by itself.
    fn is_profile(self) -> bool {
        matches!(self, Self::Profile | Self::AssumedRole)
    }

    /// Whether it is run under `exec`.
    fn is_exec(self) -> bool {
        matches!(self, Self::Exec | Self::ExecAssumedRole)
    }

    /// The client this way, and the environment it is run in.
    async fn apply(self, world: &World, client: &Client) -> (Client, Environment) {
        let plain = own(world);
        match self {
            Self::Profile => (client.clone(), profile(world, "quilt")),
            Self::AssumedRole => (client.clone(), profile(world, "lake")),
            Self::Exec => (under_exec(world, client, "default"), plain),
            Self::ExecAssumedRole => (under_exec(world, client, "lake"), plain),
            Self::Env => (client.clone(), variables(world).await),
        }
    }
}

/// What the stack says of keys that are not its own, as those are that
/// [`plant_default_credentials`] plants.
const OTHERS_KEY: [&str; 2] = ["InvalidAccessKeyId", "does not exist in our records"];

type Environment = Vec<(String, OsString)>;

/// Every way a program comes by credentials: one row of the table.
async fn reads_every_way(program: Program) {
    let Some(client) = program.ready() else {
        return;
    };
    let lake = format!("[profiles.lake]\nrole_arn = '{}'\n", arn("lake"));
    let world = world(StackConfig::default(), &lake).await;
    set_up(&world).await;
    world.ctl(&["setup", "aws", "--profile", "lake"]).await.ok();
    let mut reading = demo_object(&world);
    let (mut outcomes, mut unexpected) = (Vec::new(), Vec::new());
    for way in Way::ALL {
        if Outcome::expected(program, way) == Outcome::NotMeant {
            outcomes.push(Outcome::NotMeant);
            continue;
        }
        let (client, mut environment) = way.apply(&world, &client).await;
        let mut read = client.read(&reading, environment.clone());
        let mut outcome = Outcome::Works;
        if let Profiles::With { variable, .. } = program.profiles()
            && way.is_profile()
            && read.is_err()
        {
            outcome = Outcome::WorksWith;
            let (name, value) = variable;
            let home = world.home.path().to_str().unwrap();
            environment.push((name.to_owned(), value.replace("$HOME", home).into()));
            read = client.read(&reading, environment);
        }
        if let Err(said) = &read {
            outcome = Outcome::Fails;
            // It acts as nobody, and not as the user's default profile.
            let acts_as_others = OTHERS_KEY.iter().any(|words| said.contains(words));
            assert!(!(way.is_exec() && acts_as_others), "{program}: {said}");
        }
        if outcome != Outcome::expected(program, way) {
            unexpected.push((way, outcome, read.err()));
        }
        outcomes.push(outcome);
    }
    let row = table::row(program, &outcomes);
    say(format_args!("{}", row.trim_end()));
    assert!(unexpected.is_empty(), "{program}: {unexpected:#?}");
    table::record(&row);
    let assumed = world.stack.control().assumed_roles().len();
    let works = |way| !matches!(Outcome::expected(program, way), Outcome::Fails);
    let uses_role = works(Way::AssumedRole) || works(Way::ExecAssumedRole);
    assert!(
        assumed == 1 || (assumed == 0 && !uses_role),
        "one role for every program, and it was used: {assumed}"
    );

    // The client is only worth something if it can fail.
    reading.content.push(b'!');
    let sure = match program.profiles() {
        Profiles::Only { .. } => Way::Profile,
        _ => Way::Env,
    };
    let (client, environment) = sure.apply(&world, &client).await;
    assert!(
        client.read(&reading, environment).is_err(),
        "{program} compares nothing"
    );
}

/// What `quiltctl env` prints, as a program's environment.
async fn variables(world: &World) -> Environment {
    let printed = world.ctl(&["env", "--format", "json"]).await.ok();
    let printed: BTreeMap<String, Option<String>> = serde_json::from_str(&printed).unwrap();
    let mut environment = own(world);
    for (name, value) in printed {
        environment.retain(|(known, _)| *known != name);
        environment.extend(value.map(|value| (name, value.into())));
    }
    environment
}

/// The client as a program that `quiltctl exec` runs.
fn under_exec(world: &World, client: &Client, profile: &str) -> Client {
    let exec = world.ctl_command(&["exec", "--catalog", world.stack.catalog_url()]);
    let exec = exec.as_std();
    let before: Vec<OsString> = exec
        .get_args()
        .map(Into::into)
        .chain(["--profile".into(), profile.into(), "--".into()])
        .collect();
    client.clone().within(exec.get_program(), before)
}

/// Longer than five lives of the credentials.
const READ_SECONDS: u32 = 45;
const CREDENTIAL_SECONDS: i64 = 8;

#[derive(Debug, Deserialize)]
struct Summary {
    reads: u32,
    failures: u32,
    credential_changes: u32,
    errors: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_lived_boto3_client_outlives_five_credential_lifetimes() {
    let python = Python::prepare(Venv::Sdk).unwrap();
    let settings = Settings {
        credential_seconds: CREDENTIAL_SECONDS,
        ..Settings::default()
    };
    let config = StackConfig {
        settings,
        ..StackConfig::default()
    };
    let world = World::with(config).await;
    world.login().await;
    set_up(&world).await;

    let mut command = python.script("long_lived.py").command();
    demo_object(&world).tell(&mut command);
    let output = command
        .envs(profile(&world, "quilt"))
        .env("READ_SECONDS", READ_SECONDS.to_string())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap();
    let summary: Summary = serde_json::from_slice(&output.stdout).unwrap();

    assert_eq!(summary.failures, 0, "{:?}", summary.errors);
    // One each second, less what a busy machine may cost.
    assert!(summary.reads >= READ_SECONDS * 9 / 10, "{summary:?}");
    assert!(summary.credential_changes >= 5, "{summary:?}");
}

/// What a user does once: choose the catalog, write the AWS profile.
async fn set_up(world: &World) {
    plant_default_credentials(world);
    world.ctl(&["config", world.stack.catalog_url()]).await.ok();
    world.ctl(&["setup", "aws"]).await.ok();
}

/// What a user has of their own: keys and profiles that say no profile means
/// somebody else. Programs under `exec` must not act as them.
fn plant_default_credentials(world: &World) {
    let home = world.home.path();
    std::fs::create_dir_all(home.join(".aws")).unwrap();
    let keys = "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
                aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    let credentials = format!("[default]\n{keys}[work]\n{keys}");
    std::fs::write(home.join(".aws/credentials"), credentials).unwrap();
    let config = format!("[default]\nregion = eu-north-1\n{keys}");
    std::fs::write(home.join(".aws/config"), config).unwrap();
    std::fs::write(home.join(".boto"), format!("[Credentials]\n{keys}")).unwrap();
}

fn profile(world: &World, name: &str) -> Environment {
    let mut environment = own(world);
    environment.push(("AWS_PROFILE".to_owned(), name.into()));
    environment
}

fn own(world: &World) -> Environment {
    let environment = world.home.environment().into_iter();
    environment
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn demo_object(world: &World) -> Reading {
    let demo = StackConfig::default();
    let bucket = demo
        .buckets
        .iter()
        .find(|bucket| bucket.name == DEMO_BUCKET);
    let object = bucket.and_then(|bucket| bucket.objects.iter().find(|(key, _)| key == DEMO_KEY));
    let Some((_, content)) = object else {
        panic!("the demo has no {DEMO_KEY}")
    };
    Reading {
        s3_url: world.stack.s3_url().to_owned(),
        region: demo.region,
        bucket: DEMO_BUCKET.to_owned(),
        key: DEMO_KEY.to_owned(),
        content: content.to_vec(),
    }
}
