use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use quilt_proto::api::{self, Endpoint, Visit};
use sha2::{Digest, Sha256};

use super::document;
use crate::api::router::served;

type Places = BTreeSet<String>;

/// Every method of every path that has a handler.
fn handled() -> Places {
    let endpoints = served().endpoints;
    let places: Places = endpoints
        .iter()
        .map(|(m, path)| format!("{m} {path}"))
        .collect();
    assert_eq!(places.len(), endpoints.len(), "two handlers at one place");
    places
}

/// Every method of every path that is declared.
fn declared() -> Places {
    struct Declared(Places);
    impl Visit for Declared {
        fn endpoint<E: Endpoint>(&mut self) {
            self.0.insert(format!("{} {}", E::METHOD.as_str(), E::PATH));
        }
    }
    let mut declared = Declared(Places::new());
    api::visit(&mut declared);
    declared.0
}

fn described() -> Places {
    let document = document();
    let paths = document["paths"].as_object().unwrap();
    let methods = |(path, item): (&String, &serde_json::Value)| {
        let path = path.clone();
        let keys = item.as_object().unwrap().keys().cloned();
        keys.filter(|key| key != "parameters")
            .map(move |method| format!("{} {path}", method.to_uppercase()))
            .collect::<Vec<_>>()
    };
    paths.iter().flat_map(methods).collect()
}

#[test]
fn what_is_declared_is_served_and_described_and_nothing_else() {
    let declared = declared();
    assert!(declared.contains("GET /v1/token"), "{declared:?}");
    let differing =
        |other: &Places| -> Vec<String> { declared.symmetric_difference(other).cloned().collect() };
    let unserved = differing(&handled());
    assert!(
        unserved.is_empty(),
        "declared or served alone: {unserved:?}"
    );
    let undescribed = differing(&described());
    assert!(
        undescribed.is_empty(),
        "not in the document: {undescribed:?}"
    );
}

#[test]
fn every_parameter_is_a_field_that_a_handler_reads() {
    let text = document().to_string();
    for (path, item) in document()["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let parameters = operation["parameters"].as_array();
            for parameter in parameters.into_iter().flatten() {
                assert!(parameter["description"].is_string(), "{path}: {parameter}");
                assert!(parameter["schema"].is_object(), "{path}: {parameter}");
            }
        }
        for name in path.split(['{', '}']).skip(1).step_by(2) {
            let has = |parameter: &serde_json::Value| parameter["name"] == name;
            let parameters = item["parameters"].as_array().unwrap();
            assert!(parameters.iter().any(has), "{path} does not tell of {name}");
        }
    }
    assert!(!text.contains("[`"), "a link that leads nowhere");
}

#[test]
fn bodies_of_requests_and_answers_have_names_of_their_own() {
    let document = document();
    let schemas = document["components"]["schemas"].as_object().unwrap();
    for name in schemas.keys() {
        let is_second = name.ends_with(|c: char| c.is_ascii_digit());
        assert!(!is_second, "two types are called alike: {name}");
    }
}

/// With the fields of each object in order, whatever serde_json keeps.
fn sorted(value: serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<_, _> = fields.into_iter().collect();
            fields
                .into_iter()
                .map(|(name, value)| (name, sorted(value)))
                .collect()
        }
        Value::Array(items) => items.into_iter().map(sorted).collect(),
        other => other,
    }
}

/// Clients read the document, and users the changelog.
#[test]
fn a_change_of_what_crosses_the_socket_is_described_and_in_the_changelog() {
    let text = serde_json::to_string_pretty(&sorted(document())).unwrap() + "\n";
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let kept = root.join("docs/openapi.json");
    if std::env::var_os("QUILT_BLESS").is_some() {
        fs::write(&kept, &text).unwrap();
    }
    assert!(
        fs::read_to_string(&kept).unwrap_or_default() == text,
        "docs/openapi.json is of another API; run: \
         QUILT_BLESS=1 cargo test -p quiltd --lib openapi, and look at what changed"
    );
    let digest = Sha256::digest(text.as_bytes());
    let digest = u32::from_be_bytes(digest[..4].try_into().unwrap());
    let changelog = fs::read_to_string(root.join("CHANGELOG.md")).unwrap();
    assert!(
        changelog.contains(&format!("(API {digest:08x})")),
        "CHANGELOG.md does not say what changed for clients: end the line that does with \
         (API {digest:08x})"
    );
}
