//! What was found, as a table or as JSON.

use std::fmt;

use serde::Serialize;

use crate::crowd::Crowd;
use crate::memory::Memory;
use crate::packages::Packages;
use crate::pair::Comparison;
use crate::row::Row;
use crate::window::Window;

/// What there are targets for, and no row.
const LEFT_OUT: [&str; 2] = [
    // The one cannot be built from what the module proxy has, the other shows
    // nothing before a login at AWS's own sign-in.
    "granted, aws-sso",
    "10,000 profiles over a simulated day",
];

/// All findings of a run.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) packages: Option<Packages>,
    /// How long a login can be lost to `kill -9`.
    pub(crate) window: Option<Window>,
    pub(crate) crowds: Vec<Crowd>,
    /// Of the daemon, after a login and a first vend.
    pub(crate) memory: Memory,
    /// Every figure that has a target, a line each.
    pub(crate) rows: Vec<Row>,
    /// What could not be measured, and why.
    pub(crate) skipped: Vec<String>,
}

impl Report {
    /// Adds what was found, or says why nothing was.
    pub(crate) fn take(&mut self, what: &str, found: anyhow::Result<Vec<Row>>) {
        match found {
            Ok(rows) => self.rows.extend(rows),
            Err(error) => self.skipped.push(format!("{what}: {error:#}")),
        }
    }

    /// Nobody knows whether a target is met that was not measured.
    pub(crate) fn targets_met(&self) -> bool {
        self.skipped.is_empty()
            && self.memory.target_met()
            && self.rows.iter().all(Row::is_met)
            && self.packages.as_ref().is_some_and(Packages::targets_met)
            && !self.crowds.is_empty()
            && self.crowds.iter().all(Crowd::targets_met)
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
        if let Some(window) = &self.window {
            writeln!(
                f,
                "\n{} rotations, from the stack's commit to the new sessions.json: \
                 median {:.2} ms, at most {:.2} ms\n\
                 write, fsync and rename of as large a file beside it: \
                 median {:.2} ms, at most {:.2} ms",
                window.rounds,
                window.median_ms,
                window.max_ms,
                window.plain_median_ms,
                window.plain_max_ms,
            )?;
        }
        for crowd in &self.crowds {
            writeln!(f, "{crowd}")?;
        }
        writeln!(f)?;
        for row in &self.rows {
            writeln!(f, "{row}")?;
        }
        for what in LEFT_OUT {
            writeln!(f, "not measured by this program: {what}")?;
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crowd::Kind;
    use crate::row::Target;

    fn fine() -> Report {
        let comparison = Comparison {
            subject: "quiltctl credential-process",
            other: "cat",
            rounds: 1,
            subject_median_us: 3.,
            other_median_us: 2.,
            subject_p90_us: 3.,
            other_p90_us: 2.,
            ratio: 1.5,
            ratio_spread: [1.5; 2],
            at_most: Some(1.5),
        };
        let packages = Packages {
            rounds: 1,
            list_ms: 500.,
            list_quilt3_ms: 1000.,
            first_row_ms: 50.,
            versions_ms: 200.,
            versions_quilt3_ms: 1000.,
            growth_kib: Some(8 * 1024),
        };
        let crowd = Crowd {
            kind: Kind::Holding,
            tried: 1,
            vends_alone: 1,
            vends_crowded: 1,
            median_alone_ms: 1.,
            median_crowded_ms: 1.,
            p99_alone_ms: 10.,
            p99_crowded_ms: 50.,
            ratio: 5.,
            growth_kib: 32 * 1024 - 1,
            left_kib: 4 * 1024,
        };
        let memory = Memory {
            rss_kib: 1024,
            pss_kib: None,
            at_most_kib: 1024,
        };
        Report {
            comparisons: vec![comparison],
            packages: Some(packages),
            window: None,
            crowds: vec![crowd],
            memory,
            rows: vec![Row::once("a", "b", 1., Target::AtMost(1.))],
            skipped: Vec::new(),
        }
    }

    #[test]
    fn a_target_is_met_up_to_its_limit() {
        assert!(fine().targets_met());
    }

    #[test]
    fn one_missed_target_is_enough() {
        let spoil: [fn(&mut Report); 11] = [
            |report| report.rows[0].figure = 1.01,
            |report| report.comparisons[0].ratio = 1.51,
            |report| report.memory.rss_kib += 1,
            |report| packages(report).list_ms = 501.,
            |report| packages(report).versions_ms = 201.,
            |report| packages(report).first_row_ms = 51.,
            |report| packages(report).growth_kib = Some(8 * 1024 + 1),
            |report| crowd(report).ratio = 5.1,
            |report| crowd(report).p99_crowded_ms = 50.1,
            |report| crowd(report).growth_kib += 1,
            |report| crowd(report).left_kib += 1,
        ];
        for (number, spoil) in spoil.into_iter().enumerate() {
            let mut report = fine();
            spoil(&mut report);
            assert!(!report.targets_met(), "{number}");
        }
    }

    #[test]
    fn what_was_not_measured_meets_no_target() {
        let mut report = fine();
        report.skipped.push("ssh-add -l: there is none".to_owned());
        assert!(!report.targets_met());
        report = fine();
        report.packages = None;
        assert!(!report.targets_met());
        report = fine();
        report.crowds.clear();
        assert!(!report.targets_met());
        report = fine();
        packages(&mut report).list_ms = f64::NAN;
        assert!(!report.targets_met());
    }

    fn crowd(report: &mut Report) -> &mut Crowd {
        &mut report.crowds[0]
    }

    fn packages(report: &mut Report) -> &mut Packages {
        report.packages.as_mut().unwrap()
    }
}
