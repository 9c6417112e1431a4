//! What a client is asked to do, and whether it did.

use std::ffi::OsStr;
use std::fmt::Write;
use std::process::{Command, Stdio};

use sha2::{Digest, Sha256};

use super::Client;

/// An object to read, and where it is.
#[derive(Clone, Debug)]
pub struct Reading {
    /// Origin of S3, such as `http://127.0.0.1:9000`.
    pub s3_url: String,
    /// AWS region.
    pub region: String,
    /// Bucket to list.
    pub bucket: String,
    /// Key to find in the listing and to read.
    pub key: String,
    /// What must be in it.
    pub content: Vec<u8>,
}

impl Reading {
    /// Tells `command` what to read, through the variables all clients know.
    pub fn tell(&self, command: &mut Command) {
        command
            .env("AWS_ENDPOINT_URL_S3", &self.s3_url)
            .env("AWS_REGION", &self.region)
            .env("AWS_DEFAULT_REGION", &self.region)
            .env("BUCKET", &self.bucket)
            .env("KEY", &self.key)
            .env("EXPECT_SHA256", hex(&Sha256::digest(&self.content)));
    }
}

impl Client {
    /// Runs the program with `environment` as its only source of credentials; says what it
    /// wrote unless it did what it was asked to.
    pub fn read<K, V>(
        &self,
        reading: &Reading,
        environment: impl IntoIterator<Item = (K, V)>,
    ) -> Result<(), String>
    where
        K: AsRef<OsStr>,
        V: AsRef<OsStr>,
    {
        let mut command = self.command();
        reading.tell(&mut command);
        let output = command
            .envs(environment)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{}: {error}", self.program.display()))?;
        if output.status.success() && output.stdout == b"ok\n" {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(format!(
            "{}\n{}",
            output.status,
            String::from_utf8_lossy(&said)
        ))
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut hex, byte| {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}
