//! What was found and what was proven.

use quilt_proto::command::sentence;
use quilt_proto::wire::{Diagnosis, Finding, Severity};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

/// In the order it was found.
#[derive(Debug, Default)]
pub(super) struct Report(Diagnosis);

impl Report {
    /// Takes findings up; one that was found twice counts once.
    pub(super) fn add(&mut self, findings: impl IntoIterator<Item = Finding>) {
        for finding in findings {
            if !self.0.findings.contains(&finding) {
                self.0.findings.push(finding);
            }
        }
    }

    /// Takes up that something works.
    pub(super) fn prove(&mut self, line: String) {
        if !self.0.proven.contains(&line) {
            self.0.proven.push(line);
        }
    }

    /// Whether this was found.
    pub(super) fn has(&self, code: &str) -> bool {
        self.0.findings.iter().any(|finding| finding.code == code)
    }

    /// Whether something keeps programs from their credentials.
    pub(super) fn has_errors(&self) -> bool {
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        self.0.findings.iter().any(is_error)
    }

    /// Prints it; with errors among it, that is how the program ends.
    pub(super) fn print(&self, context: &Context) -> Result<(), Failure> {
        if context.global().json {
            let body = serde_json::to_vec(&self.0)
                .map_err(|error| Failure::new(exit::UNEXPECTED, error))?;
            output::json(&body)?;
        } else {
            self.show()?;
        }
        if self.has_errors() {
            return Err(Failure::quiet(exit::UNWELL));
        }
        Ok(())
    }

    fn show(&self) -> Result<(), Failure> {
        let Diagnosis {
            findings, proven, ..
        } = &self.0;
        for finding in findings {
            let kind = match finding.severity {
                Severity::Error => "",
                Severity::Warning => "warning: ",
            };
            let summary = output::one_line(&finding.summary);
            let line = sentence(&summary, Some(&finding.hint));
            output::line(format_args!("{kind}{line}"))?;
        }
        if findings.is_empty() {
            output::line("nothing is wrong")?;
        }
        for line in proven {
            output::line(format_args!("proven: {}", output::one_line(line)))?;
        }
        Ok(())
    }
}
