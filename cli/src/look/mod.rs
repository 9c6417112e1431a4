//! How things look: the one place for width, colour, symbols, times, tables
//! and for names that come from elsewhere.

mod external_text;
pub(crate) mod paint;
mod screen;
mod table;
#[cfg(test)]
pub(crate) mod tests;
mod time;
mod url;
pub(crate) mod width;

use std::collections::BTreeMap;
use std::env;
use std::path::Path;

use quilt_proto::wire::CatalogStatus;
use quilt_proto::{Timestamp, quoted};
use rustix::stdio::stdout;
use rustix::termios::isatty;

pub(crate) use self::external_text::{ExternalText, name, names, says};
pub(crate) use self::paint::{ColorWhen, Paint};
pub(crate) use self::screen::{Line, Screen, Span, tied, untied};
pub(crate) use self::table::{Column, Table};
pub(crate) use self::time::Zone;
pub(crate) use self::url::{host, page, percent_encoded, said};
pub(crate) use quilt_proto::time::span;

/// How this run shows things.
#[derive(Clone, Debug)]
pub(crate) struct Look {
    /// Cells of a line; `None` where nobody reads it on a screen.
    pub(crate) width: Option<usize>,
    /// Whether there is colour.
    pub(crate) color: bool,
    /// Whether more than ASCII can be shown.
    pub(crate) unicode: bool,
    /// Whether times are exact and in UTC.
    pub(crate) utc: bool,
    /// When it is.
    pub(crate) now: Timestamp,
    /// Where it is that time.
    pub(crate) zone: Zone,
    /// What catalogs are called, by their URLs.
    pub(crate) names: BTreeMap<String, String>,
}

impl Look {
    /// What stdout and the environment allow, and the flags ask for.
    pub(crate) fn of_stdout(color: ColorWhen, utc: bool) -> Self {
        Self {
            width: width::of_stdout(),
            color: paint::is_wanted(color),
            unicode: speaks_unicode(|name| env::var(name).ok()),
            utc,
            now: Timestamp::now(),
            zone: Zone::of_system(),
            names: BTreeMap::new(),
        }
    }

    /// The same, which calls catalogs as quiltd.toml does.
    pub(crate) fn naming(self, catalogs: &[CatalogStatus]) -> Self {
        let pairs = catalogs.iter().filter_map(|catalog| {
            let alias = catalog.alias.as_deref()?;
            Some((catalog.catalog_url.to_string(), name(alias).to_string()))
        });
        let names = pairs.collect();
        Self { names, ..self }
    }

    /// A catalog by its name in quiltd.toml, else by its host.
    pub(crate) fn catalog(&self, url: &str) -> String {
        match self.names.get(url) {
            Some(name) => name.clone(),
            None => said(url),
        }
    }

    /// A symbol, or its stand-in where there is only ASCII.
    pub(crate) fn symbol(&self, symbol: Symbol) -> &'static str {
        match (symbol, self.unicode) {
            (Symbol::Good, true) => "✓",
            (Symbol::Good, false) => "+",
            (Symbol::Beware, _) => "!",
            (Symbol::Bad, true) => "✗",
            (Symbol::Times, true) => "×",
            (Symbol::Bad | Symbol::Times, false) => "x",
            (Symbol::Leads, true) => "→",
            (Symbol::Leads, false) => "->",
            (Symbol::Beside, true) => "·",
            (Symbol::Beside, false) => "-",
        }
    }

    /// The mark at the beginning of a line, in its colour.
    pub(crate) fn mark(&self, symbol: Symbol) -> Span {
        let paint = match symbol {
            Symbol::Good => Paint::Good,
            Symbol::Beware | Symbol::Bad => Paint::Bad,
            Symbol::Times | Symbol::Leads | Symbol::Beside => Paint::Quiet,
        };
        Span::painted(self.symbol(symbol), paint)
    }
}

/// What stands for a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Symbol {
    /// All is well.
    Good,
    /// Something will go wrong.
    Beware,
    /// Something is wrong.
    Bad,
    /// How many times.
    Times,
    /// From one to the next.
    Leads,
    /// Between two facts of one thing.
    Beside,
}

/// Whether the locale's characters are Unicode's (POSIX, "Environment
/// Variables": the first of these that is set and not empty counts).
fn speaks_unicode(variable: impl Fn(&str) -> Option<String>) -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .into_iter()
        .filter_map(variable)
        .find(|value| !value.is_empty());
    match locale {
        Some(locale) => {
            let locale = locale.to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        }
        // Programs of the desktop are started without one there.
        None => cfg!(target_os = "macos"),
    }
}

/// A file's path: for somebody who sees it, from their home on.
pub(crate) fn file(path: &Path) -> String {
    let home = env::var_os("HOME").filter(|home| is_seen() && home.len() > 1);
    match home.and_then(|home| path.strip_prefix(home).ok().map(Path::to_owned)) {
        Some(below) => quoted::path(&Path::new("~").join(below)).to_string(),
        None => quoted::path(path).to_string(),
    }
}

/// Whether somebody sees stdout.
pub(crate) fn is_seen() -> bool {
    isatty(stdout())
}

/// Whether stdout gets colour where no flag says so.
pub(crate) fn is_colored() -> bool {
    paint::is_wanted(ColorWhen::Auto)
}
