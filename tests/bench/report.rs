//! What was found, as a table or as JSON.

use std::fmt;

use serde::Serialize;

use crate::memory::Memory;
use crate::packages::Packages;
use crate::pair::Comparison;

/// All findings of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) packages: Option<Packages>,
    /// Of the daemon, after a login and a first vend.
    pub(crate) memory: Memory,
    /// What could not be compared, and why.
    pub(crate) skipped: Vec<String>,
}

impl Report {
    pub(crate) fn targets_met(&self) -> bool {
        self.memory.target_met()
            && self.packages.as_ref().is_none_or(Packages::targets_met)
            && self
                .comparisons
                .iter()
                .all(|found| found.at_most.is_none_or(|at_most| found.ratio <= at_most))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<34} {:>6} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7}",
            "quiltctl credential-process vs",
            "pairs",
            "median",
            "its p90",
            "other",
            "its p90",
            "ratio",
            "target"
        )?;
        for found in &self.comparisons {
            writeln!(
                f,
                "{:<34} {:>6} {:>7.0} us {:>7.0} us {:>7.0} us {:>7.0} us {:>7.3} {:>7}",
                found.other,
                found.rounds,
                found.subject_median_us,
                found.subject_p90_us,
                found.other_median_us,
                found.other_p90_us,
                found.ratio,
                found
                    .at_most
                    .map_or_else(String::new, |target| format!("<= {target}")),
            )?;
        }
        if let Some(packages) = &self.packages {
            writeln!(f, "{packages}")?;
        }
        for skipped in &self.skipped {
            writeln!(f, "NOT RUN: {skipped}")?;
        }
        let Memory {
            rss_kib,
            pss_kib,
            at_most_kib,
        } = &self.memory;
        write!(
            f,
            "\nquiltd after a login: {rss_kib} KiB resident (target <= {at_most_kib})"
        )?;
        match pss_kib {
            Some(pss) => writeln!(f, ", {pss} KiB proportional"),
            None => writeln!(f),
        }
    }
}
