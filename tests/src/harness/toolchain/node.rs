//! Programs for Node and their npm packages.

use std::fs;
use std::path::PathBuf;
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

const INPUTS_V2: [&str; 4] = [
    "javascript-v2/package.json",
    "javascript-v2/package-lock.json",
    "javascript-v2/.npmrc",
    "javascript-v2/client.cjs",
];

const READER: [&str; 4] = [
    "dotenv/package.json",
    "dotenv/package-lock.json",
    "dotenv/.npmrc",
    "dotenv/read.mjs",
];

pub(super) fn client() -> Result<Client, Unready> {
    let folder = install("javascript", "the JavaScript SDK from npm", &INPUTS)?;
    Ok(Client::new("node").arg(folder.join("client.mjs")))
}

/// The client of the SDK's version 2.
pub(super) fn client_v2() -> Result<Client, Unready> {
    let what = "version 2 of the JavaScript SDK from npm";
    let folder = install("javascript-v2", what, &INPUTS_V2)?;
    Ok(Client::new("node").arg(folder.join("client.cjs")))
}

/// The reader of `.env` files that Node programs use.
pub fn dotenv() -> Result<Client, Unready> {
    let folder = install("dotenv", "dotenv from npm", &READER)?;
    Ok(Client::new("node").arg(folder.join("read.mjs")))
}

/// A folder with these files of `tests/clients` and the packages they name.
fn install(
    name: &'static str,
    what: &'static str,
    inputs: &'static [&'static str],
) -> Result<PathBuf, Unready> {
    let toolchain = at_least(Version(20, 0), "Node", "node", &["--version"])?;
    Recipe {
        name,
        what,
        inputs,
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        // Node finds packages beside the script, and the source tree stays clean.
        for input in inputs {
            let source = sources().join(input);
            let name = source.file_name().unwrap_or_default();
            fs::copy(&source, folder.join(name)).map_err(Unready::failed)?;
        }
        step(
            Command::new("npm")
                .args(["ci", "--ignore-scripts"])
                .current_dir(folder),
        )
    })
}
