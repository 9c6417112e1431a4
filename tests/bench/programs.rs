//! Programs to measure beside, and the daemon from its start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};

use crate::row::{Row, Target};
use crate::session::Session;

/// `int main(void) { return 0; }`, against musl.
const NOOP: &str = "#![no_main]\n#[unsafe(no_mangle)]\n\
                    pub extern \"C\" fn main() -> i32 { 0 }\n";

/// A static program that does nothing, as small as the compiler makes it.
pub(crate) fn noop(dir: &Path) -> anyhow::Result<PathBuf> {
    let (source, program) = (dir.join("noop.rs"), dir.join("noop"));
    fs::write(&source, NOOP)?;
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let made = Command::new("rustc")
        .args([
            "--edition",
            "2024",
            "-O",
            "-Cpanic=abort",
            "-Cstrip=symbols",
        ])
        .args(["-Crelocation-model=static", "--target", &target, "-o"])
        .args([&program, &source])
        .output()?;
    let said = String::from_utf8_lossy(&made.stderr);
    ensure!(made.status.success(), "{said}");
    Ok(program)
}

/// From the start of a daemon to its first answer out of what the file holds,
/// beside a Python that does nothing.
pub(crate) fn first_answer(session: &Session, rounds: usize) -> anyhow::Result<Vec<Row>> {
    let mut ratios = Vec::new();
    for _ in 0..rounds {
        let ours = session.second_daemon(Instant::now())?;
        let theirs = python()?;
        ratios.push(ours.as_secs_f64() / theirs.as_secs_f64());
    }
    let what = "quiltd from its start to a first answer";
    Ok(vec![Row::of(
        what,
        "python3 -c pass",
        ratios,
        Target::AtMost(0.5),
    )])
}

fn python() -> anyhow::Result<Duration> {
    let began = Instant::now();
    let mut python = Command::new("python3");
    let python = python.args(["-c", "pass"]).stdin(Stdio::null());
    ensure!(
        python.status().context("python3")?.success(),
        "python3 fails"
    );
    Ok(began.elapsed())
}
