//! What stands around a GraphQL document: an HTTP request (GraphQL over HTTP,
//! working draft), and JSON or a query string.

use std::fmt;
use std::io::Read;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, Method};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use url::form_urlencoded;

use super::{Ambiguity, GraphqlRequest, MAX_READ, document};
use crate::stack::{Forward, Payload};

/// The most calls of one request, and of documents in one call.
const MAX_CALLS: usize = 32;

/// The longest document, in bytes.
const MAX_DOCUMENT: usize = 128 * 1024;

/// The text of a request, yet to be read.
#[derive(Debug)]
pub(super) enum Envelope {
    /// A JSON body.
    Json(Payload),
    /// A body that is a document.
    Document(Payload),
    /// The query string.
    Query(String),
}

/// What a request says, from its head; nothing is read yet.
pub(super) fn open(request: &Forward) -> Result<Envelope, Ambiguity> {
    let query = request.target.split_once('?').map(|(_, query)| query);
    match request.method {
        Method::POST if query.is_some_and(|query| !query.is_empty()) => Err(Ambiguity::Address),
        Method::POST if request.body.len() > MAX_READ => Err(Ambiguity::TooLarge),
        Method::POST => match media_type(&request.headers)?.as_str() {
            "application/json" => Ok(Envelope::Json(request.body.clone())),
            "application/graphql" => Ok(Envelope::Document(request.body.clone())),
            _ => Err(Ambiguity::ContentType),
        },
        Method::GET | Method::HEAD if !request.body.is_empty() => Err(Ambiguity::Twice),
        Method::GET | Method::HEAD => Ok(Envelope::Query(query.unwrap_or_default().to_owned())),
        _ => Err(Ambiguity::Method),
    }
}

/// The media type of a body in UTF-8 (RFC 9110, section 8.3.1).
fn media_type(headers: &HeaderMap) -> Result<String, Ambiguity> {
    let mut given = headers.get_all(CONTENT_TYPE).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return Err(Ambiguity::ContentType);
    };
    let value = value.to_str().map_err(|_| Ambiguity::ContentType)?;
    let mut parts = value.to_ascii_lowercase();
    parts.retain(|c| c != ' ' && c != '\t');
    match parts.split_once(';') {
        None => Ok(parts),
        Some((kind, "charset=utf-8" | "charset=\"utf-8\"")) => Ok(kind.to_owned()),
        Some(_) => Err(Ambiguity::ContentType),
    }
}

impl Envelope {
    /// What is asked for.
    pub(super) fn read(self) -> GraphqlRequest {
        match self {
            Self::Json(body) => match serde_json::from_reader(body.reader()) {
                Ok(Calls(calls)) if calls.len() > MAX_CALLS => {
                    GraphqlRequest::unclear(Ambiguity::TooLarge)
                }
                Ok(Calls(calls)) => asked(calls),
                Err(error) if error.is_data() => GraphqlRequest::unclear(Ambiguity::Shape),
                Err(_) => GraphqlRequest::unclear(Ambiguity::Syntax),
            },
            Self::Document(body) => {
                let mut text = String::new();
                match body.reader().read_to_string(&mut text) {
                    Ok(_) => asked(vec![Call::of(text)]),
                    Err(_) => GraphqlRequest::unclear(Ambiguity::ContentType),
                }
            }
            Self::Query(query) => asked(vec![Call::of_query(&query)]),
        }
    }
}

fn asked(calls: Vec<Call>) -> GraphqlRequest {
    let mut asked = GraphqlRequest::default();
    let mut budget = document::Budget::default();
    if calls.is_empty() {
        asked.doubt(Ambiguity::NoDocument);
    }
    for call in calls {
        if let Some(unclear) = call.unclear {
            asked.doubt(unclear);
        }
        if call.documents.is_empty() {
            asked.doubt(Ambiguity::NoDocument);
        }
        for text in call.documents {
            if text.len() > MAX_DOCUMENT {
                asked.doubt_document(Ambiguity::TooLarge, &text);
                continue;
            }
            match document::operations(&text, call.operation.as_deref(), &mut budget) {
                Ok((operations, doubt)) => {
                    asked.operations.extend(operations);
                    if let Some(doubt) = doubt {
                        asked.doubt(doubt);
                    }
                }
                Err(unclear) => asked.doubt_document(unclear, &text),
            }
        }
    }
    asked
}

/// One call: `{"query", "operationName", "variables", "extensions"}`.
#[derive(Debug, Default)]
struct Call {
    /// More than one where it is said more than once.
    documents: Vec<String>,
    operation: Option<String>,
    unclear: Option<Ambiguity>,
    seen: Vec<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Query,
    OperationName,
    Variables,
    Extensions,
}

impl Part {
    fn of(key: &str) -> Option<Self> {
        Some(match key {
            "query" => Self::Query,
            "operationName" => Self::OperationName,
            "variables" => Self::Variables,
            "extensions" => Self::Extensions,
            _ => return None,
        })
    }
}

impl Call {
    fn of(document: String) -> Self {
        Self {
            documents: vec![document],
            ..Self::default()
        }
    }

    fn of_query(query: &str) -> Self {
        let mut call = Self::default();
        // Once a separator as good as `&`: some readers still split there.
        if query.contains(';') {
            call.doubt(Ambiguity::Address);
        }
        for (key, value) in form_urlencoded::parse(query.as_bytes()).take(MAX_CALLS) {
            match call.part(&key) {
                Some(Part::Query) => call.documents.push(value.into_owned()),
                Some(Part::OperationName) => call.operation = Some(value.into_owned()),
                Some(Part::Extensions) if !value.is_empty() => call.doubt(Ambiguity::Shape),
                Some(_) => {}
                None => call.doubt(Ambiguity::Shape),
            }
        }
        call
    }

    fn doubt(&mut self, unclear: Ambiguity) {
        self.unclear.get_or_insert(unclear);
    }

    /// What a key is, and that it was there.
    fn part(&mut self, key: &str) -> Option<Part> {
        let part = Part::of(key)?;
        if self.seen.contains(&part) {
            self.doubt(Ambiguity::Twice);
        }
        self.seen.push(part);
        Some(part)
    }
}

/// The calls of a body: one, or a batch.
struct Calls(Vec<Call>);

impl<'de> Deserialize<'de> for Calls {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(CallsVisitor)
    }
}

struct CallsVisitor;

impl<'de> Visitor<'de> for CallsVisitor {
    type Value = Calls;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call or a list of them")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Calls, A::Error> {
        CallVisitor.visit_map(map).map(|call| Calls(vec![call]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Calls, A::Error> {
        let mut calls = Vec::new();
        while let Some(call) = items.next_element::<Call>()? {
            // One more than is read: what follows is of no interest.
            if calls.len() <= MAX_CALLS {
                calls.push(call);
            }
        }
        Ok(Calls(calls))
    }
}

impl<'de> Deserialize<'de> for Call {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(CallVisitor)
    }
}

struct CallVisitor;

impl<'de> Visitor<'de> for CallVisitor {
    type Value = Call;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a call")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Call, A::Error> {
        let mut call = Call::default();
        while let Some(key) = map.next_key::<String>()? {
            match call.part(&key) {
                Some(Part::Query) => {
                    let text = map.next_value::<Option<String>>()?;
                    if call.documents.len() < MAX_CALLS {
                        call.documents.extend(text);
                    }
                }
                Some(Part::OperationName) => call.operation = map.next_value()?,
                Some(Part::Variables) => drop(map.next_value::<IgnoredAny>()?),
                Some(Part::Extensions) => {
                    if !map.next_value::<IsEmpty>()?.0 {
                        call.doubt(Ambiguity::Shape);
                    }
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                    call.doubt(Ambiguity::Shape);
                }
            }
        }
        Ok(call)
    }
}

/// Whether a value is null or an object without anything in it: a persisted
/// query is an extension.
struct IsEmpty(bool);

impl<'de> Deserialize<'de> for IsEmpty {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(IsEmptyVisitor)
    }
}

/// Passes over what is in it: it may be as large as a body.
struct IsEmptyVisitor;

impl<'de> Visitor<'de> for IsEmptyVisitor {
    type Value = IsEmpty;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object or null")
    }

    fn visit_unit<E>(self) -> Result<IsEmpty, E> {
        Ok(IsEmpty(true))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<IsEmpty, A::Error> {
        let mut is_empty = true;
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {
            is_empty = false;
        }
        Ok(IsEmpty(is_empty))
    }
}
