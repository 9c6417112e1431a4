//! ARNs of IAM roles.

use std::fmt;
use std::str::FromStr;

use quilt_proto::Partition;

/// `arn:<partition>:iam::<account>:role/<path and name>`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleArn(String);

/// A text that is not the ARN of a role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the ARN of a role; expected arn:aws:iam::123456789012:role/NAME")]
pub struct NotARole;

impl RoleArn {
    /// The ARN.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The region to ask in where none is named: any of the partition will do.
    pub fn default_region(&self) -> &'static str {
        let partition = self.0.split(':').nth(1).unwrap_or_default();
        Partition::named(partition).default_region()
    }
}

impl FromStr for RoleArn {
    type Err = NotARole;

    fn from_str(text: &str) -> Result<Self, NotARole> {
        let parts: Vec<&str> = text.splitn(6, ':').collect();
        let [arn, partition, service, region, account, resource] = parts[..] else {
            return Err(NotARole);
        };
        let name = resource.strip_prefix("role/").ok_or(NotARole)?;
        let legal = |c: char| c.is_ascii_alphanumeric() || "_+=,.@-/".contains(c);
        let sound = arn == "arn"
            && (partition == "aws" || partition.starts_with("aws-"))
            && partition
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b == b'-')
            && service == "iam"
            && region.is_empty()
            && account.len() == 12
            && account.bytes().all(|b| b.is_ascii_digit())
            && (1..=576).contains(&name.len())
            && name.chars().all(legal)
            && !name.ends_with('/');
        sound.then(|| Self(text.to_owned())).ok_or(NotARole)
    }
}

impl fmt::Display for RoleArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
