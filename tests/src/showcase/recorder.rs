//! A terminal with a shell in it, and what it showed.

use std::fs::File;
use std::io::{Read, Write};
use std::ops::Range;
use std::process::Stdio;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use rustix::termios::{Winsize, tcsetwinsize};
use tokio::process::{Child, Command};

use super::Step;
use crate::harness::terminal;

/// Wide enough for what is shown, and narrow enough to be read on a page.
const COLUMNS: u16 = 100;
/// All of it, without scrolling.
const ROWS: u16 = 60;
/// How long a program may take on a busy machine.
const TIMEOUT: Duration = Duration::from_mins(2);
/// How often to look.
const LOOK: Duration = Duration::from_millis(10);

/// What a terminal showed.
#[derive(Clone, Debug)]
pub struct Transcript {
    /// Its rows, each in pieces of one look.
    pub(super) rows: Vec<Vec<Piece>>,
    /// The rows of each step: the first is what was typed.
    pub(super) steps: Vec<Range<usize>>,
}

/// Cells of a row that look the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) column: usize,
    pub(super) text: String,
    pub(super) look: Look,
}

/// How cells look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Look {
    pub(super) color: Option<u8>,
    pub(super) bold: bool,
    pub(super) dim: bool,
}

impl Transcript {
    /// Its width in cells.
    pub(super) const COLUMNS: usize = COLUMNS as usize;

    /// The text alone.
    pub fn text(&self) -> String {
        let line = |row: &Vec<Piece>| {
            let mut line = String::new();
            for piece in row {
                let gap = piece.column.saturating_sub(line.chars().count());
                line.push_str(&" ".repeat(gap));
                line.push_str(&piece.text);
            }
            line.trim_end().to_owned() + "\n"
        };
        self.rows.iter().map(line).collect()
    }

    /// As a picture.
    pub fn svg(&self) -> String {
        super::svg::picture(self)
    }
}

/// A person's side of a terminal.
pub(super) struct Recorder {
    person: File,
    screen: Arc<Mutex<vt100::Parser>>,
    _shell: Child,
}

impl Recorder {
    /// Starts a shell on a terminal of its own.
    pub(super) fn open(mut shell: Command) -> anyhow::Result<Self> {
        let (person, program) = terminal()?;
        let size = Winsize {
            ws_row: ROWS,
            ws_col: COLUMNS,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&program, size)?;
        shell.stdin(Stdio::from(program.try_clone()?));
        shell.stdout(Stdio::from(program.try_clone()?));
        shell.stderr(Stdio::from(program));
        let shell = shell.spawn().context("cannot start a shell")?;
        let screen = Arc::new(Mutex::new(vt100::Parser::new(ROWS, COLUMNS, 0)));
        let (mut reader, shown) = (person.try_clone()?, Arc::clone(&screen));
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                lock(&shown).process(&bytes[..count]);
            }
        });
        Ok(Self {
            person,
            screen,
            _shell: shell,
        })
    }

    /// Types each step, and waits for its end.
    pub(super) fn run(&mut self, steps: &[Step], code: &str) -> anyhow::Result<Transcript> {
        let mut starts = vec![self.wait("its prompt", |screen| prompt(screen, 0))?];
        for step in steps {
            let here = starts.last().copied().unwrap_or_default();
            self.type_in(&format!("{}\n", step.line))?;
            if step.wants_code {
                self.wait("the question for the code", |screen| {
                    screen.contents().trim_end().ends_with("Code:").then_some(0)
                })?;
                self.type_in(&format!("{code}\r"))?;
            }
            let end = self.wait(&step.line, |screen| prompt(screen, here + 1))?;
            starts.push(end);
        }
        let shown = lock(&self.screen);
        // Above each prompt is an empty row.
        let first = starts.first().copied().unwrap_or_default();
        let end = starts.last().copied().unwrap_or_default().saturating_sub(1);
        let rows = (first..end)
            .map(|row| pieces(shown.screen(), row))
            .collect();
        drop(shown);
        self.type_in("exit\n")?;
        let at = |row: u16| usize::from(row.saturating_sub(first));
        let steps = starts
            .windows(2)
            .map(|pair| at(pair[0])..at(pair[1]).saturating_sub(1));
        Ok(Transcript {
            rows,
            steps: steps.collect(),
        })
    }

    fn type_in(&mut self, keys: &str) -> anyhow::Result<()> {
        self.person
            .write_all(keys.as_bytes())
            .context("the terminal is gone")
    }

    fn wait<T>(
        &self,
        what: &str,
        is_so: impl Fn(&vt100::Screen) -> Option<T>,
    ) -> anyhow::Result<T> {
        let end = Instant::now() + TIMEOUT;
        loop {
            let shown = lock(&self.screen);
            if let Some(found) = is_so(shown.screen()) {
                return Ok(found);
            }
            if Instant::now() > end {
                bail!(
                    "the terminal does not show {what}:\n{}",
                    shown.screen().contents()
                );
            }
            drop(shown);
            std::thread::sleep(LOOK);
        }
    }
}

fn lock(screen: &Mutex<vt100::Parser>) -> MutexGuard<'_, vt100::Parser> {
    screen.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The row in which the shell waits for a command, no earlier than this one.
fn prompt(screen: &vt100::Screen, from: u16) -> Option<u16> {
    let (row, column) = screen.cursor_position();
    let text: String = pieces(screen, row)
        .into_iter()
        .map(|piece| piece.text)
        .collect();
    (row >= from && column == 2 && text.trim_end() == "$").then_some(row)
}

/// A row as pieces of one look, without the blanks at its end.
fn pieces(screen: &vt100::Screen, row: u16) -> Vec<Piece> {
    let mut pieces: Vec<Piece> = Vec::new();
    for column in 0..COLUMNS {
        let Some(cell) = screen.cell(row, column).filter(|cell| cell.has_contents()) else {
            continue;
        };
        let color = match cell.fgcolor() {
            vt100::Color::Idx(index) => Some(index),
            _ => None,
        };
        let look = Look {
            color,
            bold: cell.bold(),
            dim: cell.dim(),
        };
        let at = usize::from(column);
        match pieces.last_mut() {
            Some(last) if last.look == look && last.column + last.text.chars().count() == at => {
                last.text.push_str(cell.contents());
            }
            _ => pieces.push(Piece {
                column: at,
                text: cell.contents().to_owned(),
                look,
            }),
        }
    }
    pieces
}
