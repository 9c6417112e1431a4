//! One line of the table: what was measured, beside what, and what it may be.

use std::fmt;

use serde::Serialize;

/// What a figure may be.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    AtMost(f64),
    AtLeast(f64),
}

/// A figure with its spread.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) what: String,
    /// What it is measured beside; a unit where it stands alone.
    pub(crate) against: String,
    /// The median.
    pub(crate) figure: f64,
    /// Half of all measurements lie between these.
    pub(crate) spread: [f64; 2],
    pub(crate) target: Target,
}

impl Row {
    /// The median of several measurements.
    pub(crate) fn of(what: &str, against: &str, mut all: Vec<f64>, target: Target) -> Self {
        all.sort_by(f64::total_cmp);
        let at = |percent: usize| {
            let index = (all.len() * percent / 100).min(all.len().saturating_sub(1));
            all.get(index).copied().unwrap_or(f64::NAN)
        };
        Self {
            what: what.to_owned(),
            against: against.to_owned(),
            figure: at(50),
            spread: [at(25), at(75)],
            target,
        }
    }

    /// What was measured once.
    pub(crate) fn once(what: &str, unit: &str, figure: f64, target: Target) -> Self {
        Self::of(what, unit, vec![figure], target)
    }

    pub(crate) fn is_met(&self) -> bool {
        match self.target {
            Target::AtMost(most) => self.figure <= most,
            Target::AtLeast(least) => self.figure >= least,
        }
    }

    /// Its name in a file's name.
    pub(crate) fn slug(&self) -> String {
        let name = format!("{} {}", self.what, self.against);
        let words = name.split(|c: char| !c.is_ascii_alphanumeric());
        let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
        words.join("-").to_lowercase()
    }
}

/// Digits enough to tell a figure from its target.
fn figure(value: f64) -> String {
    match value.abs() {
        small if small < 10. => format!("{value:.3}"),
        some if some < 1000. => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, limit) = match self.target {
            Target::AtMost(limit) => ("<=", limit),
            Target::AtLeast(limit) => (">=", limit),
        };
        let [low, high] = self.spread;
        write!(
            f,
            "{:<48} {:<34} {:>9} {:>19}  {sign} {:<8} {}",
            self.what,
            self.against,
            figure(self.figure),
            format!("{}..{}", figure(low), figure(high)),
            limit,
            if self.is_met() { "met" } else { "MISSED" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_counts_and_what_was_not_measured_misses() {
        let row = |all: Vec<f64>, target| Row::of("a b", "c/d", all, target);
        assert!(row(vec![9., 1., 2.], Target::AtMost(2.)).is_met());
        assert!(!row(vec![3., 3., 1.], Target::AtMost(2.)).is_met());
        assert!(row(vec![3., 3., 1.], Target::AtLeast(2.)).is_met());
        assert!(!row(vec![], Target::AtMost(2.)).is_met());
        assert!(!row(vec![f64::NAN], Target::AtLeast(2.)).is_met());
        assert_eq!(row(vec![1.], Target::AtMost(2.)).slug(), "a-b-c-d");
    }
}
