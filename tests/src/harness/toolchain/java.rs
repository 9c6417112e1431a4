//! The Java clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

/// Of the SDK's version 2.
pub(super) fn client() -> Result<Client, Unready> {
    let folder = build(
        "java",
        &["java/pom.xml", "java/src/main/java/quiltd/Client.java"],
    )?;
    Ok(Client::new("java")
        .arg("-cp")
        .arg(class_path(&folder))
        .arg("quiltd.Client"))
}

/// Of the SDK's version 1. It takes the account's home for the user's, unlike
/// anything else, and is told otherwise where a test gives it one.
pub(super) fn client_v1() -> Result<Client, Unready> {
    let folder = build(
        "java-v1",
        &[
            "java-v1/pom.xml",
            "java-v1/src/main/java/quiltd/Client.java",
        ],
    )?;
    let start = r#"exec java ${HOME:+"-Duser.home=$HOME"} -cp "$0" quiltd.Client"#;
    Ok(Client::new("/bin/sh")
        .arg("-c")
        .arg(start)
        .arg(class_path(&folder)))
}

fn class_path(folder: &Path) -> String {
    format!("{0}/classes:{0}/lib/*", folder.display())
}

fn build(name: &'static str, inputs: &[&str]) -> Result<PathBuf, Unready> {
    let toolchain = at_least(Version(17, 0), "a JDK", "javac", &["-version"])?;
    at_least(Version(3, 6), "Maven", "mvn", &["-B", "-v"])?;
    Recipe {
        name,
        what: "a Java SDK and its client",
        inputs,
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        step(
            Command::new("mvn")
                .args(["-q", "-B", "-ntp", "process-classes", "-f"])
                .arg(sources().join(name).join("pom.xml"))
                .arg(format!("-Dout={}", folder.display())),
        )
    })
}
