//! Refuses query parameters that nothing reads: a misspelt `profile` must not
//! give the default one, a misspelt `top_hash` not delete every version.

use std::sync::LazyLock;

use axum::extract::{MatchedPath, Request};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::Method;
use quilt_proto::{Quoted, quoted};
use url::form_urlencoded;

use super::error::ApiError;
use super::openapi::query_parameters;

/// What every path takes.
const CATALOG: &str = "catalog";

/// The longest part of a name that is quoted, in characters.
const QUOTED: usize = 40;

type Names = &'static [&'static str];

/// The methods and paths that read more than `catalog`, and what they read.
static KNOWN: LazyLock<Vec<(&str, String, Names)>> = LazyLock::new(|| query_parameters().collect());

/// Runs a request if all its parameters mean something.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let query = request.uri().query().unwrap_or_default();
    if query.is_empty() {
        return next.run(request).await;
    }
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map(MatchedPath::as_str).unwrap_or_default();
    let known = known(request.method(), path);
    let unknown = form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name != CATALOG && !known.contains(&name.as_ref()));
    match unknown {
        Some((name, _)) => ApiError::Input(refusal(&name, known)).into_response(),
        None => next.run(request).await,
    }
}

fn known(method: &Method, path: &str) -> Names {
    let method = match *method {
        Method::HEAD => Method::GET.as_str(),
        _ => method.as_str(),
    };
    let found = KNOWN.iter().find(|(m, p, _)| *m == method && p == path);
    found.map_or(&[], |(.., names)| names)
}

fn refusal(name: &str, known: &[&str]) -> String {
    let name = Quoted::new(&quoted::one_line(name, QUOTED, 4 * QUOTED));
    let names: Vec<&str> = [CATALOG].iter().chain(known).copied().collect();
    let names = names.join(", ");
    format!("there is no query parameter {name} here, only: {names}")
}

#[cfg(test)]
mod tests {
    use quilt_proto::call::path;

    use super::*;

    #[test]
    fn a_refusal_is_one_short_line() {
        let line = refusal(&format!("a\n{}", "b".repeat(99)), &["profile"]);
        let quoted = format!("a {}…", "b".repeat(QUOTED - 3));
        assert_eq!(
            line,
            format!("there is no query parameter “{quoted}” here, only: catalog, profile")
        );
    }

    #[test]
    fn parameters_are_known_by_method_and_path() {
        let package = path::PACKAGE;
        assert_eq!(
            known(&Method::DELETE, package),
            ["registry", "layout", "top_hash"]
        );
        assert_eq!(known(&Method::GET, path::PACKAGES), ["registry", "layout"]);
        assert_eq!(known(&Method::HEAD, path::PACKAGES), ["registry", "layout"]);
        assert!(known(&Method::GET, path::TOKEN).is_empty());
    }
}
