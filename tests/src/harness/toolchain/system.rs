//! Programs as the operating system has them.

use super::tool::{Version, at_least};
use super::{Client, Unready, sources};

/// Debian's is much older than the newest, and its users have it for years.
pub(super) fn rclone() -> Result<Client, Unready> {
    const RCLONE: &str = "/usr/bin/rclone";
    at_least(Version(1, 53), "rclone", RCLONE, &["version"])?;
    Ok(Client::new(sources().join("data/rclone.sh")).arg(RCLONE))
}
