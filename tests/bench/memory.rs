//! How much memory a process holds.

use std::fs;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Serialize;

/// The most the daemon may hold after a login, KiB.
const LIMIT_KIB: u64 = 16 * 1024;

/// Resident memory of a process, KiB.
#[derive(Debug, Serialize)]
#[expect(
    clippy::struct_field_names,
    reason = "their names carry the unit into the JSON"
)]
pub(crate) struct Memory {
    pub(crate) rss_kib: u64,
    /// With shared pages divided among those who share them; Linux alone tells, and of a
    /// process that cannot be dumped only to root.
    pub(crate) pss_kib: Option<u64>,
    pub(crate) at_most_kib: u64,
}

impl Memory {
    pub(crate) fn of(pid: u32) -> anyhow::Result<Self> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
        let rss_kib = match field(&rollup, "Rss:") {
            Some(rss) => rss,
            None => rss(pid)?,
        };
        Ok(Self {
            rss_kib,
            pss_kib: field(&rollup, "Pss:"),
            at_most_kib: LIMIT_KIB,
        })
    }

    pub(crate) fn target_met(&self) -> bool {
        self.rss_kib <= self.at_most_kib
    }
}

fn field(rollup: &str, name: &str) -> Option<u64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// What POSIX `ps` says, for every system and user.
fn rss(pid: u32) -> anyhow::Result<u64> {
    let output = Command::new("ps")
        .args(["-o", "rss=", "-p", &pid.to_string()])
        .output()?;
    ensure!(output.status.success(), "ps knows no process {pid}");
    String::from_utf8_lossy(&output.stdout)
        .trim()
        .parse()
        .context("what ps prints")
}
