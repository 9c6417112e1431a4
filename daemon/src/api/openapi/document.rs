//! Puts the document together.

use quilt_proto::Problem;
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::operation::{Operation, operations};
use crate::VERSION;

/// The OpenAPI 3.1 document of the API.
pub(in crate::api) fn document() -> Value {
    let mut schemas = Schemas::new();
    let mut paths = Map::new();
    for operation in operations() {
        let described = describe(&operation, &mut schemas);
        let item = paths
            .entry(operation.path)
            .or_insert_with(|| path_item(&operation));
        item[operation.method.as_str().to_lowercase()] = described;
    }
    let problem = schemas.answers.subschema_for::<Problem>();
    let mut document = json!({
        "openapi": "3.1.1",
        "info": {
            "title": "quiltd",
            "version": VERSION,
            "summary": "The local daemon that owns Quilt sessions and vends AWS credentials.",
            "description": "HTTP/1.1 on a Unix socket that only its owner can open; `Host` must be \
                `localhost`, and whatever only a browser sends is refused.",
            "license": { "name": "Apache-2.0 OR MIT", "identifier": "Apache-2.0 OR MIT" },
        },
        "servers": [{ "url": "http://localhost", "description": "Over the daemon's Unix socket." }],
        "paths": paths,
        "components": {
            "parameters": {
                "catalog": {
                    "name": "catalog",
                    "in": "query",
                    "description": "The URL of the catalog the request is about; the configured \
                        one when absent. Without effect where no catalog is concerned.",
                    "schema": { "type": "string", "format": "uri" },
                },
            },
            "responses": {
                "Problem": {
                    "description": "What went wrong (RFC 9457), with a stable code and, where \
                        there is one, the command that mends it.",
                    "content": { Problem::MEDIA_TYPE: { "schema": problem } },
                },
            },
            "schemas": schemas.into_components(),
        },
    });
    unlink(&mut document);
    document
}

/// Makes schemas as they are written by whoever sends a body: what a request
/// may leave out, an answer has.
struct Schemas {
    requests: SchemaGenerator,
    answers: SchemaGenerator,
}

impl Schemas {
    fn new() -> Self {
        let settings = || {
            SchemaSettings::draft2020_12()
                .with(|settings| settings.definitions_path = "/components/schemas".into())
        };
        Self {
            requests: settings().for_deserialize().into_generator(),
            answers: settings().for_serialize().into_generator(),
        }
    }

    /// Every schema by its name; no body is sent both ways.
    fn into_components(mut self) -> Map<String, Value> {
        let mut components = self.requests.take_definitions(true);
        components.extend(self.answers.take_definitions(true));
        components
    }
}

/// What holds for every method of a path.
fn path_item(operation: &Operation) -> Value {
    let mut parameters = vec![json!({ "$ref": "#/components/parameters/catalog" })];
    for (name, description) in operation.path_parameters {
        parameters.push(json!({
            "name": name,
            "in": "path",
            "required": true,
            "description": description,
            "schema": { "type": "string" },
        }));
    }
    json!({ "parameters": parameters })
}

fn describe(operation: &Operation, schemas: &mut Schemas) -> Value {
    let content: Map<String, Value> = operation
        .answers
        .iter()
        .map(|(media_type, schema)| {
            let schema = schema(&mut schemas.answers);
            ((*media_type).to_owned(), json!({ "schema": schema }))
        })
        .collect();
    let mut answer = json!({ "description": "It went well." });
    if !content.is_empty() {
        answer["content"] = content.into();
    }
    let mut described = json!({
        "operationId": id(operation),
        "summary": operation.summary,
        "responses": {
            operation.status.as_str(): answer,
            "default": { "$ref": "#/components/responses/Problem" },
        },
    });
    if let Some(description) = operation.description {
        described["description"] = description.into();
    }
    let (schema, names) = operation.query;
    if !names.is_empty() {
        let schema = schema(&mut schemas.requests);
        described["parameters"] = names.iter().map(|name| parameter(name, &schema)).collect();
    }
    if let Some(schema) = operation.body {
        let schema = schema(&mut schemas.requests);
        described["requestBody"] = json!({
            "required": true,
            "content": { "application/json": { "schema": schema } },
        });
    }
    described
}

/// A query parameter, as the field of its type.
fn parameter(name: &str, of: &Schema) -> Value {
    let properties = of.get("properties").and_then(|all| all.get(name));
    let mut schema = properties.cloned().unwrap_or_default();
    let description = schema.as_object_mut().and_then(|schema| {
        // A parameter is left out and never null.
        if let Some(Value::Array(types)) = schema.get("type") {
            schema.insert("type".to_owned(), types.first().cloned()?);
        }
        schema.remove("description")
    });
    let mut parameter = json!({ "name": name, "in": "query", "schema": schema });
    if let Some(description) = description {
        parameter["description"] = description;
    }
    parameter
}

/// A name for generated clients: `get_v1_status`.
fn id(operation: &Operation) -> String {
    let words = operation
        .path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty());
    let method = operation.method.as_str().to_lowercase();
    words.fold(method, |id, word| id + "_" + word)
}

/// Descriptions come from the code's own, whose links lead nowhere here and
/// whose lines are as short as code is.
fn unlink(value: &mut Value) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "description" => {
                        *text = text
                            .replace("[`", "`")
                            .replace("`]", "`")
                            .replace('\n', " ");
                    }
                    value => unlink(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(unlink),
        _ => {}
    }
}
