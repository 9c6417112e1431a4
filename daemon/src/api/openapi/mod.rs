//! The OpenAPI document: what the router serves, in words and JSON schemas.
//!
//! `operations.rs` has a line or two for every route; schemas come from the
//! wire types, parameters from what the handlers read.

mod document;
mod operation;
mod operations;
#[cfg(test)]
mod tests;

pub(super) use self::document::document;
pub(super) use self::operations::query_parameters;
