//! Buckets in other regions than the one asked first.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header::AUTHORIZATION};
use axum::response::{IntoResponse, Response};
use quilt_tests::harness::World;

use super::world::{daemon, served};

/// How S3 says that a bucket is elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Manner {
    /// In the body: `AuthorizationHeaderMalformed`.
    Body,
    /// In a header of a redirect.
    Header,
    /// Only to those who ask (HeadBucket).
    Asked,
    /// Not at all.
    Never,
}

const HOME: &str = "eu-west-3";
const TOLD: [(&str, &str); 1] = [("x-amz-bucket-region", HOME)];

type Server = (Manner, Arc<AtomicU32>);

async fn serve(State((manner, calls)): State<Server>, request: Request) -> Response {
    calls.fetch_add(1, Ordering::SeqCst);
    if request.method() == Method::HEAD {
        return match manner {
            Manner::Never => StatusCode::FORBIDDEN.into_response(),
            _ => (StatusCode::FORBIDDEN, TOLD).into_response(),
        };
    }
    let signed = request.headers()[AUTHORIZATION].to_str().unwrap();
    if signed.contains(&format!("/{HOME}/s3/aws4_request")) {
        return "<ListBucketResult><CommonPrefixes><Prefix>.quilt/named_packages/ns/</Prefix>\
                </CommonPrefixes></ListBucketResult>"
            .into_response();
    }
    let moved = StatusCode::MOVED_PERMANENTLY;
    match manner {
        Manner::Body => {
            let body = format!(
                "<Error><Code>AuthorizationHeaderMalformed</Code><Region>{HOME}</Region></Error>"
            );
            (StatusCode::BAD_REQUEST, body).into_response()
        }
        Manner::Header => {
            (moved, TOLD, "<Error><Code>PermanentRedirect</Code></Error>").into_response()
        }
        Manner::Asked | Manner::Never => moved.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_is_followed_to_its_region_and_remembered() {
    for manner in [Manner::Body, Manner::Header, Manner::Asked, Manner::Never] {
        let calls = Arc::new(AtomicU32::new(0));
        let router = axum::Router::new()
            .fallback(serve)
            .with_state((manner, Arc::clone(&calls)));
        let (url, _serving) = served(router).await;
        let mut world = World::logged_in().await;
        world.daemon.take().unwrap().kill().await;
        world.daemon = Some(daemon(&world, &url).await);
        world
            .ctl(&["config", "--set", "default_registry_version=2"])
            .await
            .ok();
        let list = ["packages", "list", "s3://far-away", "--layout", "2"];
        if manner == Manner::Never {
            let line = world.ctl(&list).await.failed(6);
            assert!(
                line.contains("lies in another region than us-east-1"),
                "{line}"
            );
        } else {
            world.ctl(&list).await.ok();
            let first = calls.swap(0, Ordering::SeqCst);
            assert_eq!(
                first,
                if manner == Manner::Asked { 3 } else { 2 },
                "{manner:?}"
            );
            world.ctl(&list).await.ok();
            assert_eq!(calls.load(Ordering::SeqCst), 1, "{manner:?}: remembered");
        }
    }
}
