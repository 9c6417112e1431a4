//! `/api/search`: the objects the caller may read, found as Elasticsearch would.

mod documents;
mod dsl;

use std::sync::Arc;

use axum::Json;
use axum::extract::{Query, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::fake_stack::state::Core;

/// Hits returned when no size is given.
const DEFAULT_SIZE: usize = 10;

#[derive(Deserialize)]
pub(crate) struct Parameters {
    index: Option<String>,
    action: String,
    query: Option<String>,
    body: Option<String>,
    size: Option<usize>,
    from: Option<usize>,
}

/// A query Elasticsearch would not parse.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct BadQuery {
    kind: &'static str,
    reason: String,
}

impl BadQuery {
    fn parsing(reason: impl Into<String>) -> Self {
        Self {
            kind: "parsing_exception",
            reason: reason.into(),
        }
    }
}

impl IntoResponse for BadQuery {
    fn into_response(self) -> Response {
        let cause = json!({"type": self.kind, "reason": self.reason});
        let body = json!({
            "error": {"root_cause": [cause], "type": self.kind, "reason": self.reason},
            "status": 400,
            "message": self.reason,
        });
        (StatusCode::BAD_REQUEST, Json(body)).into_response()
    }
}

pub(crate) async fn search(
    State(core): State<Arc<Core>>,
    headers: HeaderMap,
    Query(parameters): Query<Parameters>,
) -> Response {
    let user = match core.authenticate(&headers) {
        Ok(user) => user,
        Err(refused) => return refused.into_response(),
    };
    core.counts
        .operation(&format!("search:{}", parameters.action));
    let request = match request(&parameters) {
        Ok(request) => request,
        Err(bad) => return bad.into_response(),
    };
    let access = core.users.lock().access(&user.role);
    let index = parameters.index.as_deref().unwrap_or("_all");
    let documents = documents::visible(&core, &access, index);
    let mut hits = Vec::new();
    for document in documents {
        if let Some(score) = request.query.score(&document) {
            hits.push((score, document));
        }
    }
    hits.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let total = hits.len();
    let best = hits.first().map(|(score, _)| *score);
    let shown: Vec<Value> = hits
        .into_iter()
        .skip(request.from)
        .take(request.size)
        .map(|(score, document)| document.hit(score, request.source))
        .collect();
    Json(json!({
        "took": 1,
        "timed_out": false,
        "_shards": {"total": 1, "successful": 1, "skipped": 0, "failed": 0},
        "hits": {"total": {"value": total, "relation": "eq"}, "max_score": best, "hits": shown},
    }))
    .into_response()
}

struct Request {
    query: dsl::Query,
    size: usize,
    from: usize,
    source: bool,
}

fn request(parameters: &Parameters) -> Result<Request, BadQuery> {
    let size = parameters.size.unwrap_or(DEFAULT_SIZE);
    let from = parameters.from.unwrap_or(0);
    match parameters.action.as_str() {
        "search" => {
            let text = parameters.query.as_deref().unwrap_or_default();
            Ok(Request {
                query: dsl::Query::text(text),
                size,
                from,
                source: true,
            })
        }
        "freeform" => {
            let body = parameters.body.as_deref().unwrap_or_default();
            let body: Value = serde_json::from_str(body).map_err(|error| BadQuery {
                kind: "parse_exception",
                reason: error.to_string(),
            })?;
            let number = |name: &str| body.get(name).and_then(Value::as_u64);
            let number = |name: &str| number(name).and_then(|n| usize::try_from(n).ok());
            Ok(Request {
                query: dsl::Query::parse_body(&body)?,
                size: number("size").unwrap_or(size),
                from: number("from").unwrap_or(from),
                source: body.get("_source") != Some(&Value::Bool(false)),
            })
        }
        other => Err(BadQuery::parsing(format!("unknown action [{other}]"))),
    }
}
