//! The Go clients.

use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

/// Of the SDK's version 2.
pub(super) fn client() -> Result<Client, Unready> {
    build("go", &["go/go.mod", "go/go.sum", "go/main.go"])
}

/// Of the SDK's version 1.
pub(super) fn client_v1() -> Result<Client, Unready> {
    build("go-v1", &["go-v1/go.mod", "go-v1/go.sum", "go-v1/main.go"])
}

fn build(name: &'static str, inputs: &[&str]) -> Result<Client, Unready> {
    let toolchain = at_least(Version(1, 24), "Go", "go", &["env", "GOVERSION"])?;
    let folder = Recipe {
        name,
        what: "a Go SDK and its client",
        inputs,
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        step(
            Command::new("go")
                .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
                .arg(folder.join("client"))
                .arg(".")
                .current_dir(sources().join(name)),
        )
    })?;
    Ok(Client::new(folder.join("client")))
}
