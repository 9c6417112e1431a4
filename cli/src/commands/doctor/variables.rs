//! The variables this run started with, as a program beside it would.

use std::collections::BTreeMap;
use std::env;

/// Names and values; an empty value counts as none, as AWS programs take it.
#[derive(Debug, Default)]
pub(super) struct Variables(BTreeMap<String, String>);

impl Variables {
    pub(super) fn from_environment() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            let name = name.into_string().ok()?;
            Some((name, value.to_string_lossy().into_owned()))
        };
        Self(env::vars_os().filter_map(text).collect())
    }

    pub(super) fn get(&self, name: &str) -> Option<&str> {
        let value = self.0.get(name).map(String::as_str);
        value.filter(|value| !value.is_empty())
    }

    /// Those of `names` that are there, be it with nothing in them.
    pub(super) fn present<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        let is_there = |name: &&'a str| self.0.contains_key(*name);
        names.iter().copied().filter(is_there).collect()
    }

    /// Those of `names` that are set.
    pub(super) fn set<'a>(&self, names: &[&'a str]) -> Vec<&'a str> {
        let is_set = |name: &&'a str| self.get(name).is_some();
        names.iter().copied().filter(is_set).collect()
    }
}

#[cfg(test)]
impl<const N: usize> From<[(&str, &str); N]> for Variables {
    fn from(pairs: [(&str, &str); N]) -> Self {
        let owned = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        Self(owned.into_iter().collect())
    }
}
