//! TOML with the place of everything, so that every complaint names its line.

use std::str::FromStr;
use std::time::Duration;

use quilt_proto::{NameError, quoted};
use toml::Spanned;
use toml::de::{DeString, DeTable, DeValue};

use super::SettingsError;
use super::did_you_mean::nearest;
use super::error::{line, quotable};

/// A parsed file.
pub(super) struct Document<'a> {
    text: &'a str,
    root: Spanned<DeTable<'a>>,
}

impl<'a> Document<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Self, SettingsError> {
        let root = DeTable::parse(text).map_err(|error| {
            let span = error.span().unwrap_or_default();
            // The parser's own words name tokens, never values.
            let what = quotable(error.message());
            // A header or key that stands there, which is no secret.
            let key = text.get(span.clone()).filter(|_| what == "duplicate key");
            let key = key.map_or_else(String::new, |key| format!(" '{}'", quotable(key)));
            at(text, span.start, format!("{what}{key}"))
        })?;
        Ok(Self { text, root })
    }

    pub(super) fn root(&self) -> Table<'_> {
        Table {
            text: self.text,
            name: String::new(),
            content: self.root.get_ref(),
        }
    }
}

/// A table and its name in brackets, for messages.
pub(super) struct Table<'d> {
    text: &'d str,
    name: String,
    content: &'d DeTable<'d>,
}

/// A key and its value.
pub(super) struct Entry<'d> {
    text: &'d str,
    name: String,
    key: &'d Spanned<DeString<'d>>,
    value: &'d Spanned<DeValue<'d>>,
}

impl<'d> Table<'d> {
    /// Refuses any key but these, naming the nearest.
    pub(super) fn allow(&self, known: &[&str]) -> Result<(), SettingsError> {
        // By place: tables are sorted by name, people read from the top.
        let mut unknown: Vec<_> = self
            .entries()
            .filter(|entry| !known.contains(&entry.key()))
            .collect();
        unknown.sort_by_key(|entry| entry.key.span().start);
        let Some(entry) = unknown.first() else {
            return Ok(());
        };
        let place = match self.name.as_str() {
            "" => String::new(),
            name => format!(" in [{name}]"),
        };
        let nearest = nearest(entry.key(), known)
            .map_or_else(String::new, |name| format!(" (did you mean '{name}'?)"));
        let key = quotable(entry.key());
        Err(at(
            self.text,
            entry.key.span().start,
            format!("unknown key '{key}'{place}{nearest}"),
        ))
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = Entry<'d>> + use<'d, '_> {
        self.content.iter().map(|(key, value)| Entry {
            text: self.text,
            name: self.name.clone(),
            key,
            value,
        })
    }

    pub(super) fn get(&self, key: &str) -> Option<Entry<'d>> {
        self.entries().find(|entry| entry.key() == key)
    }

    pub(super) fn string(&self, key: &str) -> Result<Option<&'d str>, SettingsError> {
        self.get(key).map(|entry| entry.string()).transpose()
    }

    /// A string that is a `T`.
    pub(super) fn parsed<T>(&self, key: &str) -> Result<Option<T>, SettingsError>
    where
        T: FromStr<Err: std::fmt::Display>,
    {
        let parse = |entry: Entry<'d>| {
            let text = entry.string()?;
            text.parse()
                .map_err(|error: T::Err| entry.error(error.to_string()))
        };
        self.get(key).map(parse).transpose()
    }

    /// A string that `check` accepts.
    pub(super) fn checked(
        &self,
        key: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Result<Option<String>, SettingsError> {
        let Some(entry) = self.get(key) else {
            return Ok(None);
        };
        let text = entry.string()?;
        check(text).map_err(|what| entry.error(what))?;
        Ok(Some(text.to_owned()))
    }
}

impl<'d> Entry<'d> {
    pub(super) fn key(&self) -> &'d str {
        self.key.get_ref()
    }

    /// The key as a name of some kind.
    pub(super) fn name<T: FromStr<Err = NameError>>(&self) -> Result<T, SettingsError> {
        let name = self.key().parse();
        name.map_err(|error: NameError| self.error(error.to_string()))
    }

    /// A complaint about the value.
    pub(super) fn error(&self, what: impl Into<String>) -> SettingsError {
        let key = quoted::name(self.key());
        let what = format!("{key}: {}", what.into());
        at(self.text, self.value.span().start, what)
    }

    fn expected(&self, what: &str) -> SettingsError {
        self.error(format!(
            "must be {what}, not {}",
            kind(self.value.get_ref())
        ))
    }

    pub(super) fn string(&self) -> Result<&'d str, SettingsError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text),
            _ => Err(self.expected("a string")),
        }
    }

    pub(super) fn boolean(&self) -> Result<bool, SettingsError> {
        match self.value.get_ref() {
            DeValue::Boolean(value) => Ok(*value),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A string, or an array of them.
    pub(super) fn strings(&self) -> Result<Vec<&'d str>, SettingsError> {
        let expected = || self.expected("a string or an array of strings");
        match self.value.get_ref() {
            DeValue::String(text) => Ok(vec![text]),
            DeValue::Array(items) => items
                .iter()
                .map(|item| item.get_ref().as_str().ok_or_else(expected))
                .collect(),
            _ => Err(expected()),
        }
    }

    /// Seconds: a number, or a text such as `90m`.
    pub(super) fn seconds(&self) -> Result<i64, SettingsError> {
        let unusable = || self.error("must be a time such as \"1h\", \"90m\" or \"900s\"");
        match self.value.get_ref() {
            DeValue::Integer(number) if number.radix() == 10 => {
                number.as_str().parse().map_err(|_| unusable())
            }
            DeValue::String(text) => {
                let span: jiff::SignedDuration = text.parse().map_err(|_| unusable())?;
                let span = Duration::try_from(span).map_err(|_| unusable())?;
                i64::try_from(span.as_secs()).map_err(|_| unusable())
            }
            _ => Err(unusable()),
        }
    }

    pub(super) fn table(&self) -> Result<Table<'d>, SettingsError> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Table {
                text: self.text,
                name: if self.name.is_empty() {
                    quoted::name(self.key()).to_string()
                } else {
                    format!("{}.{}", self.name, quoted::name(self.key()))
                },
                content: table,
            }),
            _ => Err(self.expected("a table")),
        }
    }
}

fn kind(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) | DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

fn at(text: &str, start: usize, what: String) -> SettingsError {
    let before = text.as_bytes().get(..start).unwrap_or(text.as_bytes());
    SettingsError::Line {
        line: line(before),
        what,
    }
}
