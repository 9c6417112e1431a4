//! Programs as the operating system has them.

use std::path::PathBuf;
use std::process::Command;

use super::tool::{Version, at_least};
use super::{Client, Unready, sources};

/// Debian's is much older than the newest, and its users have it for years.
pub(super) fn rclone() -> Result<Client, Unready> {
    const RCLONE: &str = "/usr/bin/rclone";
    at_least(Version(1, 53), "rclone", RCLONE, &["version"])?;
    Ok(Client::new(sources().join("data/rclone.sh")).arg(RCLONE))
}

/// Older than what asks at `AWS_CONTAINER_CREDENTIALS_FULL_URI`, and than what
/// runs a `credential_process`.
pub(super) fn gdal() -> Result<Client, Unready> {
    const PYTHON: &str = "/usr/bin/python3";
    at_least(
        Version(3, 9),
        "Python of the system",
        PYTHON,
        &["--version"],
    )?;
    at_least(Version(3, 0), "GDAL", "/usr/bin/gdalinfo", &["--version"])?;
    let client = Client::new(PYTHON).arg(sources().join("gdal/client.py"));
    Ok(client.arg(gdal_library()?))
}

/// The library that the programs of gdal-bin are linked with.
fn gdal_library() -> Result<PathBuf, Unready> {
    let linked = Command::new("ldd").arg("/usr/bin/gdalinfo").output();
    let linked = linked.map_err(Unready::failed)?;
    let linked = String::from_utf8_lossy(&linked.stdout).into_owned();
    let mut words = linked.split_whitespace();
    let path = words.find(|word| word.starts_with('/') && word.contains("/libgdal"));
    path.map(PathBuf::from)
        .ok_or_else(|| Unready::failed("gdalinfo is linked with no libgdal"))
}

/// It reads the files of no SDK but one, and that for keys alone.
pub(super) fn s3cmd() -> Result<Client, Unready> {
    at_least(Version(2, 0), "s3cmd", S3CMD, &["--version"])?;
    Ok(Client::new(sources().join("data/s3cmd.sh")).arg(S3CMD))
}

/// s3cmd of Debian.
pub const S3CMD: &str = "/usr/bin/s3cmd";

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
