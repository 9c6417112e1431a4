use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Body;
use http::{Request, header};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::document;
use crate::api::router;
use crate::api::router::routes;
use crate::app::{App, Config};
use crate::store::StoreChoice;

/// Every method of every path the router serves. It names them itself, to
/// whoever asks with a method it does not know.
async fn served() -> BTreeSet<String> {
    let dir = tempfile::tempdir().unwrap();
    let config = Config {
        settings: dir.path().join("quiltd.toml"),
        token_store: StoreChoice::Memory,
        state_dir: dir.path().to_owned(),
        python_sdk_dir: dir.path().to_owned(),
    };
    let socket = dir.path().join("quiltd.sock");
    let app = App::build(config, Vec::new(), socket, CancellationToken::new());
    let router = router(Arc::new(app.await.unwrap()));
    let mut served = BTreeSet::new();
    for path in routes().paths {
        let request = Request::builder()
            .method("NAME-YOURS")
            .uri(path.replace(['{', '}'], ""))
            .body(Body::empty())
            .unwrap();
        let answer = router.clone().oneshot(request).await.unwrap();
        let methods = answer.headers()[header::ALLOW].to_str().unwrap();
        // HEAD comes with every GET.
        for method in methods.split(',').filter(|method| *method != "HEAD") {
            served.insert(format!("{method} {path}"));
        }
    }
    served
}

fn described() -> BTreeSet<String> {
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

#[tokio::test]
async fn the_document_has_every_route_and_no_other() {
    let (served, described) = (served().await, described());
    let missing: Vec<_> = served.difference(&described).collect();
    assert!(missing.is_empty(), "add to operations.rs: {missing:?}");
    let gone: Vec<_> = described.difference(&served).collect();
    assert!(gone.is_empty(), "nothing serves these any more: {gone:?}");
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
