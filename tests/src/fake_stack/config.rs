//! What a deployment is made of when it starts.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::settings::Settings;

/// The AWS account everything lives in.
pub const ACCOUNT: &str = "123456789012";

/// A deployment to start. The default is the demo: users, roles and a bucket to try.
#[derive(Debug, Clone)]
pub struct StackConfig {
    /// Ports to listen on; zero picks a free one.
    pub ports: Ports,
    /// AWS region written to `config.json`.
    pub region: String,
    /// What can be changed later as well.
    pub settings: Settings,
    /// People.
    pub users: Vec<UserConfig>,
    /// Quilt roles, one of which is active for each user.
    pub roles: Vec<RoleConfig>,
    /// Buckets and what is in them.
    pub buckets: Vec<BucketConfig>,
    /// IAM roles that can be assumed through STS.
    pub aws_roles: Vec<AwsRoleConfig>,
    /// IAM users: long-lived keys that owe nothing to Quilt.
    pub iam_users: Vec<IamUserConfig>,
    /// The stack's idea of now.
    pub clock: Clock,
}

impl Default for StackConfig {
    fn default() -> Self {
        super::demo::config()
    }
}

/// Ports on 127.0.0.1; zero picks a free one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ports {
    /// Catalog, OAuth server included.
    pub catalog: u16,
    /// Registry.
    pub registry: u16,
    /// S3.
    pub s3: u16,
    /// STS and the federation endpoint.
    pub sts: u16,
    /// Control, reachable whatever faults the others play.
    pub control: u16,
}

/// A person.
#[derive(Debug, Clone)]
pub struct UserConfig {
    /// Unique name.
    pub name: String,
    /// E-mail address.
    pub email: String,
    /// Whether the `admin` part of GraphQL is open to them.
    pub admin: bool,
    /// Names of the roles they may take; the first is active at the start.
    pub roles: Vec<String>,
}

/// A Quilt role: what its credentials may do in S3.
#[derive(Debug, Clone)]
pub struct RoleConfig {
    /// Unique name.
    pub name: String,
    /// Buckets it opens.
    pub buckets: Vec<BucketAccess>,
}

/// What may be done in one bucket; `*` is every bucket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketAccess {
    /// Bucket name or `*`.
    pub bucket: String,
    /// Whether objects may be written and deleted.
    #[serde(default)]
    pub write: bool,
}

impl BucketAccess {
    /// Reading only.
    pub fn read(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            write: false,
        }
    }

    /// Reading and writing.
    pub fn read_write(bucket: impl Into<String>) -> Self {
        Self {
            bucket: bucket.into(),
            write: true,
        }
    }
}

/// A bucket and what is in it at the start.
#[derive(Debug, Clone)]
pub struct BucketConfig {
    /// Bucket name.
    pub name: String,
    /// Objects: key and content.
    pub objects: Vec<(String, Bytes)>,
    /// Whether old versions are kept.
    pub versioned: bool,
}

/// An IAM role that can be assumed.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AwsRoleConfig {
    /// Full ARN, `arn:aws:iam::<account>:role/<name>`.
    pub arn: String,
    /// ARNs of the principals who may assume it; `*` is anyone.
    pub trusted: Vec<String>,
    /// The external id that must be given, if any.
    #[serde(default)]
    pub external_id: Option<String>,
    /// Longest session, seconds.
    #[serde(default = "twelve_hours")]
    pub max_session_seconds: i64,
    /// What it opens in S3.
    pub buckets: Vec<BucketAccess>,
}

fn twelve_hours() -> i64 {
    12 * 3600
}

/// An IAM user with a fixed access key.
#[derive(Debug, Clone)]
pub struct IamUserConfig {
    /// User name.
    pub name: String,
    /// Access key id, `AKIA…`.
    pub access_key_id: String,
    /// Secret access key.
    pub secret_access_key: String,
    /// What the user may do in S3.
    pub buckets: Vec<BucketAccess>,
}

impl RoleConfig {
    /// The IAM role behind a Quilt role: whom other roles have to trust.
    pub fn arn(name: &str) -> String {
        format!("arn:aws:iam::{ACCOUNT}:role/quilt-{name}")
    }
}
