//! What requests looked like when they arrived.

use std::collections::VecDeque;

use http::{HeaderMap, Method};
use serde::Serialize;

use super::shared::Shared;

/// How many are remembered.
const MOST: usize = 200;

/// A request at the registry, as it arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// Its method.
    pub method: String,
    /// Its path, without the query.
    pub path: String,
    /// Its headers, names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
}

impl Seen {
    /// The values of a header.
    pub fn header(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(of, _)| of == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

/// The last requests.
#[derive(Debug, Default)]
pub(crate) struct Requests(Shared<VecDeque<Seen>>);

impl Requests {
    pub(crate) fn note(&self, method: &Method, path: &str, headers: &HeaderMap) {
        let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into();
        let headers = headers.iter();
        let mut seen = self.0.lock();
        if seen.len() == MOST {
            seen.pop_front();
        }
        seen.push_back(Seen {
            method: method.to_string(),
            path: path.to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), text(value)))
                .collect(),
        });
    }

    pub(crate) fn list(&self) -> Vec<Seen> {
        self.0.lock().iter().cloned().collect()
    }
}
