//! How many instructions a vend takes, by callgrind: the same on a busy machine
//! as on an idle one, so that a change that costs is seen when it is made.
//!
//! The figures are of one compiler and one architecture. Each is the least of
//! a few runs: what varies, as the order in which threads are run, only adds.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

use crate::load::{self, Server};
use crate::session::Session;

/// How far a figure may be from the one that was recorded.
const BOUND: f64 = 0.02;

/// Runs of each program.
const RUNS: usize = 3;

/// A request for what is cached.
pub(crate) const VEND: &[u8] = b"GET /v1/aws/credentials HTTP/1.1\r\nHost: localhost\r\n\r\n";

/// Vends by which one run of the daemon differs from the other.
const VENDS: u64 = 3000;

/// Configuration is no longer new by then, and read no more.
const SETTLED: Duration = Duration::from_secs(3);

/// What is held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Instructions {
    /// The compiler they are of.
    rustc: String,
    /// The architecture they are of.
    architecture: String,
    /// Of what a profile runs, from its start to its end.
    profile: u64,
    /// Of `quiltctl credential-process`, which somebody may have written down.
    quiltctl: u64,
    /// Of `quiltd`, for a cached vend on a connection that stays open.
    vend: u64,
}

impl Instructions {
    pub(crate) fn count(session: &mut Session) -> anyhow::Result<Self> {
        let out = session.home().join("callgrind.out");
        let profile = client(session, &session.profile_line()?, &out)?;
        let typed = [session.quiltctl_path(), Path::new("credential-process")];
        let quiltctl = client(session, &typed, &out)?;
        session.end_daemon();
        thread::sleep(SETTLED);
        let few = least(|| daemon(session, &out, VENDS))?;
        let more = least(|| daemon(session, &out, 2 * VENDS))?;
        let vend = more.saturating_sub(few) / VENDS;
        let rustc = Command::new("rustc").arg("--version").output()?.stdout;
        Ok(Self {
            rustc: String::from_utf8(rustc)?.trim().to_owned(),
            architecture: std::env::consts::ARCH.to_owned(),
            profile,
            quiltctl,
            vend,
        })
    }

    /// The recorded figures.
    pub(crate) fn recorded() -> anyhow::Result<Self> {
        let path = path();
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn record(&self) -> anyhow::Result<()> {
        Ok(fs::write(
            path(),
            serde_json::to_string_pretty(self)? + "\n",
        )?)
    }

    /// Fails where a figure is not what was recorded: less is worth recording.
    pub(crate) fn hold(&self, recorded: &Self) -> anyhow::Result<()> {
        let again = "if that is meant, run: cargo bench-quilt --instructions --record";
        ensure!(
            (&self.rustc, &self.architecture) == (&recorded.rustc, &recorded.architecture),
            "the recorded figures are of {} on {}, not of {} on {}; {again}",
            recorded.rustc,
            recorded.architecture,
            self.rustc,
            self.architecture,
        );
        for (what, now, before) in [
            ("what a profile runs", self.profile, recorded.profile),
            (
                "quiltctl credential-process",
                self.quiltctl,
                recorded.quiltctl,
            ),
            ("a cached vend", self.vend, recorded.vend),
        ] {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let ratio = now as f64 / before as f64;
            ensure!(
                (ratio - 1.).abs() <= BOUND,
                "{what} takes {now} instructions, {ratio:.3} of the {before} recorded; {again}",
            );
        }
        Ok(())
    }
}

impl fmt::Display for Instructions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "instructions, by callgrind ({}, {}):",
            self.rustc, self.architecture
        )?;
        writeln!(f, "  what a profile runs          {:>8}", self.profile)?;
        writeln!(f, "  quiltctl credential-process  {:>8}", self.quiltctl)?;
        writeln!(f, "  a cached vend in quiltd      {:>8}", self.vend)
    }
}

/// Where the figures are recorded.
fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/instructions.json")
}

/// What valgrind is told.
pub(crate) fn tool(out: &Path) -> [String; 3] {
    let file = format!("--callgrind-out-file={}", out.display());
    ["--tool=callgrind".to_owned(), "--quiet".to_owned(), file]
}

fn least(count: impl FnMut() -> anyhow::Result<u64>) -> anyhow::Result<u64> {
    let counts = std::iter::repeat_with(count)
        .take(RUNS)
        .collect::<Result<Vec<_>, _>>()?;
    counts.into_iter().min().context("there were no runs")
}

/// What a program takes from its start to its end.
fn client<S: AsRef<OsStr>>(session: &Session, line: &[S], out: &Path) -> anyhow::Result<u64> {
    least(|| {
        let mut command = session.command("valgrind");
        command.args(tool(out)).args(line).stdin(Stdio::null());
        let run = command.output().context("valgrind")?;
        let said = String::from_utf8_lossy(&run.stderr);
        ensure!(run.status.success(), "{said}");
        total(out)
    })
}

/// What a daemon takes from its start to its end, with so many vends in between.
fn daemon(session: &Session, out: &Path, vends: u64) -> anyhow::Result<u64> {
    let valgrind = session.daemon_under(Path::new("valgrind"), &tool(out))?;
    let server = Server::Unix(session.socket());
    load::repeat(&server, VEND, vends)?;
    valgrind.end_gently()?;
    total(out)
}

/// All instructions of a run.
pub(crate) fn total(out: &Path) -> anyhow::Result<u64> {
    let text = fs::read_to_string(out)?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total
        .context("callgrind counted nothing")?
        .trim()
        .parse()
        .context("a count")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures() -> Instructions {
        Instructions {
            rustc: "rustc 1".to_owned(),
            architecture: "x86_64".to_owned(),
            profile: 50_000,
            quiltctl: 100_000,
            vend: 10_000,
        }
    }

    #[test]
    fn a_figure_is_held_within_its_bound_and_of_its_compiler() {
        let held = |change: fn(&mut Instructions)| {
            let mut now = figures();
            change(&mut now);
            now.hold(&figures()).is_ok()
        };
        assert!(held(|_| {}));
        assert!(held(|now| now.vend = 10_199));
        assert!(held(|now| now.quiltctl = 98_100));
        assert!(!held(|now| now.profile = 51_001));
        assert!(!held(|now| now.vend = 10_201));
        assert!(!held(|now| now.quiltctl = 97_900));
        assert!(!held(|now| now.rustc = "rustc 2".to_owned()));
        assert!(!held(|now| now.architecture = "riscv64".to_owned()));
    }
}
