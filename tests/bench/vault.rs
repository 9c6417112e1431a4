//! aws-vault, with credentials of its own in an encrypted file.

use std::path::PathBuf;
use std::process::Command;

use anyhow::ensure;
use quilt_tests::harness::toolchain;

use crate::session::Session;

/// The profile it keeps.
const PROFILE: &str = "bench";

/// An aws-vault that holds one profile.
pub(crate) struct AwsVault<'a> {
    session: &'a Session,
    program: PathBuf,
}

impl<'a> AwsVault<'a> {
    pub(crate) fn with_a_profile(session: &'a Session) -> anyhow::Result<Self> {
        let program = toolchain::aws_vault().map_err(|error| anyhow::anyhow!("{error}"))?;
        let vault = Self { session, program };
        let mut add = vault.command();
        add.args(["add", "--env", PROFILE])
            .env("AWS_ACCESS_KEY_ID", "AKIAIOSFODNN7EXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret");
        let added = add.output()?;
        let said = String::from_utf8_lossy(&added.stderr);
        ensure!(added.status.success(), "aws-vault add: {said}");
        Ok(vault)
    }

    /// The profile's credentials, from its file, without asking AWS.
    pub(crate) fn export(&self) -> Command {
        let mut command = self.command();
        command.args(["export", "--no-session", "--format=json", PROFILE]);
        command
    }

    fn command(&self) -> Command {
        let mut command = self.session.command(&self.program);
        command
            .env("AWS_VAULT_BACKEND", "file")
            .env("AWS_VAULT_FILE_PASSPHRASE", "passphrase");
        command
    }
}
