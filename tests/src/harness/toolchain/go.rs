//! The Go clients.

use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

/// Of the SDK's version 2.
pub(super) fn client() -> Result<Client, Unready> {
    build("go", ".", &["go/go.mod", "go/go.sum", "go/main.go"])
}

/// Of the SDK's version 1.
pub(super) fn client_v1() -> Result<Client, Unready> {
    let inputs = ["go-v1/go.mod", "go-v1/go.sum", "go-v1/main.go"];
    build("go-v1", ".", &inputs)
}

/// aws-vault, which keeps AWS credentials as quiltd does, for the benchmark.
pub(super) fn aws_vault() -> Result<Client, Unready> {
    let inputs = ["aws-vault/go.mod", "aws-vault/go.sum"];
    build("aws-vault", "github.com/99designs/aws-vault/v7", &inputs)
}

fn build(name: &'static str, package: &str, inputs: &[&str]) -> Result<Client, Unready> {
    let toolchain = at_least(Version(1, 24), "Go", "go", &["env", "GOVERSION"])?;
    let folder = Recipe {
        name,
        what: "a program in Go",
        inputs,
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        step(
            Command::new("go")
                .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
                .arg(folder.join("client"))
                .arg(package)
                .current_dir(sources().join(name)),
        )
    })?;
    Ok(Client::new(folder.join("client")))
}
