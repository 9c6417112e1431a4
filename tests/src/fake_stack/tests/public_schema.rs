//! What GraphQL serves here is what Quilt publishes of its own.
//!
//! `public_schema.txt` holds the facts of the published schema, one a line, for
//! every type that is served here, and of the types at the root for the fields
//! that are.

use std::collections::BTreeSet;

use async_graphql::Positioned;
use async_graphql::parser::parse_schema;
use async_graphql::parser::types::{
    FieldDefinition, InputValueDefinition, TypeKind, TypeSystemDefinition,
};

use crate::fake_stack::graphql::definition;

/// What quilt3 8.1 asks for, before it is published.
const NEXT: &[&str] = &[
    "ManagedRole.defaultBucket",
    "ManagedRole.signup",
    "ManagedRoleInput.defaultBucket",
    "ManagedRoleInput.signup",
    "UnmanagedRole.defaultBucket",
    "UnmanagedRole.signup",
    "UnmanagedRoleInput.defaultBucket",
    "UnmanagedRoleInput.signup",
    "RoleCreateResult | RoleSignupPageConflict",
    "RoleUpdateResult | RoleSignupPageConflict",
    "RoleDeleteResult | RoleOwnsDataProducts",
    "RoleOwnsDataProducts.",
    "RoleSignupPageConflict.",
    "RoleSignup.",
    "RoleSignupInput.",
];

fn public() -> BTreeSet<String> {
    let facts = include_str!("public_schema.txt").lines();
    // One scalar here for two there, of the same content.
    facts
        .map(|fact| fact.replace("JsonRecord", "JSON").replace("Json", "JSON"))
        .collect()
}

fn argument(value: &Positioned<InputValueDefinition>) -> String {
    let value = &value.node;
    let default = value.default_value.as_ref();
    let default = default.map(|default| format!(" = {}", default.node));
    let default = default.unwrap_or_default();
    format!("{}: {}{default}", value.name.node, value.ty.node)
}

fn field(of: &str, field: &Positioned<FieldDefinition>) -> String {
    let field = &field.node;
    let arguments: Vec<_> = field.arguments.iter().map(argument).collect();
    let arguments = if arguments.is_empty() {
        String::new()
    } else {
        format!("({})", arguments.join(", "))
    };
    format!("{of}.{}{arguments}: {}", field.name.node, field.ty.node)
}

/// The facts of a schema in the definition language.
fn facts(schema: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for definition in parse_schema(schema).unwrap().definitions {
        let TypeSystemDefinition::Type(definition) = definition else {
            continue;
        };
        let name = definition.node.name.node.to_string();
        match definition.node.kind {
            TypeKind::Object(object) => {
                facts.extend(object.fields.iter().map(|it| field(&name, it)));
            }
            TypeKind::InputObject(input) => {
                let fields = input.fields.iter();
                facts.extend(fields.map(|it| format!("{name}.{}", argument(it))));
            }
            TypeKind::Union(union) => {
                let members = union.members.iter();
                facts.extend(members.map(|it| format!("{name} | {}", it.node)));
            }
            TypeKind::Enum(values) => {
                let values = values.values.iter();
                facts.extend(values.map(|it| format!("{name} = {}", it.node.value.node)));
            }
            TypeKind::Scalar | TypeKind::Interface(_) => {}
        }
    }
    facts
}

#[test]
fn what_is_served_is_what_is_published() {
    let served = facts(&definition());
    let public = public();
    let is_next = |fact: &String| NEXT.iter().any(|next| fact.starts_with(next));
    let invented: Vec<_> = served
        .difference(&public)
        .filter(|it| !is_next(it))
        .collect();
    let missing: Vec<_> = public.difference(&served).collect();
    assert!(
        invented.is_empty() && missing.is_empty(),
        "invented: {invented:#?}\nmissing: {missing:#?}"
    );
    // The comparison can tell.
    let renamed = facts("type User { name: String }");
    assert_eq!(renamed.difference(&public).count(), 1);
}
