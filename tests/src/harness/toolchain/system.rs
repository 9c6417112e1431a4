//! Programs as the operating system has them.

use super::tool::{Version, at_least};
use super::{Client, Unready, sources};

/// Debian's is much older than the newest, and its users have it for years.
pub(super) fn rclone() -> Result<Client, Unready> {
    const RCLONE: &str = "/usr/bin/rclone";
    at_least(Version(1, 53), "rclone", RCLONE, &["version"])?;
    Ok(Client::new(sources().join("data/rclone.sh")).arg(RCLONE))
}

/// Older than what asks at `AWS_CONTAINER_CREDENTIALS_FULL_URI`.
pub(super) fn ruby() -> Result<Client, Unready> {
    const RUBY: &str = "/usr/bin/ruby";
    at_least(Version(2, 7), "Ruby", RUBY, &["--version"])?;
    at_least(
        Version(1, 0),
        "aws-sdk-s3 for Ruby",
        RUBY,
        &["-raws-sdk-s3", "-e", VERSION],
    )?;
    Ok(Client::new(RUBY).arg(sources().join("ruby/client.rb")))
}

const VERSION: &str = "puts Aws::S3::GEM_VERSION";
