//! Tables: columns go by importance where there is no room, then rows become
//! paragraphs. Nothing is cut.

use super::screen::Span;
use super::width::{width, wrap};
use super::{Look, Paint};

/// Between two columns.
const GAP: usize = 2;

/// At most one of so many rows is a paragraph among the others of its table.
const FEW: usize = 4;

/// A column.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Column {
    heading: &'static str,
    importance: u8,
    is_right: bool,
    only_if_it_differs: bool,
}

impl Column {
    /// A column that is always there: without it, the rows are paragraphs.
    pub(crate) const fn key(heading: &'static str) -> Self {
        Self {
            heading,
            importance: u8::MAX,
            is_right: false,
            only_if_it_differs: false,
        }
    }

    /// A column that goes where there is no room, the least important first.
    pub(crate) const fn of_importance(heading: &'static str, importance: u8) -> Self {
        Self {
            importance,
            ..Self::key(heading)
        }
    }

    /// Cells to the right.
    #[must_use]
    pub(crate) const fn right(self) -> Self {
        Self {
            is_right: true,
            ..self
        }
    }

    /// Goes where every row says the same.
    #[must_use]
    pub(crate) const fn unless_same(self) -> Self {
        Self {
            only_if_it_differs: true,
            ..self
        }
    }
}

/// Rows under their headings.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<Span>>,
    indent: usize,
    headings: bool,
}

impl Table {
    /// A table of these columns.
    pub(crate) fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            indent: 0,
            headings: true,
        }
    }

    /// So far in, and without headings: what is beside each other says itself.
    #[must_use]
    pub(crate) fn bare(self, indent: usize) -> Self {
        Self {
            indent,
            headings: false,
            ..self
        }
    }

    /// Adds a row: a cell a column.
    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = Span>) {
        let mut cells: Vec<Span> = cells.into_iter().collect();
        cells.resize(self.columns.len(), Span::default());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    pub(super) fn render(&self, look: &Look) -> String {
        if self.is_empty() {
            return String::new();
        }
        let mut rows: Vec<usize> = (0..self.rows.len()).collect();
        let Some(room) = look.width else {
            return self.grid(look, &self.speaking(), &rows);
        };
        // A few that are too long do not take the table from all others.
        let least = self.rows.len() - self.rows.len() / FEW;
        loop {
            if let Some(shown) = self.fitting(room, &rows) {
                return self.grid(look, &shown, &rows);
            }
            let longest = rows
                .iter()
                .copied()
                .max_by_key(|row| self.least_width(*row));
            rows.retain(|row| Some(*row) != longest);
            if rows.len() < least {
                let rows = 0..self.rows.len();
                return rows.map(|row| self.paragraph(look, room, row)).collect();
            }
        }
    }

    /// The columns that say something.
    fn speaking(&self) -> Vec<usize> {
        let columns = 0..self.columns.len();
        columns
            .filter(|column| !self.says_nothing(*column))
            .collect()
    }

    /// The columns of these rows that there is room for; nothing where those
    /// that are always there do not fit.
    fn fitting(&self, room: usize, rows: &[usize]) -> Option<Vec<usize>> {
        let wanted = self.speaking();
        let mut shown = wanted.clone();
        while self.indent + self.width(&shown, rows) > room {
            let least = shown
                .iter()
                .copied()
                .filter(|column| self.columns[*column].importance < u8::MAX)
                .min_by_key(|column| self.columns[*column].importance)?;
            shown.retain(|column| *column != least);
        }
        self.take_back(&mut shown, &wanted, room, rows);
        Some(shown)
    }

    /// What a row needs of the columns that are always there.
    fn least_width(&self, row: usize) -> usize {
        let cells = self.columns.iter().zip(&self.rows[row]);
        cells
            .filter(|(column, _)| column.importance == u8::MAX)
            .map(|(_, cell)| width(&cell.text))
            .sum()
    }

    /// A wide column that had to go may have left room for narrow ones that went
    /// before it.
    fn take_back(&self, shown: &mut Vec<usize>, wanted: &[usize], room: usize, rows: &[usize]) {
        let mut gone: Vec<usize> = wanted.to_vec();
        gone.retain(|column| !shown.contains(column));
        gone.sort_by_key(|column| std::cmp::Reverse(self.columns[*column].importance));
        for column in gone {
            let mut with = shown.clone();
            with.push(column);
            with.sort_unstable();
            if self.indent + self.width(&with, rows) <= room {
                *shown = with;
            }
        }
    }

    /// Whether a column is empty, or the same in every row where that says
    /// nothing.
    fn says_nothing(&self, column: usize) -> bool {
        let mut cells = self.rows.iter().map(|row| row[column].text.as_str());
        let first = cells.next().unwrap_or_default();
        let same = cells.all(|cell| cell == first);
        let differs = self.columns[column].only_if_it_differs && self.rows.len() > 1;
        same && (first.is_empty() || differs)
    }

    fn heading(&self, column: usize) -> &'static str {
        if self.headings {
            self.columns[column].heading
        } else {
            ""
        }
    }

    fn width(&self, shown: &[usize], rows: &[usize]) -> usize {
        let columns = shown.iter().map(|column| self.column_width(*column, rows));
        columns.sum::<usize>() + GAP * shown.len().saturating_sub(1)
    }

    fn column_width(&self, column: usize, rows: &[usize]) -> usize {
        let cells = rows.iter().map(|row| width(&self.rows[*row][column].text));
        cells.max().unwrap_or(0).max(width(self.heading(column)))
    }

    /// These rows beside each other, and the others as paragraphs among them.
    fn grid(&self, look: &Look, shown: &[usize], rows: &[usize]) -> String {
        let indent = " ".repeat(self.indent);
        let widths = shown.iter().map(|column| self.column_width(*column, rows));
        let columns: Vec<(usize, usize)> = shown.iter().copied().zip(widths).collect();
        let mut text = String::new();
        if self.headings {
            let headings: Vec<Span> = self.columns.iter().map(|it| it.heading.into()).collect();
            let line = self.line(look, &columns, &headings);
            text.extend([&indent, &painted(look, Paint::Quiet, line.trim_end()), "\n"]);
        }
        for (at, row) in self.rows.iter().enumerate() {
            if rows.contains(&at) {
                text.extend([&indent, self.line(look, &columns, row).trim_end(), "\n"]);
            } else {
                text.push_str(&self.paragraph(look, look.width.unwrap_or(usize::MAX), at));
            }
        }
        text
    }

    /// Cells beside each other, each as wide as its column; colours take no room.
    fn line(&self, look: &Look, columns: &[(usize, usize)], cells: &[Span]) -> String {
        let padded = columns.iter().map(|(column, room)| {
            let cell = &cells[*column];
            let blanks = " ".repeat(room - width(&cell.text));
            let text = painted(look, cell.paint, &cell.text);
            if self.columns[*column].is_right {
                blanks + &text
            } else {
                text + &blanks
            }
        });
        padded.collect::<Vec<_>>().join(&" ".repeat(GAP))
    }

    /// A row a short paragraph: its first cell, then the fields that say
    /// something, as many on a line as there is room for.
    fn paragraph(&self, look: &Look, room: usize, row: usize) -> String {
        let mut paragraph = Paragraph {
            look,
            room,
            indent: self.indent + GAP,
            text: " ".repeat(self.indent),
            filled: self.indent,
        };
        let cells = self.columns.iter().zip(&self.rows[row]);
        for (number, (column, cell)) in cells.enumerate() {
            if cell.text.is_empty() || self.says_nothing(number) {
                continue;
            }
            let label = if paragraph.is_empty() || !self.headings {
                String::new()
            } else {
                format!("{}: ", column.heading.to_lowercase())
            };
            paragraph.add(&label, cell);
        }
        paragraph.text + "\n"
    }
}

/// Fields beside each other, and below each other where there is no room.
struct Paragraph<'a> {
    look: &'a Look,
    room: usize,
    /// Of every line but the first.
    indent: usize,
    text: String,
    /// Cells of the last line.
    filled: usize,
}

impl Paragraph<'_> {
    fn is_empty(&self) -> bool {
        self.text.trim_start().is_empty()
    }

    fn add(&mut self, label: &str, cell: &Span) {
        let wanted = width(label) + width(&cell.text);
        if !self.is_empty() {
            if self.filled + GAP + wanted <= self.room {
                self.text.push_str(&" ".repeat(GAP));
                self.filled += GAP;
            } else {
                self.line(self.indent);
            }
        }
        self.text.push_str(label);
        self.filled += width(label);
        let hang = self.indent + 2 * GAP;
        let cells = self.room.saturating_sub(self.filled.max(hang));
        for (at, part) in wrap(&cell.text, cells).iter().enumerate() {
            if at > 0 {
                self.line(hang);
            }
            self.filled += width(part);
            self.text.push_str(&painted(self.look, cell.paint, part));
        }
    }

    fn line(&mut self, indent: usize) {
        self.text.push('\n');
        self.text.push_str(&" ".repeat(indent));
        self.filled = indent;
    }
}

/// A text in its colour, where there is colour.
fn painted(look: &Look, paint: Paint, text: &str) -> String {
    if look.color && !text.is_empty() {
        paint.on(text)
    } else {
        text.to_owned()
    }
}
