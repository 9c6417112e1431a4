//! The JavaScript client and its npm packages.

use std::fs;
use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

const INPUTS: [&str; 4] = [
    "javascript/package.json",
    "javascript/package-lock.json",
    "javascript/.npmrc",
    "javascript/client.mjs",
];

pub(super) fn client() -> Result<Client, Unready> {
    let toolchain = at_least(Version(20, 0), "Node", "node", &["--version"])?;
    let folder = Recipe {
        name: "javascript",
        what: "the JavaScript SDK from npm",
        inputs: &INPUTS,
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        // Node finds packages beside the script, and the source tree stays clean.
        for input in INPUTS {
            let source = sources().join(input);
            let name = source.file_name().unwrap_or_default();
            fs::copy(&source, folder.join(name)).map_err(Unready::failed)?;
        }
        step(
            Command::new("npm")
                .args(["ci", "--ignore-scripts"])
                .current_dir(folder),
        )
    })?;
    Ok(Client::new("node").arg(folder.join("client.mjs")))
}
