//! JSON schemas of the types that serde writes by hand; derives make the rest.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::wire::CredentialProcessVersion;
use crate::{
    CatalogUrl, ErrorCode, PackageName, ProfileName, RegistryHost, RegistryUrl, Secret, Timestamp,
};

macro_rules! schema {
    ($($name:ident: $schema:tt)*) => {
        $(impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                json_schema!($schema)
            }
        })*
    };
}

schema! {
    CatalogUrl: {
        "description": "A catalog's URL, without a trailing slash: https, or http on loopback.",
        "type": "string",
        "format": "uri",
    }
    RegistryUrl: {
        "description": "The base URL of a stack's HTTP services, without a trailing slash.",
        "type": "string",
        "format": "uri",
    }
    RegistryHost: {
        "description": "Host of a registry, and its port where it is not that of https.",
        "type": "string",
        "examples": ["registry.quilt.example", "127.0.0.1:8080"],
    }
    Timestamp: {
        "description": "An RFC 3339 time in UTC with `Z` and without a fraction.",
        "type": "string",
        "format": "date-time",
        "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$",
        "examples": ["2026-01-31T08:00:00Z"],
    }
    ProfileName: {
        "description": "A profile of `quiltd.toml`; `default` is the stack's own role.",
        "type": "string",
        "pattern": "^[A-Za-z0-9._-]{1,64}$",
    }
    PackageName: {
        "description": "A package, `namespace/name`: letters, digits, `_` and `-` of any script.",
        "type": "string",
        "pattern": "^[^/\\s]+/[^/\\s]+$",
    }
    Secret: {
        "description": "A secret: keep it out of logs and command lines.",
        "type": "string",
        "format": "password",
    }
    CredentialProcessVersion: {
        "description": "The only version of the document there is.",
        "const": 1,
    }
    ErrorCode: {
        "description": "What went wrong, stable across versions. Newer versions may add codes.",
        "type": "string",
        "enum": (codes()),
    }
}

fn codes() -> Vec<String> {
    ErrorCode::all().map(|code| code.to_string()).collect()
}
