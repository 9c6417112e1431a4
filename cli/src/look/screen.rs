//! What is shown, line by line, before it is known how wide the screen is.

use std::ops::Range;

use quilt_proto::Command;

use super::table::Table;
use super::width::{width, wrap};
use super::{ExternalText, Look, Paint, Symbol};
use crate::exit::Failure;
use crate::output;

/// A blank at which no line is broken; shown as any other.
const TIE: char = '\u{a0}';

/// Words that stay on one line.
pub(crate) fn tied(words: &str) -> String {
    words.replace(' ', "\u{a0}")
}

/// The same, once it is laid out.
pub(crate) fn untied(text: &str) -> String {
    text.replace(TIE, " ")
}

/// A piece of a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(super) text: String,
    pub(super) paint: Paint,
}

impl Span {
    /// Words of ours, in a colour.
    pub(crate) fn painted(text: impl Into<String>, paint: Paint) -> Self {
        Self {
            text: output::clean(&text.into()),
            paint,
        }
    }
}

impl From<&str> for Span {
    fn from(text: &str) -> Self {
        Self::painted(text, Paint::Plain)
    }
}

impl From<String> for Span {
    fn from(text: String) -> Self {
        Self::painted(text, Paint::Plain)
    }
}

impl From<ExternalText> for Span {
    fn from(text: ExternalText) -> Self {
        Self::painted(text.as_str(), Paint::Plain)
    }
}

/// A line: pieces, one after another.
#[derive(Clone, Debug, Default)]
pub(crate) struct Line {
    indent: usize,
    spans: Vec<Span>,
    /// Never broken: somebody copies it.
    whole: bool,
}

impl Line {
    /// A line that begins so far in.
    pub(crate) fn indented(indent: usize) -> Self {
        Self {
            indent,
            ..Self::default()
        }
    }

    /// A line that begins so far in with a mark.
    pub(crate) fn marked(indent: usize, look: &Look, symbol: Symbol) -> Self {
        Self::indented(indent).with(look.mark(symbol)).with(" ")
    }

    /// A command to run, alone on its line.
    pub(crate) fn command(indent: usize, command: &Command) -> Self {
        let mut line = Self::indented(indent)
            .quiet(quilt_proto::suggested_command::RUN)
            .with(command.to_string());
        line.whole = true;
        line
    }

    /// With another piece.
    #[must_use]
    pub(crate) fn with(mut self, span: impl Into<Span>) -> Self {
        self.spans.push(span.into());
        self
    }

    /// With a piece that stands out.
    #[must_use]
    pub(crate) fn strong(self, text: impl Into<String>) -> Self {
        self.with(Span::painted(text, Paint::Strong))
    }

    /// With a piece that does not.
    #[must_use]
    pub(crate) fn quiet(self, text: impl Into<String>) -> Self {
        self.with(Span::painted(text, Paint::Quiet))
    }

    fn render(&self, look: &Look) -> String {
        let mut text = String::new();
        let indent = " ".repeat(self.indent);
        let plain: String = self.spans.iter().map(|span| span.text.as_str()).collect();
        let painted = |part: Range<usize>| {
            if look.color {
                self.painted(part)
            } else {
                plain[part].to_owned()
            }
        };
        let room = look.width.filter(|_| !self.whole);
        match room {
            Some(room) if self.indent + width(&plain) > room => {
                let hang = " ".repeat(self.indent + 4);
                let room = room.saturating_sub(self.indent + 4);
                let mut end = 0;
                for (at, line) in wrap(&plain, room).iter().enumerate() {
                    // Behind the blank at which the line was broken.
                    let start = end + plain[end..].find(line.as_str()).unwrap_or(0);
                    end = start + line.len();
                    text.push_str(if at == 0 { &indent } else { &hang });
                    text.push_str(&painted(start..end));
                    text.push('\n');
                }
            }
            _ => {
                text.push_str(&indent);
                text.push_str(painted(0..plain.len()).trim_end());
                text.push('\n');
            }
        }
        untied(&text)
    }

    /// A part of the line, each piece of it in its colour.
    fn painted(&self, part: Range<usize>) -> String {
        let mut painted = String::new();
        let mut at = 0;
        for Span { text, paint } in &self.spans {
            let [from, to] = [part.start, part.end].map(|edge| edge.clamp(at, at + text.len()));
            if from < to {
                painted.push_str(&paint.on(&text[from - at..to - at]));
            }
            at += text.len();
        }
        painted
    }
}

/// Lines and tables, one below the other.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    parts: Vec<Part>,
}

#[derive(Debug)]
enum Part {
    Line(Line),
    Table(Table),
    /// That there is nothing, and how there would be something.
    Nothing(String, Option<Command>),
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// A table, or what is to be said where it has no rows.
    pub(crate) fn listing(table: Table, none: &str) -> Self {
        if table.is_empty() {
            Self::nothing(none, None)
        } else {
            let mut screen = Self::new();
            screen.table(table);
            screen
        }
    }

    /// What is to be said where a list has nothing in it. It is no part of the
    /// list: a script that reads that finds nothing.
    pub(crate) fn nothing(none: &str, hint: Option<Command>) -> Self {
        let none = Part::Nothing(none.to_owned(), hint);
        Self { parts: vec![none] }
    }

    /// Adds a line.
    pub(crate) fn line(&mut self, line: Line) {
        self.parts.push(Part::Line(line));
    }

    /// Adds words of ours as a line.
    pub(crate) fn say(&mut self, text: impl Into<Span>) {
        self.line(Line::default().with(text));
    }

    /// Adds an empty line, unless nothing is there yet.
    pub(crate) fn gap(&mut self) {
        if !self.parts.is_empty() {
            self.line(Line::default());
        }
    }

    /// Adds a table.
    pub(crate) fn table(&mut self, table: Table) {
        self.parts.push(Part::Table(table));
    }

    /// All of it as text.
    pub(crate) fn render(&self, look: &Look) -> String {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Line(line) => text.push_str(&line.render(look)),
                Part::Table(table) => text.push_str(&table.render(look)),
                Part::Nothing(none, hint) => {
                    text.push_str(&output::on_screen(none, hint.as_ref(), look.width));
                }
            }
        }
        text
    }

    /// Writes it to stdout; that there is nothing, to stderr, also where stdout is
    /// a screen, so that there is one way for all.
    pub(crate) fn print(&self, look: &Look) -> Result<(), Failure> {
        for part in &self.parts {
            if let Part::Nothing(none, hint) = part {
                match hint {
                    Some(hint) => output::advise(none, hint),
                    None => output::note(none),
                }
                return Ok(());
            }
        }
        output::bytes(self.render(look).as_bytes())
    }
}
