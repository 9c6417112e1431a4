//! Names of packages, read one at a time.

use std::path::PathBuf;
use std::time::Duration;

use super::connect::Connection;
use super::http::Answer;
use crate::Error;
use crate::error::Fault;
use crate::lines::Lines;

/// Names of packages, as they are found. Dropping it ends the listing.
#[derive(Debug)]
pub struct PackageNames {
    /// Until the end, or an error.
    answer: Option<Answer<Connection>>,
    socket: PathBuf,
    lines: Lines,
}

impl PackageNames {
    pub(super) fn new(answer: Answer<Connection>, socket: PathBuf) -> Self {
        Self {
            answer: Some(answer),
            socket,
            lines: Lines::default(),
        }
    }

    /// Whether the next name is there already.
    pub fn is_ready(&self) -> bool {
        self.lines.is_ready()
    }

    fn read(&mut self) -> Result<Option<Result<String, Error>>, Fault> {
        loop {
            if let Some(line) = self.lines.next() {
                return Ok(Some(line));
            }
            let Some(answer) = &mut self.answer else {
                return Ok(None);
            };
            let bytes = answer.next()?;
            if !bytes.is_empty() {
                self.lines.push(bytes)?;
            } else if self.lines.is_cut_short() {
                return Err(Fault::Invalid("a line cut short"));
            } else {
                self.answer = None;
            }
        }
    }
}

impl Iterator for PackageNames {
    type Item = Result<String, Error>;

    /// Waits for the next name; `None` when there are no more. After an error
    /// nothing follows.
    fn next(&mut self) -> Option<Self::Item> {
        let line = match self.read() {
            Ok(line) => line?,
            Err(fault) => Err(fault.into_error(&self.socket, Duration::ZERO)),
        };
        if line.is_err() {
            self.answer = None;
        }
        Some(line)
    }
}
