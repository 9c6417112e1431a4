//! The programs under measurement, built as they are shipped.

use std::path::PathBuf;

use anyhow::Context;
use escargot::CargoBuild;
use quilt_tests::harness::binaries::client_as_shipped;
use quilt_tests::harness::toolchain::target_dir;

use crate::row::{Row, Target};

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
            quiltctl: quiltctl.map_or_else(shipped_quiltctl, absolute)?,
            quiltd: quiltd.map_or_else(shipped_quiltd, absolute)?,
        })
    }
}

/// The sizes of the programs as they are shipped, where they were made.
pub(crate) fn sizes() -> anyhow::Result<Vec<Row>> {
    let dir = target_dir()
        .join("dist/programs")
        .join(std::env::consts::ARCH)
        .join("bin");
    // The profile line runs quiltctl-creds.
    [("quiltd", 14.), ("quiltctl-creds", 2.5), ("quiltctl", 6.)]
        .into_iter()
        .map(|(name, most)| {
            let made = std::fs::metadata(dir.join(name));
            let made = made.with_context(|| format!("{name}: run packaging/compile first"))?;
            #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
            let mib = made.len() as f64 / f64::from(1 << 20);
            Ok(Row::once(name, "MiB", mib, Target::AtMost(most)))
        })
        .collect()
}

fn absolute(path: PathBuf) -> anyhow::Result<PathBuf> {
    Ok(std::path::absolute(path)?)
}

fn shipped_quiltctl() -> anyhow::Result<PathBuf> {
    let build = |program| {
        let build = client_as_shipped(program).args(["--profile", "dist-cli"]);
        build.run().with_context(|| format!("building {program}"))
    };
    // What profiles run lies beside it.
    build("quiltctl-creds")?;
    Ok(build("quiltctl")?.path().to_owned())
}

fn shipped_quiltd() -> anyhow::Result<PathBuf> {
    let build = CargoBuild::new().package("quiltd").bin("quiltd");
    let build = build.args(["--profile", "dist"]);
    Ok(build.run().context("building quiltd")?.path().to_owned())
}
