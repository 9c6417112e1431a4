//! Two programs, run in turn.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use anyhow::ensure;
use serde::Serialize;

use crate::row::{Row, Target};

/// Runs before the first that counts: caches fill, the processor wakes up.
const WARM_UP: usize = 5;

/// A comparison to make.
pub(crate) struct Pair<'a> {
    other: &'static str,
    subject_command: &'a dyn Fn() -> Command,
    other_command: &'a dyn Fn() -> Command,
    at_most: Option<f64>,
}

/// What a comparison gave.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) subject: &'static str,
    pub(crate) other: &'static str,
    pub(crate) rounds: usize,
    pub(crate) subject_median_us: f64,
    pub(crate) other_median_us: f64,
    pub(crate) subject_p90_us: f64,
    pub(crate) other_p90_us: f64,
    /// Median of the subject over median of the other.
    pub(crate) ratio: f64,
    /// Half of the pairs lie between these.
    pub(crate) ratio_spread: [f64; 2],
    /// The ratio that must not be exceeded.
    pub(crate) at_most: Option<f64>,
}

impl Comparison {
    /// A line of the table, where there is a target.
    pub(crate) fn row(&self) -> Option<Row> {
        let target = Target::AtMost(self.at_most?);
        let mut row = Row::once("credential-process", self.other, self.ratio, target);
        row.spread = self.ratio_spread;
        Some(row)
    }
}

impl<'a> Pair<'a> {
    /// `quiltctl credential-process`, beside `other`.
    pub(crate) fn new(
        other: &'static str,
        subject_command: &'a dyn Fn() -> Command,
        other_command: &'a dyn Fn() -> Command,
    ) -> Self {
        Self {
            other,
            subject_command,
            other_command,
            at_most: None,
        }
    }

    /// Sets the target.
    pub(crate) fn at_most(mut self, ratio: f64) -> Self {
        self.at_most = Some(ratio);
        self
    }

    /// Runs both in turn, the one that goes first changing from pair to pair.
    pub(crate) fn run(self, rounds: usize) -> anyhow::Result<Comparison> {
        let warm_up = WARM_UP.min(rounds);
        let mut subject = Vec::with_capacity(rounds);
        let mut other = Vec::with_capacity(rounds);
        for round in 0..warm_up + rounds {
            let (mine, theirs) = if round % 2 == 0 {
                let mine = time((self.subject_command)())?;
                (mine, time((self.other_command)())?)
            } else {
                let theirs = time((self.other_command)())?;
                (time((self.subject_command)())?, theirs)
            };
            if round >= warm_up {
                subject.push(mine);
                other.push(theirs);
            }
        }
        let ratios: Vec<f64> = subject
            .iter()
            .zip(&other)
            .map(|(mine, theirs)| mine.as_secs_f64() / theirs.as_secs_f64())
            .collect();
        let ratios = Row::of("", "", ratios, Target::AtMost(0.));
        let (subject_median_us, other_median_us) =
            (quantile(&mut subject, 50), quantile(&mut other, 50));
        Ok(Comparison {
            subject: "quiltctl credential-process",
            other: self.other,
            rounds,
            subject_median_us,
            other_median_us,
            subject_p90_us: quantile(&mut subject, 90),
            other_p90_us: quantile(&mut other, 90),
            ratio: subject_median_us / other_median_us,
            ratio_spread: ratios.spread,
            at_most: self.at_most,
        })
    }
}

/// From before the program is started to after its output was read and it was reaped: what a
/// caller waits for.
fn time(mut command: Command) -> anyhow::Result<Duration> {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let started = Instant::now();
    let Output { status, stderr, .. } = command.output()?;
    let took = started.elapsed();
    ensure!(
        status.success(),
        "{command:?}: {status}: {}",
        String::from_utf8_lossy(&stderr)
    );
    Ok(took)
}

/// The given percentile, microseconds.
pub(crate) fn quantile(times: &mut [Duration], percent: usize) -> f64 {
    times.sort_unstable();
    let index = (times.len() * percent / 100).min(times.len().saturating_sub(1));
    times
        .get(index)
        .map_or(f64::NAN, |time| time.as_secs_f64() * 1e6)
}
