//! The AWS command line, old and new.

use std::path::{Path, PathBuf};

use super::python::{Python, Venv};
use super::tool::{Version, at_least};
use super::{Client, Unready, sources};

pub(super) fn v1() -> Result<Client, Unready> {
    Ok(client(Python::prepare(Venv::AwsCliV1)?.program("aws")))
}

pub(super) fn v2() -> Result<Client, Unready> {
    Ok(client(v2_program()?))
}

/// Version 2 is not on PyPI: the operating system's package, or any `aws` on the path.
pub(super) fn v2_program() -> Result<PathBuf, Unready> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::iter::once(PathBuf::from("/usr/bin"))
        .chain(std::env::split_paths(&path))
        .map(|folder| folder.join("aws"))
        .find(|program| is_v2(program))
        .ok_or_else(|| Unready::missing("no `aws` of version 2 in /usr/bin or on the path"))
}

fn is_v2(program: &Path) -> bool {
    program.exists() && at_least(Version(2, 0), "AWS CLI", program, &["--version"]).is_ok()
}

fn client(aws: PathBuf) -> Client {
    Client::new(sources().join("aws-cli/client.sh")).arg(aws)
}
