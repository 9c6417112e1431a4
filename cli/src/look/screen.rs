//! What is shown, line by line, before it is known how wide the screen is.

use quilt_proto::Command;

use super::table::Table;
use super::width::{width, wrap};
use super::{ExternalText, Look, Paint};
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

    fn write(&self, look: &Look, into: &mut String) {
        let mut text = String::new();
        self.lay_out(look, &mut text);
        into.push_str(&untied(&text));
    }

    fn lay_out(&self, look: &Look, into: &mut String) {
        let indent = " ".repeat(self.indent);
        let plain: String = self.spans.iter().map(|span| span.text.as_str()).collect();
        let room = look.width.filter(|_| !self.whole);
        match room {
            Some(room) if self.indent + width(&plain) > room => {
                let hang = " ".repeat(self.indent + 4);
                let room = room.saturating_sub(self.indent + 4);
                let mut spans = Painter::new(&self.spans, look.color);
                for (at, line) in wrap(&plain, room).iter().enumerate() {
                    into.push_str(if at == 0 { &indent } else { &hang });
                    into.push_str(&spans.paint(line));
                    into.push('\n');
                }
            }
            _ => {
                into.push_str(&indent);
                into.push_str(
                    Painter::new(&self.spans, look.color)
                        .paint(&plain)
                        .trim_end(),
                );
                into.push('\n');
            }
        }
    }
}

/// Paints a line that was broken, piece by piece.
struct Painter<'a> {
    spans: std::slice::Iter<'a, Span>,
    current: Option<(&'a str, Paint)>,
    color: bool,
}

impl<'a> Painter<'a> {
    fn new(spans: &'a [Span], color: bool) -> Self {
        Self {
            spans: spans.iter(),
            current: None,
            color,
        }
    }

    /// The next part of the line, which begins with the next word of the spans.
    fn paint(&mut self, part: &str) -> String {
        if !self.color {
            return part.to_owned();
        }
        let mut painted = String::new();
        let mut left = part;
        loop {
            let (text, paint) = match self.current {
                Some((text, paint)) if !text.is_empty() => (text, paint),
                _ => match self.spans.next() {
                    Some(span) => (span.text.as_str(), span.paint),
                    None => return painted + left,
                },
            };
            // The blank at which the line was broken.
            let text = if painted.is_empty() && !left.starts_with(' ') {
                text.trim_start_matches(' ')
            } else {
                text
            };
            let common = common_prefix(text, left);
            if common > 0 {
                painted.push_str(&paint.on(&text[..common]));
            }
            left = &left[common..];
            self.current = Some((&text[common..], paint));
            if left.is_empty() || common < text.len() {
                return painted + left;
            }
        }
    }
}

fn common_prefix(one: &str, other: &str) -> usize {
    let same = one.chars().zip(other.chars()).take_while(|(a, b)| a == b);
    same.map(|(c, _)| c.len_utf8()).sum()
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
                Part::Line(line) => line.write(look, &mut text),
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
