//! One method of one path, as it is declared.

use http::StatusCode;
use quilt_proto::api::{self, Endpoint, Method, PathParameters, Visit};
use quilt_proto::wire::{NDJSON, PackageLine};
use schemars::{JsonSchema, Schema, SchemaGenerator};

use crate::api::endpoint::status;

/// Makes a type's schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What the document says of one method of one path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// The path as the router writes it.
    pub(super) path: &'static str,
    /// What is variable in it, and what that is.
    pub(super) path_parameters: &'static [(&'static str, &'static str)],
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// More, where a line is too little.
    pub(super) description: Option<&'static str>,
    /// Query parameters besides `catalog`, and the type they are fields of.
    pub(super) query: (SchemaOf, &'static [&'static str]),
    /// The request's body.
    pub(super) body: Option<SchemaOf>,
    /// The status of an answer that is no problem.
    pub(super) status: StatusCode,
    /// The bodies of such an answer, by media type.
    pub(super) answers: Vec<(&'static str, SchemaOf)>,
}

/// Every operation.
pub(super) fn operations() -> Vec<Operation> {
    let mut operations = Operations(Vec::new());
    api::visit(&mut operations);
    operations.0
}

struct Operations(Vec<Operation>);

impl Visit for Operations {
    fn endpoint<E: Endpoint>(&mut self) {
        let body = (!api::is_nothing::<E::Body>()).then_some(subschema::<E::Body> as SchemaOf);
        let mut answers: Vec<(_, SchemaOf)> = Vec::new();
        if !api::is_nothing::<E::Answer>() {
            answers.push((E::MEDIA_TYPE, subschema::<E::Answer>));
        }
        if E::LINES {
            answers.push((NDJSON, subschema::<PackageLine>));
        }
        self.0.push(Operation {
            method: E::METHOD,
            path: E::PATH,
            path_parameters: E::Path::NAMES,
            summary: E::SUMMARY,
            description: E::DESCRIPTION,
            query: (E::Query::json_schema, api::parameters::<E::Query>()),
            body,
            status: status::<E>(),
            answers,
        });
    }
}

fn subschema<T: JsonSchema>(generator: &mut SchemaGenerator) -> Schema {
    generator.subschema_for::<T>()
}
