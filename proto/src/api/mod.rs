//! Every endpoint, declared once: route, parameters, body, answer, what is said
//! of it in the OpenAPI document, whether it is audited, and how secret it is.
//!
//! The daemon serves an [`Endpoint`], the clients send one; what either needs
//! to know of it is said in its declaration and nowhere else. A value of an
//! endpoint is a request: it holds the parameters and the body.

mod action;
#[macro_use]
mod declare;
mod credentials;
mod daemon;
mod keys;
mod packages;
mod path;
mod session;
mod strict_query;

use std::any::TypeId;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::action::Action;
pub use self::credentials::*;
pub use self::daemon::*;
pub use self::keys::*;
pub use self::packages::*;
pub use self::path::PathParameters;
pub use self::session::*;
pub use self::strict_query::{CATALOG, QueryError, parameters, parse as parse_query};
use crate::Secret;

/// The largest answer a client takes, in bytes. Search hits are the largest
/// there are.
pub const MAX_ANSWER: usize = 16 * 1024 * 1024;

/// HTTP methods the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// What the OpenAPI document can be made from: anything, where none is made.
#[cfg(feature = "schema")]
pub use schemars::JsonSchema as Described;
/// What the OpenAPI document can be made from: anything, where none is made.
#[cfg(not(feature = "schema"))]
pub trait Described {}
#[cfg(not(feature = "schema"))]
impl<T> Described for T {}

/// A body, or the parameters of a query.
pub trait Sent: Serialize + DeserializeOwned + Described + Send + Sync + 'static {}
impl<T: Serialize + DeserializeOwned + Described + Send + Sync + 'static> Sent for T {}

/// One method of one path: all there is to know of it. A value is a request.
pub trait Endpoint: Send + Sync + 'static {
    /// The HTTP method.
    const METHOD: Method;
    /// The path, with the names of [`Self::Path`] in braces.
    const PATH: &'static str;
    /// What it does: the first line of its comment.
    const SUMMARY: &'static str;
    /// More, where a line is too little.
    const DESCRIPTION: Option<&'static str> = None;
    /// How the audit log calls it, where it is written there.
    const AUDIT: Option<Action> = None;
    /// Whether a secret is in its body or answer: nobody may keep the answer,
    /// and clients write the body so that none of it is left behind.
    const SECRET: bool = false;
    /// Whether its answer is the last of its connection, whose buffers would
    /// keep an API key or a token for as long as it is open.
    const LAST: bool = false;
    /// Whether it may change which API key is in use, or that there is one.
    const CHANGES_KEYS: bool = false;
    /// Whether all it does to keys is to forget them.
    const FORGETS_KEYS: bool = false;
    /// Whether it makes what it answers with (201).
    const CREATES: bool = false;
    /// The media type of its answer.
    const MEDIA_TYPE: &'static str = "application/json";
    /// Whether it also answers [`crate::wire::NDJSON`], a
    /// [`crate::wire::PackageLine`] a line, to whoever accepts that.
    const LINES: bool = false;

    /// What is variable in the path; `()` where nothing is.
    type Path: PathParameters;
    /// Query parameters besides `catalog`, a field each; `()` where there are
    /// none. Any other parameter is refused.
    type Query: Sent;
    /// The JSON body; `()` where there is none.
    type Body: Sent;
    /// The body of an answer that is no problem; `()` where there is none.
    type Answer: Sent;

    /// What is variable in the path of this request.
    fn path(&self) -> &Self::Path;
    /// The query parameters of this request.
    fn query(&self) -> &Self::Query;
    /// The body of this request.
    fn body(&self) -> &Self::Body;
}

/// Is shown every endpoint there is.
pub trait Visit {
    /// Shows one.
    fn endpoint<E: Endpoint>(&mut self);
}

/// Shows every endpoint there is.
pub fn visit(visitor: &mut impl Visit) {
    daemon::visit(visitor);
    session::visit(visitor);
    keys::visit(visitor);
    credentials::visit(visitor);
    packages::visit(visitor);
}

/// Whether `T` is what stands where there is no body or answer.
pub fn is_nothing<T: 'static>() -> bool {
    TypeId::of::<T>() == TypeId::of::<()>()
}

/// Path and query of a request, as HTTP writes them; `catalog` included where
/// one is chosen.
pub fn target<E: Endpoint>(request: &E, catalog: Option<&str>) -> String {
    let mut target = path::fill(E::PATH, request.path());
    strict_query::append(&mut target, request.query(), catalog);
    target
}

/// Blanks before a secret body, more than the blocks in which HTTP parsers look
/// for the end of the head: the last block reaches into the body, and what is
/// in it can stay on a stack. JSON may begin with blanks (RFC 8259, section 2).
const BLANKS: usize = 64;

/// The body of a request, as HTTP sends it.
pub fn body<E: Endpoint>(request: &E) -> Option<Secret> {
    if is_nothing::<E::Body>() {
        return None;
    }
    // Every wire type serialises without fail.
    let body = Secret::from(serde_json::to_string(request.body()).ok()?);
    if !E::SECRET {
        return Some(body);
    }
    let mut text = String::with_capacity(BLANKS + body.expose().len());
    text.extend(std::iter::repeat_n(' ', BLANKS));
    text.push_str(body.expose());
    Some(Secret::from(text))
}

#[cfg(test)]
mod tests;
