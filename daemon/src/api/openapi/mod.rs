//! The OpenAPI document: what `quilt_proto::api` declares, in words and JSON
//! schemas.

mod document;
mod operation;
#[cfg(test)]
mod tests;

pub(super) use self::document::document;
