//! The Go client.

use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

pub(super) fn client() -> Result<Client, Unready> {
    let toolchain = at_least(Version(1, 24), "Go", "go", &["env", "GOVERSION"])?;
    let folder = Recipe {
        name: "go",
        what: "the Go SDK and its client",
        inputs: &["go/go.mod", "go/go.sum", "go/main.go"],
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        step(
            Command::new("go")
                .args(["build", "-mod=readonly", "-buildvcs=false", "-o"])
                .arg(folder.join("client"))
                .arg(".")
                .current_dir(sources().join("go")),
        )
    })?;
    Ok(Client::new(folder.join("client")))
}
