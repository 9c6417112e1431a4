//! S3, or what passes for it, lists what was not asked for.

use std::sync::{Arc, Mutex};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use quilt_tests::harness::World;

use super::world::{daemon, served};

/// What was deleted.
type Deleted = Arc<Mutex<Vec<String>>>;

const OUTSIDE: [&str; 2] = [
    "private/secret.csv",
    ".quilt/named_packages/other/pkg/latest",
];
const OWN: &str = ".quilt/named_packages/ns/name/latest";

async fn serve(State(deleted): State<Deleted>, request: Request) -> Response {
    let uri = request.uri();
    match *request.method() {
        Method::DELETE => {
            deleted.lock().unwrap().push(uri.path().to_owned());
            StatusCode::NO_CONTENT.into_response()
        }
        Method::GET if uri.query().is_some_and(|query| query.contains("list-type")) => {
            let contents = OUTSIDE.iter().chain([&OWN]).map(|key| {
                format!(
                    "<Contents><Key>{key}</Key><LastModified>2030-01-01T00:00:00Z</LastModified>\
                     <ETag>\"e\"</ETag><Size>64</Size></Contents>"
                )
            });
            let contents: String = contents.collect();
            format!("<ListBucketResult>{contents}</ListBucketResult>").into_response()
        }
        Method::GET => "a".repeat(64).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_deleted_that_is_no_part_of_the_package() {
    let deleted = Deleted::default();
    let router = axum::Router::new()
        .fallback(serve)
        .with_state(Arc::clone(&deleted));
    let (url, _serving) = served(router).await;
    let mut world = World::logged_in().await;
    world.daemon.take().unwrap().kill().await;
    world.daemon = Some(daemon(&world, &url).await);
    let delete = [
        "packages",
        "delete",
        "ns/name",
        "--registry",
        "s3://bucket",
        "--yes",
    ];
    let run = world.ctl(&delete).await;
    let deleted = deleted.lock().unwrap().clone();
    assert!(
        deleted.iter().any(|key| key.ends_with(OWN)),
        "{run:?} {deleted:?}"
    );
    assert!(
        !deleted
            .iter()
            .any(|key| OUTSIDE.iter().any(|outside| key.ends_with(outside))),
        "{deleted:?}"
    );
}
