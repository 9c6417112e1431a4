//! One method of one path.

use std::any::TypeId;

use quilt_proto::call::{Call, Method};
use schemars::{JsonSchema, Schema, SchemaGenerator};

/// Makes a type's schema.
pub(super) type SchemaOf = fn(&mut SchemaGenerator) -> Schema;

/// What the document says of one method of one path.
pub(super) struct Operation {
    pub(super) method: Method,
    /// The path as the router writes it.
    pub(super) path: String,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// More, where a line is too little.
    pub(super) description: Option<&'static str>,
    /// Query parameters besides `catalog`, and the type the handler reads.
    pub(super) query: Option<(SchemaOf, &'static [&'static str])>,
    /// The request's body.
    pub(super) body: Option<SchemaOf>,
    /// The status of an answer that is no problem.
    pub(super) status: u16,
    /// The bodies of such an answer, by media type.
    pub(super) answers: Vec<(&'static str, SchemaOf)>,
}

/// The operation of a call that clients make: its method and answer.
pub(super) fn of<C>(path: impl Into<String>, summary: &'static str) -> Operation
where
    C: Call,
    C::Answer: JsonSchema + 'static,
{
    let operation = Operation::new(C::METHOD, path, summary);
    if TypeId::of::<C::Answer>() == TypeId::of::<()>() {
        return Operation {
            status: 204,
            ..operation
        };
    }
    operation.answers_also(
        "application/json",
        SchemaGenerator::subschema_for::<C::Answer>,
    )
}

/// The operation of a path that no call is for, read as `media_type`.
pub(super) fn reading<A: JsonSchema>(
    media_type: &'static str,
    path: impl Into<String>,
    summary: &'static str,
) -> Operation {
    Operation::new(Method::Get, path, summary)
        .answers_also(media_type, SchemaGenerator::subschema_for::<A>)
}

impl Operation {
    fn new(method: Method, path: impl Into<String>, summary: &'static str) -> Self {
        Self {
            method,
            path: path.into(),
            summary,
            description: None,
            query: None,
            body: None,
            status: 200,
            answers: Vec::new(),
        }
    }

    /// Says more.
    pub(super) fn more(mut self, description: &'static str) -> Self {
        self.description = Some(description);
        self
    }

    /// Takes these query parameters of the type the handler reads.
    pub(super) fn query<Q: JsonSchema>(mut self, names: &'static [&'static str]) -> Self {
        self.query = Some((Q::json_schema, names));
        self
    }

    /// Takes a JSON body.
    pub(super) fn takes<B: JsonSchema>(mut self) -> Self {
        self.body = Some(SchemaGenerator::subschema_for::<B>);
        self
    }

    /// Answers with 201.
    pub(super) fn creates(mut self) -> Self {
        self.status = 201;
        self
    }

    /// Answers in another media type, too.
    pub(super) fn answers_also(mut self, media_type: &'static str, schema: SchemaOf) -> Self {
        self.answers.push((media_type, schema));
        self
    }
}
