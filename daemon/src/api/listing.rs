//! Listings as they are found: a JSON array, or a JSON value a line for
//! clients that ask for that.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse, Response};
use futures_util::{FutureExt, Stream, StreamExt, TryStreamExt, stream};
use http::HeaderMap;
use http::header::{ACCEPT, CONTENT_TYPE};
use quilt_proto::wire::{NDJSON, PackageLine};

use super::error::ApiError;
use crate::package::{Names, PackageError, StoreError};

/// Waits for the first names, so that what fails at once is an error answer.
pub(super) async fn answer(
    mut names: Names,
    headers: &HeaderMap,
) -> Result<Response, PackageError> {
    let first = names.try_next().await?;
    // The first names are sent before the next ones are asked for.
    let rest = stream::once(tokio::task::yield_now().map(|()| names)).flatten();
    let names = stream::iter(first.map(Ok)).chain(rest);
    let lines = headers.get_all(ACCEPT).iter().any(|accepted| {
        accepted
            .to_str()
            .is_ok_and(|accepted| accepted.contains(NDJSON))
    });
    let (kind, body) = if lines {
        (NDJSON, Body::from_stream(ndjson(names)))
    } else {
        ("application/json", Body::from_stream(array(names)))
    };
    Ok(([(CONTENT_TYPE, kind)], body).into_response())
}

type Chunk = Result<Bytes, StoreError>;

/// What fails in the middle breaks the answer off: a client cannot take it
/// for the whole.
fn array(names: impl Stream<Item = Result<Vec<String>, StoreError>>) -> impl Stream<Item = Chunk> {
    let mut separator = "";
    let items = names.map_ok(move |names| {
        let mut text = String::new();
        for name in names {
            text.push_str(separator);
            text.push_str(&json(&name));
            separator = ",";
        }
        Bytes::from(text)
    });
    let bracket = |bracket| stream::iter([Ok(Bytes::from_static(bracket))]);
    bracket(b"[").chain(items).chain(bracket(b"]"))
}

/// What fails in the middle is the last line.
fn ndjson(names: impl Stream<Item = Result<Vec<String>, StoreError>>) -> impl Stream<Item = Chunk> {
    names.map(|names| {
        let lines = match names {
            Ok(names) => names.iter().map(|name| json(name) + "\n").collect(),
            Err(error) => {
                let problem = ApiError::Package(error.into()).problem();
                json(&PackageLine::Problem(Box::new(problem))) + "\n"
            }
        };
        Ok(Bytes::from(lines))
    })
}

/// Names and problems serialise without fail.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn text(chunks: impl Stream<Item = Chunk>) -> Result<String, StoreError> {
        let bytes: Vec<Bytes> = chunks.try_collect().await?;
        Ok(String::from_utf8(bytes.concat()).unwrap())
    }

    fn batches(batches: &[&[&str]]) -> Vec<Result<Vec<String>, StoreError>> {
        let owned = |batch: &&[&str]| Ok(batch.iter().map(|name| (*name).to_owned()).collect());
        batches.iter().map(owned).collect()
    }

    fn failed() -> Result<Vec<String>, StoreError> {
        Err(StoreError::NoSuchBucket("lake".to_owned()))
    }

    #[tokio::test]
    async fn an_array_is_valid_however_it_comes() {
        for (parts, whole) in [
            (batches(&[]), "[]"),
            (batches(&[&[]]), "[]"),
            (batches(&[&["a/b"]]), "[\"a/b\"]"),
            (
                batches(&[&["a/b", "a/c"], &[], &["d/e"]]),
                "[\"a/b\",\"a/c\",\"d/e\"]",
            ),
        ] {
            assert_eq!(text(array(stream::iter(parts))).await.unwrap(), whole);
        }
    }

    #[tokio::test]
    async fn what_fails_in_the_middle_is_never_taken_for_the_whole() {
        let mut parts = batches(&[&["a/b"]]);
        parts.push(failed());
        assert!(text(array(stream::iter(parts.clone()))).await.is_err());
        let lines = text(ndjson(stream::iter(parts))).await.unwrap();
        let (first, last) = lines.trim_end().split_once('\n').unwrap();
        assert_eq!(first, "\"a/b\"");
        assert!(matches!(
            serde_json::from_str(last).unwrap(),
            PackageLine::Problem(_)
        ));
    }
}
