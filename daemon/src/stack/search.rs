//! `GET <registry>/api/search`: Elasticsearch behind the registry.

use http::Method;
use quilt_proto::wire::{Search, SearchQuery};
use serde::Deserialize;
use serde_json::Value;
use url::form_urlencoded;

use super::{RegistryClient, StackError, paths};

/// Hits when no limit is given, as in the Python SDK.
const DEFAULT_LIMIT: u32 = 10;

/// The longest query sent, in bytes of a URL: what is in front of a stack
/// refuses longer request lines (16 KiB at an AWS load balancer).
const LONGEST: usize = 15 * 1024;

/// Searches everything the user may see; answers with the hits as the
/// service gives them.
pub async fn search(
    registry: RegistryClient<'_>,
    search: &Search,
) -> Result<Vec<Value>, StackError> {
    #[derive(Deserialize)]
    struct Reply {
        hits: Hits,
    }
    #[derive(Deserialize)]
    struct Hits {
        hits: Vec<Value>,
    }
    let (action, parameter, text) = match &search.query {
        SearchQuery::Text(text) => ("search", "query", text.clone()),
        SearchQuery::Dsl(body) => ("freeform", "body", Value::Object(body.clone()).to_string()),
    };
    let length: usize = form_urlencoded::byte_serialize(text.as_bytes())
        .map(str::len)
        .sum();
    if length > LONGEST {
        return Err(StackError::TooLong {
            length,
            longest: LONGEST,
        });
    }
    let limit = search.limit.unwrap_or(DEFAULT_LIMIT);
    let size = limit.to_string();
    let request = registry.request(Method::GET, paths::SEARCH)?.query(&[
        ("index", "_all"),
        ("action", action),
        (parameter, &text),
        ("size", &size),
    ]);
    let mut answer = registry.send(request).await?;
    let mut hits = answer.large_json::<Reply>().await?.hits.hits;
    // A query of its own may say how many.
    if matches!(search.query, SearchQuery::Text(_)) {
        hits.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    }
    Ok(hits)
}
