//! The table of programs in `docs/programs.md`, made of what the run saw.

use std::fmt::Write;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use quilt_tests::harness::toolchain::{Profiles, Program};

use super::Way;

/// Set by `cargo conformance`: the table is written, not only compared.
const WRITE_ENV: &str = "QUILT_CONFORMANCE";

const BEGIN: &str = "<!-- made by `cargo conformance` from what it saw; not by hand -->\n";
const END: &str = "<!-- end of what is made -->\n";

/// What a program made of a way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Works,
    /// With the variable that [`Profiles::With`] names, and not without.
    WorksWith,
    Fails,
    /// A way that is none for it.
    NotMeant,
}

impl Outcome {
    /// What is known of a program beforehand.
    pub(super) fn expected(program: Program, way: Way) -> Self {
        match program.profiles() {
            Profiles::With { .. } if way.is_profile() => Self::WorksWith,
            Profiles::Never { .. } if way.is_profile() => Self::Fails,
            Profiles::Only { .. } if !way.is_profile() => Self::NotMeant,
            _ if way.is_exec() && program.without_exec().is_some() => Self::Fails,
            _ => Self::Works,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Works => "ok",
            Self::WorksWith => "ok, see below",
            Self::Fails => "no, see below",
            Self::NotMeant => "see below",
        }
    }
}

/// A program's row, from what it made of each way.
pub(super) fn row(program: Program, outcomes: &[Outcome]) -> String {
    let version = program
        .version()
        .unwrap_or_else(|| "the system's".to_owned());
    let cells: Vec<_> = outcomes.iter().map(|outcome| outcome.word()).collect();
    format!("| {program} | {version} | {} |\n", cells.join(" | "))
}

/// Holds the row that is in the documentation against the one seen, or puts
/// that in its place.
pub(super) fn record(row: &str) {
    let start = row.split(" | ").next();
    let path = path();
    let _lock = locked(&path);
    let text = fs::read_to_string(&path).unwrap();
    if text.contains(row) {
        return;
    }
    assert!(
        is_to_be_written(),
        "docs/programs.md does not say what was seen; run: cargo conformance\n{row}"
    );
    let text = made_anew(&text);
    let lines = text.split_inclusive('\n').map(|line| {
        if line.split(" | ").next() == start {
            row
        } else {
            line
        }
    });
    fs::write(&path, lines.collect::<String>()).unwrap();
}

fn is_to_be_written() -> bool {
    std::env::var_os(WRITE_ENV).is_some()
}

/// Programs are recorded at the same time. Released when it is dropped.
fn locked(path: &Path) -> File {
    let file = File::open(path).unwrap();
    file.lock().unwrap();
    file
}

/// The documentation with the table as it is known beforehand, and of what is
/// in it already each row.
fn made_anew(text: &str) -> String {
    let (before, rest) = text.split_once(BEGIN).expect("it says where it begins");
    let (old, after) = rest.split_once(END).expect("it says where it ends");
    let start = |line: &str| line.split(" | ").next().map(str::to_owned);
    let made = made();
    let lines = made.split_inclusive('\n').map(|line| {
        let is_row = line.starts_with("| ");
        let known = old.split_inclusive('\n').filter(|_| is_row);
        let mut known = known.filter(|old| start(old) == start(line));
        known.next().unwrap_or(line)
    });
    format!("{before}{}{after}", lines.collect::<String>())
}

/// The whole of it, as it is known beforehand.
fn made() -> String {
    let ways: Vec<_> = Way::ALL.iter().map(|way| way.title()).collect();
    let mut made = format!(
        "{BEGIN}\n| program | version | {} |\n|{}\n",
        ways.join(" | "),
        " --- |".repeat(ways.len() + 2)
    );
    for program in Program::ALL {
        let outcomes = Way::ALL.map(|way| Outcome::expected(program, way));
        made.push_str(&row(program, &outcomes));
    }
    made.push('\n');
    for program in Program::ALL {
        let of_profiles = match program.profiles() {
            Profiles::Read => None,
            Profiles::With { note, .. } | Profiles::Never { note } | Profiles::Only { note } => {
                Some(note)
            }
        };
        let of_exec = program.without_exec().filter(|note| !note.is_empty());
        for note in of_profiles.into_iter().chain(of_exec).chain(program.note()) {
            let _ = writeln!(made, "* **{program}** {note}.");
        }
    }
    made.push_str(END);
    made
}

fn path() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/programs.md"))
}

#[test]
fn the_table_in_the_docs_is_the_one_that_is_made() {
    let path = path();
    let _lock = locked(&path);
    let text = fs::read_to_string(&path).unwrap();
    if is_to_be_written() {
        fs::write(&path, made_anew(&text)).unwrap();
        return;
    }
    assert!(text.contains(&made()), "run: cargo conformance");
    assert_eq!(text, made_anew(&text));
}
