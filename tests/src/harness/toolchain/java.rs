//! The Java client.

use std::process::Command;

use super::cache::Recipe;
use super::tool::{Version, at_least, step};
use super::{Client, Unready, sources};

pub(super) fn client() -> Result<Client, Unready> {
    let toolchain = at_least(Version(17, 0), "a JDK", "javac", &["-version"])?;
    at_least(Version(3, 6), "Maven", "mvn", &["-B", "-v"])?;
    let folder = Recipe {
        name: "java",
        what: "the Java SDK and its client",
        inputs: &["java/pom.xml", "java/src/main/java/quiltd/Client.java"],
        toolchain: &toolchain,
    }
    .prepare(|folder| {
        step(
            Command::new("mvn")
                .args(["-q", "-B", "-ntp", "process-classes", "-f"])
                .arg(sources().join("java/pom.xml"))
                .arg(format!("-Dout={}", folder.display())),
        )
    })?;
    let path = format!("{0}/classes:{0}/lib/*", folder.display());
    Ok(Client::new("java")
        .arg("-cp")
        .arg(path)
        .arg("quiltd.Client"))
}
