//! The deployment a newcomer gets: two people, two roles, two buckets, three roles to assume.

use bytes::Bytes;

use super::clock::Clock;
use super::config::{
    ACCOUNT, AwsRoleConfig, BucketAccess, BucketConfig, IamUserConfig, Ports, RoleConfig,
    StackConfig, UserConfig,
};
use super::settings::Settings;

/// The bucket the demo reads.
pub const DEMO_BUCKET: &str = "demo-bucket";
/// A second bucket, for stacks and roles that must not be mixed up.
pub const PRIVATE_BUCKET: &str = "private-bucket";
/// The key of the object every example reads.
pub const DEMO_KEY: &str = "hello.txt";

pub(super) fn config() -> StackConfig {
    StackConfig {
        ports: Ports::default(),
        region: "us-east-1".to_owned(),
        settings: Settings::default(),
        users: vec![
            UserConfig {
                name: "alice".to_owned(),
                email: "alice@example.com".to_owned(),
                admin: true,
                roles: vec![
                    "ReadWriteQuiltBucket".to_owned(),
                    "ReadQuiltBucket".to_owned(),
                ],
            },
            UserConfig {
                name: "bob".to_owned(),
                email: "bob@example.com".to_owned(),
                admin: false,
                roles: vec!["ReadQuiltBucket".to_owned()],
            },
        ],
        roles: vec![
            RoleConfig {
                name: "ReadWriteQuiltBucket".to_owned(),
                buckets: vec![
                    BucketAccess::read_write(DEMO_BUCKET),
                    BucketAccess::read_write(PRIVATE_BUCKET),
                ],
            },
            RoleConfig {
                name: "ReadQuiltBucket".to_owned(),
                buckets: vec![BucketAccess::read(DEMO_BUCKET)],
            },
        ],
        buckets: vec![
            BucketConfig {
                name: DEMO_BUCKET.to_owned(),
                objects: vec![
                    object(DEMO_KEY, "Hello from the fake Quilt stack.\n"),
                    object("README.md", "# Demo bucket\n\nA few objects to read.\n"),
                    object(
                        "data/iris.csv",
                        "sepal,petal,species\n5.1,1.4,setosa\n7.0,4.7,versicolor\n",
                    ),
                    object(
                        "data/notes.json",
                        "{\"experiment\": \"iris\", \"samples\": 2}\n",
                    ),
                ],
                versioned: true,
            },
            BucketConfig {
                name: PRIVATE_BUCKET.to_owned(),
                objects: vec![object(
                    "secret-plans.txt",
                    "For the read-write role only.\n",
                )],
                versioned: true,
            },
        ],
        aws_roles: vec![
            aws_role("lake", vec!["*".to_owned()], None, DEMO_BUCKET),
            aws_role("hop", vec!["*".to_owned()], None, DEMO_BUCKET),
            aws_role(
                "vault",
                vec![aws_arn("hop")],
                Some("quilt-demo"),
                PRIVATE_BUCKET,
            ),
        ],
        iam_users: vec![IamUserConfig {
            name: "static".to_owned(),
            access_key_id: "AKIAFAKESTACKSTATIC1".to_owned(),
            secret_access_key: "fake-stack-static-secret-access-key-0001".to_owned(),
            buckets: vec![BucketAccess::read(DEMO_BUCKET)],
        }],
        clock: Clock::default(),
    }
}

fn object(key: &str, content: &'static str) -> (String, Bytes) {
    (key.to_owned(), Bytes::from_static(content.as_bytes()))
}

fn aws_role(
    name: &str,
    trusted: Vec<String>,
    external_id: Option<&str>,
    bucket: &str,
) -> AwsRoleConfig {
    AwsRoleConfig {
        arn: aws_arn(name),
        trusted,
        external_id: external_id.map(str::to_owned),
        max_session_seconds: 12 * 3600,
        buckets: vec![BucketAccess::read_write(bucket)],
    }
}

fn aws_arn(name: &str) -> String {
    format!("arn:aws:iam::{ACCOUNT}:role/{name}")
}
