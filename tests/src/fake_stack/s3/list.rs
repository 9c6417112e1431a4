//! Prefix, delimiter and paging, the same for objects and versions.

/// One line of a listing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line<T> {
    Entry(T),
    CommonPrefix(String),
}

/// A page, and the key to go on after if there is more.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) lines: Vec<Line<T>>,
    /// The last key or common prefix of a page that is not the last.
    pub(crate) next: Option<String>,
}

/// What is asked for.
#[derive(Debug, Default)]
pub(crate) struct Query<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: &'a str,
    /// Keys up to and including this one are left out, as is everything under it where it is a
    /// common prefix.
    pub(crate) after: &'a str,
    pub(crate) limit: usize,
}

impl Query<'_> {
    /// Reads a page from entries in key order. Entries of one key stay on one page.
    pub(crate) fn page<'k, T>(&self, entries: impl Iterator<Item = (&'k str, T)>) -> Page<T> {
        let mut page = Page {
            lines: Vec::new(),
            next: None,
        };
        let mut last = String::new();
        for (key, entry) in entries {
            let Some(rest) = key.strip_prefix(self.prefix) else {
                continue;
            };
            let common = self.common_prefix(key, rest);
            let name = common.unwrap_or(key);
            if !self.after.is_empty() && name <= self.after {
                continue;
            }
            if common.is_some() && name == last {
                continue;
            }
            if page.lines.len() >= self.limit && name != last {
                page.next = (self.limit > 0).then_some(last);
                break;
            }
            name.clone_into(&mut last);
            page.lines.push(match common {
                Some(prefix) => Line::CommonPrefix(prefix.to_owned()),
                None => Line::Entry(entry),
            });
        }
        page
    }

    /// Where to look for the next line after the one that `key` is on.
    pub(crate) fn beyond(&self, key: &str) -> String {
        let rest = key.strip_prefix(self.prefix);
        match rest.and_then(|rest| self.common_prefix(key, rest)) {
            Some(prefix) => format!("{prefix}{}", char::MAX),
            None => format!("{key}\0"),
        }
    }

    fn common_prefix<'k>(&self, key: &'k str, rest: &str) -> Option<&'k str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let at = rest.find(self.delimiter)?;
        Some(&key[..self.prefix.len() + at + self.delimiter.len()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEYS: [&str; 5] = ["a", "d/1", "d/2", "d/e/3", "z"];

    fn names(query: &Query<'_>) -> (Vec<String>, Option<String>) {
        let page = query.page(KEYS.iter().map(|key| (*key, (*key).to_owned())));
        let name = |line| match line {
            Line::Entry(name) | Line::CommonPrefix(name) => name,
        };
        (page.lines.into_iter().map(name).collect(), page.next)
    }

    #[test]
    fn folders_are_common_prefixes() {
        let query = Query {
            delimiter: "/",
            limit: 10,
            ..Query::default()
        };
        assert_eq!(
            names(&query),
            (vec!["a".into(), "d/".into(), "z".into()], None)
        );
        let query = Query {
            prefix: "d/",
            ..query
        };
        assert_eq!(names(&query).0, ["d/1", "d/2", "d/e/"]);
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_overlap() {
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let query = Query {
                delimiter: "/",
                after: &after,
                limit: 1,
                ..Query::default()
            };
            let (names, next) = names(&query);
            seen.extend(names);
            match next {
                Some(next) => after = next,
                None => break,
            }
        }
        assert_eq!(seen, ["a", "d/", "z"]);
    }
}
