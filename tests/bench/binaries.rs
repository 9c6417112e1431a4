//! The programs under measurement, built as they are shipped.

use std::path::PathBuf;

use anyhow::Context;
use escargot::{CURRENT_TARGET, CargoBuild};

/// Where they are.
#[derive(Debug)]
pub(crate) struct Binaries {
    pub(crate) quiltctl: PathBuf,
    pub(crate) quiltd: PathBuf,
}

impl Binaries {
    /// Takes those that are given and builds the others.
    pub(crate) fn find_or_build(
        quiltctl: Option<PathBuf>,
        quiltd: Option<PathBuf>,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            quiltctl: quiltctl.map_or_else(static_quiltctl, absolute)?,
            quiltd: quiltd.map_or_else(release_quiltd, absolute)?,
        })
    }
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}

/// Static and position independent: no dynamic loader runs before `main`.
fn static_quiltctl() -> anyhow::Result<PathBuf> {
    let build = CargoBuild::new()
        .package("quiltctl")
        .bin("quiltctl")
        .release();
    let build = if cfg!(target_os = "linux") {
        // With a target named, the flags are kept from build scripts and procedural macros.
        build
            .target(CURRENT_TARGET)
            .env("RUSTFLAGS", "-C target-feature=+crt-static")
    } else {
        build
    };
    Ok(build.run().context("building quiltctl")?.path().to_owned())
}

fn release_quiltd() -> anyhow::Result<PathBuf> {
    let build = CargoBuild::new().package("quiltd").bin("quiltd").release();
    Ok(build.run().context("building quiltd")?.path().to_owned())
}
