//! How much memory a process holds.

use std::fs;
use std::io;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Serialize;

use crate::row::{Row, Target};

/// The most the daemon may hold after a login, KiB.
const LIMIT_KIB: u64 = 12 * 1024;

/// The same after many clients, KiB.
const LIMIT_AFTER_LOAD_KIB: u64 = 13 * 1024;

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

    pub(crate) fn row(&self) -> Row {
        row(
            "resident after a first vend",
            self.rss_kib,
            self.at_most_kib,
        )
    }

    pub(crate) fn target_met(&self) -> bool {
        self.rss_kib <= self.at_most_kib
    }
}

/// What a process holds after it served many clients.
pub(crate) fn after_load(pid: u32) -> anyhow::Result<Vec<Row>> {
    let held = resident(pid)?;
    Ok(vec![row(
        "resident after 64 clients",
        held,
        LIMIT_AFTER_LOAD_KIB,
    )])
}

#[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
fn row(what: &str, kib: u64, limit: u64) -> Row {
    let mib = |kib: u64| kib as f64 / 1024.;
    Row::once(what, "MiB", mib(kib), Target::AtMost(mib(limit)))
}

/// The most a process held since something, KiB. Linux alone tells.
#[derive(Debug)]
pub(crate) struct Peak {
    pid: u32,
    before: u64,
}

impl Peak {
    /// From now on, or since the process was started where that cannot be
    /// forgotten: of a process that cannot be dumped only root can have it so.
    pub(crate) fn since_now(pid: u32) -> anyhow::Result<Self> {
        // See proc_pid_clear_refs(5): what was held most is what is held now.
        let forgotten = fs::write(format!("/proc/{pid}/clear_refs"), "5");
        if let Err(error) = forgotten {
            ensure!(error.kind() == io::ErrorKind::PermissionDenied, error);
        }
        let before = status(pid, "VmRSS:")?;
        Ok(Self { pid, before })
    }

    /// How much more than at the start it held at its most, KiB.
    pub(crate) fn growth(&self) -> anyhow::Result<u64> {
        Ok(status(self.pid, "VmHWM:")?.saturating_sub(self.before))
    }
}

/// What a process holds now, KiB. Linux alone tells.
pub(crate) fn resident(pid: u32) -> anyhow::Result<u64> {
    status(pid, "VmRSS:")
}

fn status(pid: u32, name: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).context("no peak of memory here")?;
    field(&status, name).with_context(|| format!("{path} has no {name}"))
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

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process;

    use super::*;

    const HELD: usize = 64 << 20;

    /// Holds that much and lets it go again.
    fn hold() {
        assert!(std::hint::black_box(vec![1_u8; HELD]).ends_with(&[1]));
    }

    #[test]
    fn a_peak_counts_when_it_is_over_and_not_when_it_was_before() {
        let kib = u64::try_from(HELD >> 10).unwrap();
        hold();
        let peak = Peak::since_now(process::id()).unwrap();
        assert!(peak.growth().unwrap() < kib / 2);
        hold();
        assert!(peak.growth().unwrap() > kib / 2);
        assert!(status(process::id(), "VmRSS:").unwrap() < peak.before + kib / 2);
    }

    #[test]
    fn a_process_that_is_not_there_is_an_error() {
        assert!(Peak::since_now(u32::MAX).is_err());
    }

    #[test]
    fn a_field_is_found_by_its_name() {
        let status = "VmPeak:\t   90 kB\nVmHWM:\t   12 kB\nVmRSS:\t    7 kB\n";
        assert_eq!(field(status, "VmHWM:"), Some(12));
        assert_eq!(field(status, "VmRSS:"), Some(7));
        assert_eq!(field(status, "Pss:"), None);
    }
}
