//! JSON documents of others, held to what they become in memory: `{"":{"":…}}`
//! grows a hundredfold on its way into maps, so that its length bounds nothing.

use serde::de::{DeserializeOwned, IgnoredAny};

/// The most that one may become, in bytes.
const MAX_PARSED: usize = 64 * 1024 * 1024;

/// What `serde_json` allocates for a map with one entry, for a list with one
/// element, and for each further one (measured; its least allocations).
const MAP: usize = 640;
const LIST: usize = 160;
const ELEMENT: usize = 64;

/// Why a document could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// It would take too much memory.
    TooLarge,
    /// It is JSON of another shape.
    Shape,
    /// It is no JSON.
    Syntax,
}

/// Reads a whole document.
pub(crate) fn parse<T: DeserializeOwned>(text: &[u8]) -> Result<T, Unreadable> {
    if parsed_size(text) > MAX_PARSED {
        return Err(Unreadable::TooLarge);
    }
    serde_json::from_slice(text).map_err(|error| {
        // serde stops at the first value of the wrong type, whatever stands behind.
        let is_json = error.is_data() && serde_json::from_slice::<IgnoredAny>(text).is_ok();
        if is_json {
            Unreadable::Shape
        } else {
            Unreadable::Syntax
        }
    })
}

/// At most so many bytes are taken for the values of a document; its texts are
/// as long as they are.
fn parsed_size(text: &[u8]) -> usize {
    let mut is_text = false;
    let mut is_escaped = false;
    let mut size = text.len();
    for byte in text {
        if is_escaped {
            is_escaped = false;
            continue;
        }
        match byte {
            b'\\' => is_escaped = is_text,
            b'"' => is_text = !is_text,
            _ if is_text => {}
            b'{' => size += MAP,
            b'[' => size += LIST,
            b',' | b':' => size += ELEMENT,
            _ => {}
        }
    }
    size
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn what_would_grow_beyond_measure_is_not_read() {
        let deep = |count: usize| format!("{}0{}", "{\"\":".repeat(count), "}".repeat(count));
        let many = |one: &str, count: usize| format!("[{}0]", format!("{one},").repeat(count));
        for (bomb, small) in [
            (many(&deep(100), 6_000), many(&deep(100), 100)),
            (many("{\"\":0}", 100_000), many("{\"\":0}", 10_000)),
            (many("[]", 1_000_000), many("[]", 10_000)),
            (many("0", 2_000_000), many("0", 100_000)),
        ] {
            assert!(bomb.len() <= 4 * 1024 * 1024);
            assert_eq!(parse::<Value>(bomb.as_bytes()), Err(Unreadable::TooLarge));
            assert!(parse::<Value>(small.as_bytes()).is_ok());
        }
        // What stands in a text is text, also behind an escaped quote.
        let text = serde_json::to_string(&format!("\\\"{}", "{[,:".repeat(900_000))).unwrap();
        assert!(parse::<Value>(text.as_bytes()).is_ok());
    }

    #[test]
    fn a_thousand_hits_with_all_that_is_known_of_them_are_read() {
        let fields = (0..40).map(|at| format!("\"field{at}\":[\"some text\",{{\"x\":{at}}}]"));
        let hit = format!(
            "{{\"_source\":{{{}}}}}",
            fields.collect::<Vec<_>>().join(",")
        );
        let hits = format!("[{}]", vec![hit; 1000].join(","));
        assert!(parse::<Vec<Value>>(hits.as_bytes()).is_ok());
    }
}
