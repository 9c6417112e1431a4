//! Ten thousand profiles over a day: on a virtual clock, by the test that holds it.

use std::process::Command;

use anyhow::{Context, ensure};

use crate::row::{Row, Target};

const TEST: &str = "simulation::day::ten_thousand_profiles_are_renewed_evenly_and_none_expires";

/// Runs the test and takes what it tells.
pub(crate) fn measure() -> anyhow::Result<Vec<Row>> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args([
            "test",
            "--quiet",
            "--locked",
            "--package",
            "quiltd",
            "--lib",
        ])
        .args(["--", "--nocapture", "--exact", TEST]);
    let output = command.output().context("cargo")?;
    let told = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "{told}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let line = told.lines().find_map(|line| {
        let (_, rest) = line.split_once("in the busiest minute ")?;
        let (ratio, rest) = rest.split_once(" times")?;
        let (_, expired) = rest.split_once("; ")?;
        Some((
            ratio.parse().ok()?,
            expired.split(' ').next()?.parse().ok()?,
        ))
    });
    let (ratio, expired): (f64, f64) = line.context("the test told nothing")?;
    let what = "10000 profiles, a simulated day";
    Ok(vec![
        Row::once(
            what,
            "busiest minute to the mean",
            ratio,
            Target::AtMost(2.),
        ),
        Row::once(what, "expired vends", expired, Target::AtMost(0.)),
    ])
}
