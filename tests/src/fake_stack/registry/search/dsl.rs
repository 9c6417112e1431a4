//! Enough of Elasticsearch's query language to try things, and its complaints about the rest.

use serde_json::{Map, Value};

use super::BadQuery;
use super::documents::Document;

/// A query that was understood.
#[derive(Debug, PartialEq)]
pub(crate) enum Query {
    All,
    /// Every word somewhere; `field:word` in that field. `*` and `?` are wildcards.
    Text(Vec<(Option<String>, String)>),
    /// A field holds this word.
    Match {
        field: String,
        words: Vec<String>,
    },
    /// A field is one of these.
    Terms {
        field: String,
        values: Vec<String>,
    },
    Wildcard {
        field: String,
        pattern: String,
    },
    Exists {
        field: String,
    },
    Bool {
        must: Vec<Self>,
        should: Vec<Self>,
        must_not: Vec<Self>,
    },
}

impl Query {
    /// A query string, as people type it.
    pub(crate) fn text(text: &str) -> Self {
        let terms = text
            .split_whitespace()
            .filter(|word| !["AND", "OR"].contains(word));
        let terms: Vec<_> = terms
            .map(|term| match term.split_once(':') {
                Some((field, word)) => (Some(field.to_owned()), trim(word)),
                None => (None, trim(term)),
            })
            .collect();
        if terms.is_empty() || terms.iter().all(|(_, word)| word == "*") {
            return Self::All;
        }
        Self::Text(terms)
    }

    /// The body of a search request; without a query it finds everything.
    pub(crate) fn parse_body(body: &Value) -> Result<Self, BadQuery> {
        const KNOWN: [&str; 9] = [
            "query",
            "size",
            "from",
            "_source",
            "sort",
            "aggs",
            "highlight",
            "track_total_hits",
            "stored_fields",
        ];
        let body = object(body, "body")?;
        if let Some(unknown) = body.keys().find(|key| !KNOWN.contains(&key.as_str())) {
            let reason = format!("Unknown key for a VALUE in [{unknown}].");
            return Err(BadQuery::parsing(reason));
        }
        body.get("query").map_or(Ok(Self::All), Self::parse)
    }

    fn parse(query: &Value) -> Result<Self, BadQuery> {
        let mut clauses = object(query, "query")?.iter();
        let (Some((name, clause)), None) = (clauses.next(), clauses.next()) else {
            return Err(BadQuery::parsing("query malformed, one clause expected"));
        };
        match name.as_str() {
            "match_all" => Ok(Self::All),
            "query_string" | "simple_query_string" => {
                let text = object(clause, name)?.get("query").and_then(Value::as_str);
                let text = text.ok_or_else(|| {
                    BadQuery::parsing(format!("{name} must be provided with a [query]"))
                })?;
                Ok(Self::text(text))
            }
            "match" | "match_phrase" => {
                let (field, value) = field_value(clause, name, "query")?;
                let words = value.split_whitespace().map(str::to_lowercase).collect();
                Ok(Self::Match { field, words })
            }
            "term" => {
                let (field, value) = field_value(clause, name, "value")?;
                Ok(Self::Terms {
                    field,
                    values: vec![value],
                })
            }
            "terms" => {
                let (field, values) = first(object(clause, name)?, name)?;
                let values = values.as_array().ok_or_else(|| malformed(name))?;
                Ok(Self::Terms {
                    field,
                    values: values.iter().map(text_of).collect(),
                })
            }
            "prefix" => {
                let (field, value) = field_value(clause, name, "value")?;
                Ok(Self::Wildcard {
                    field,
                    pattern: format!("{value}*"),
                })
            }
            "wildcard" => {
                let (field, pattern) = field_value(clause, name, "value")?;
                Ok(Self::Wildcard { field, pattern })
            }
            "exists" => {
                let field = object(clause, name)?
                    .get("field")
                    .ok_or_else(|| malformed(name))?;
                Ok(Self::Exists {
                    field: text_of(field),
                })
            }
            "bool" => Self::parse_bool(object(clause, name)?),
            unknown => Err(BadQuery::parsing(format!("unknown query [{unknown}]"))),
        }
    }

    fn parse_bool(clauses: &Map<String, Value>) -> Result<Self, BadQuery> {
        let (mut must, mut should, mut must_not) = (Vec::new(), Vec::new(), Vec::new());
        for (name, value) in clauses {
            let into = match name.as_str() {
                "must" | "filter" => &mut must,
                "should" => &mut should,
                "must_not" => &mut must_not,
                "minimum_should_match" | "boost" => continue,
                unknown => {
                    return Err(BadQuery::parsing(format!(
                        "[bool] query does not support [{unknown}]"
                    )));
                }
            };
            match value {
                Value::Array(queries) => {
                    for query in queries {
                        into.push(Self::parse(query)?);
                    }
                }
                query => into.push(Self::parse(query)?),
            }
        }
        Ok(Self::Bool {
            must,
            should,
            must_not,
        })
    }

    /// How well a document fits; nothing if it does not.
    pub(crate) fn score(&self, document: &Document) -> Option<f64> {
        let fits = match self {
            Self::All => true,
            Self::Text(terms) => terms.iter().all(|(field, word)| match field {
                Some(field) => document.field(field).is_some_and(|text| holds(&text, word)),
                None => holds(&document.text(), word),
            }),
            Self::Match { field, words } => document.field(field).is_some_and(|text| {
                let text = text.to_lowercase();
                words.iter().any(|word| text.contains(word.as_str()))
            }),
            Self::Terms { field, values } => document
                .field(field)
                .is_some_and(|text| values.contains(&text)),
            Self::Wildcard { field, pattern } => document
                .field(field)
                .is_some_and(|text| wildcard(pattern, &text)),
            Self::Exists { field } => document.field(field).is_some_and(|text| !text.is_empty()),
            Self::Bool {
                must,
                should,
                must_not,
            } => {
                let fit = |query: &Self| query.score(document).is_some();
                let optional = should.is_empty() || should.iter().any(fit) || !must.is_empty();
                if !must.iter().all(fit) || must_not.iter().any(fit) || !optional {
                    return None;
                }
                let scores = must.iter().chain(should).filter_map(|q| q.score(document));
                return Some(scores.sum());
            }
        };
        fits.then_some(1.0)
    }
}

fn trim(word: &str) -> String {
    word.trim_matches(['"', '(', ')', '\'']).to_lowercase()
}

fn holds(text: &str, word: &str) -> bool {
    let text = text.to_lowercase();
    if word.contains(['*', '?']) {
        let parts = text.split(|c: char| c.is_whitespace());
        return parts.into_iter().any(|part| wildcard(word, part)) || wildcard(word, &text);
    }
    text.contains(word)
}

/// Glob matching: `*` is any text, `?` any one character.
fn wildcard(pattern: &str, text: &str) -> bool {
    let Some(first) = pattern.chars().next() else {
        return text.is_empty();
    };
    let rest = &pattern[first.len_utf8()..];
    match first {
        '*' => {
            let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            ends.into_iter().any(|at| wildcard(rest, &text[at..]))
        }
        other => text.chars().next().is_some_and(|character| {
            (other == '?' || other == character) && wildcard(rest, &text[character.len_utf8()..])
        }),
    }
}

/// `{"field": "value"}` or `{"field": {"<inner>": "value"}}`.
fn field_value(clause: &Value, name: &str, inner: &str) -> Result<(String, String), BadQuery> {
    let (field, value) = first(object(clause, name)?, name)?;
    let value = match value {
        Value::Object(options) => options.get(inner).ok_or_else(|| malformed(name))?,
        value => value,
    };
    Ok((field, text_of(value)))
}

fn first<'a>(clause: &'a Map<String, Value>, name: &str) -> Result<(String, &'a Value), BadQuery> {
    let (field, value) = clause.iter().next().ok_or_else(|| malformed(name))?;
    Ok((field.clone(), value))
}

fn object<'a>(value: &'a Value, name: &str) -> Result<&'a Map<String, Value>, BadQuery> {
    value.as_object().ok_or_else(|| malformed(name))
}

fn malformed(name: &str) -> BadQuery {
    BadQuery::parsing(format!("[{name}] query malformed"))
}

fn text_of(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_clauses_are_named_in_the_complaint() {
        let bad = Query::parse_body(&json!({"query": {"nonsense": {}}})).unwrap_err();
        assert_eq!(bad.reason, "unknown query [nonsense]");
        assert!(Query::parse_body(&json!({"kwery": {}})).is_err());
        assert!(Query::parse_body(&json!([])).is_err());
        assert_eq!(Query::parse_body(&json!({})), Ok(Query::All));
    }

    #[test]
    fn wildcards_match_whole_words() {
        assert!(wildcard("*.csv", "data/iris.csv"));
        assert!(wildcard("d?ta*", "data/iris.csv"));
        assert!(!wildcard("*.json", "data/iris.csv"));
        assert!(wildcard("", ""));
    }
}
