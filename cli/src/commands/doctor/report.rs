//! What was found and what was proven.

use quilt_proto::Command;
use quilt_proto::wire::{Diagnosis, Finding, FindingCode, Severity};

use crate::aws_variables::AWS_PROFILE;
use crate::commands::key_at_hand::KeyAtHand;
use crate::commands::status::view;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{Line, Look, Screen, Symbol, says};
use crate::output;

/// In the order it was found; and the AWS profile that programs of this shell
/// have to name, where they do not get to quiltd without.
#[derive(Debug, Default)]
pub(super) struct Report(Diagnosis, Option<String>);

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

    /// Takes up by which profile alone programs get to quiltd.
    pub(super) fn by_profile(&mut self, name: Option<String>) {
        self.1 = name;
    }

    /// Whether this was found.
    pub(super) fn has(&self, code: &FindingCode) -> bool {
        let mut all = self.0.findings.iter();
        all.any(|finding| finding.code == code.as_str())
    }

    /// Whether something keeps programs from their credentials.
    pub(super) fn has_errors(&self) -> bool {
        let is_error = |finding: &Finding| finding.severity == Severity::Error;
        self.0.findings.iter().any(is_error)
    }

    /// Prints it; with errors among it, that is how the program ends.
    pub(super) fn print(&self, context: &Context, is_verbose: bool) -> Result<(), Failure> {
        if context.global().json {
            output::computed(&self.0)?;
        } else {
            let look = context.look();
            let key = KeyAtHand::of(context);
            let mut screen = screen(&look, &self.0, is_verbose, key.as_ref());
            if let Some(name) = &self.1 {
                let text = "  AWS programs use it where they name the profile:";
                screen.line(Line::default().quiet(text));
                let export = Command::of("export").variable(AWS_PROFILE, name);
                screen.line(Line::command(4, &export));
            }
            screen.print(&look)?;
        }
        if self.has_errors() {
            return Err(Failure::quiet(exit::UNWELL));
        }
        Ok(())
    }
}

/// Errors first, one cause once, what is well in a line, then the verdict.
fn screen(look: &Look, diagnosis: &Diagnosis, is_verbose: bool, key: Option<&KeyAtHand>) -> Screen {
    let Diagnosis {
        findings, proven, ..
    } = diagnosis;
    let mut screen = Screen::new();
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by_key(|finding| finding.severity != Severity::Error);
    // What one command mends stands together, each with its own reason.
    let mut causes: Vec<Vec<&Finding>> = Vec::new();
    for finding in sorted {
        let same = causes.iter_mut().find(|cause| {
            let first = cause[0];
            (&first.code, first.severity, &first.hint)
                == (&finding.code, finding.severity, &finding.hint)
        });
        match same {
            Some(cause) => cause.push(finding),
            None => causes.push(vec![finding]),
        }
    }
    for cause in &causes {
        view::findings(look, &mut screen, cause, key);
    }
    if is_verbose {
        for line in proven {
            screen.line(Line::marked(0, look, Symbol::Good).with(says(line)));
        }
    } else if !proven.is_empty() {
        let (count, s) = (proven.len(), if proven.len() == 1 { "" } else { "s" });
        let well = format!(" {count} check{s} passed; doctor --verbose lists them");
        screen.line(Line::default().with(look.mark(Symbol::Good)).quiet(well));
    }
    screen.gap();
    let shown: Vec<&Finding> = causes.concat();
    screen.line(verdict(look, &shown));
    screen
}

fn verdict(look: &Look, shown: &[&Finding]) -> Line {
    let errors = |finding: &&&Finding| finding.severity == Severity::Error;
    let (errors, all) = (shown.iter().filter(errors).count(), shown.len());
    let symbol = match (errors, all) {
        (0, 0) => Symbol::Good,
        (0, _) => Symbol::Beware,
        _ => Symbol::Bad,
    };
    let text = match (errors, all) {
        (0, 0) => "Nothing is wrong: programs get their credentials from quiltd.".to_owned(),
        (0, 1) => "Programs get their credentials; one thing to check.".to_owned(),
        (0, all) => format!("Programs get their credentials; {all} things to check."),
        (1, _) => {
            "One thing keeps programs from their credentials; its command is above.".to_owned()
        }
        (errors, _) => {
            format!("{errors} things keep programs from their credentials; begin with the first.")
        }
    };
    Line::marked(0, look, symbol).strong(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::look::tests::widths;

    #[test]
    fn the_screen_at_every_width() {
        let of = |findings: Vec<Finding>| Diagnosis {
            findings,
            proven: vec!["the clock agrees with the stack's".to_owned(); 3],
            settings: None,
        };
        let login = |what: &str| {
            let what = format!("{what}: nobody is logged in to https://demo.quilt.example");
            Finding::error(
                quilt_proto::ErrorCode::LoginRequired,
                what,
                "quiltctl login",
            )
        };
        let ill = of(vec![
            Finding::warning(
                FindingCode::StoreNote,
                "tokens are in a file",
                "quiltctl status",
            ),
            login("the session"),
            login("profile lake"),
            Finding::error(
                FindingCode::FileNotTrusted,
                "others may write to ~/.aws",
                "chmod go-w ~/.aws",
            ),
        ]);
        insta::assert_snapshot!(widths(|look| screen(look, &ill, false, None)));
        insta::assert_snapshot!("verbose", widths(|look| screen(look, &ill, true, None)));
        insta::assert_snapshot!(
            "well",
            widths(|look| screen(look, &of(Vec::new()), false, None))
        );
    }
}
