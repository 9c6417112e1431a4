//! `search`: what the catalog's search finds.

use std::io::{self, IsTerminal, Read};
use std::path::{Path, PathBuf};

use quilt_proto::api::RunSearch;
use quilt_proto::quoted;
use quilt_proto::wire::{Search, SearchQuery};
use serde_json::Value;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::{Column, Paint, Screen, Span, Table, name};
use crate::{files, output};

/// The longest query accepted, in bytes.
const MAX_QUERY: u64 = 1024 * 1024;

/// What to search for.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Elasticsearch's query string syntax
    #[arg(required_unless_present = "dsl", conflicts_with = "dsl")]
    query: Option<String>,

    /// A file with a body in Elasticsearch's query DSL, or - for stdin
    #[arg(long, value_name = "FILE")]
    dsl: Option<PathBuf>,

    /// The most hits to show
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let query = match (&args.query, &args.dsl) {
        (_, Some(file)) => SearchQuery::Dsl(dsl(file)?),
        (query, None) => SearchQuery::Text(query.clone().unwrap_or_default()),
    };
    let search = Search {
        query,
        limit: Some(args.limit),
    };
    context.show(&RunSearch(search), |_, hits| screen(hits))
}

/// A DSL query, checked before anything is asked.
fn dsl(file: &Path) -> Result<serde_json::Map<String, Value>, Failure> {
    let unread = |error: io::Error| {
        let what = format!("cannot read {}: {error}", quoted::path(file));
        Failure::new(exit::INPUT, what).hint("quiltctl search --help")
    };
    let text = if file.as_os_str() == "-" {
        if io::stdin().is_terminal() {
            output::note("reading the query from the terminal, until Ctrl-D");
        }
        let mut text = Vec::new();
        let read = io::stdin().lock().take(MAX_QUERY).read_to_end(&mut text);
        read.map(|_| text.into())
    } else {
        files::read_named(file, MAX_QUERY)
    };
    let text = text.map_err(unread)?;
    serde_json::from_slice(&text).map_err(|_| {
        Failure::new(exit::INPUT, "the query is not a JSON object").hint("quiltctl search --help")
    })
}

/// An address a hit, in the order of how well it matches.
fn screen(hits: &[Value]) -> Screen {
    let mut table = Table::new([
        Column::key("FOUND"),
        Column::of_importance("VERSION", 1),
        Column::of_importance("SCORE", 2).right(),
    ]);
    for hit in hits {
        table.row(row(hit));
    }
    Screen::listing(
        table,
        "Nothing matches; fewer words, or a * at the end of one, find more.",
    )
}

/// Objects are at a key of a bucket, packages have a handle; anything has an
/// id. The index of a bucket is named after it, that of its packages too.
fn row(hit: &Value) -> [Span; 3] {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let source = &hit["_source"];
    let index = text(&hit["_index"]).unwrap_or_default();
    let index = index.split("-reindex-").next().unwrap_or_default();
    let bucket = index.strip_suffix("_packages").unwrap_or(index);
    let package = ["handle", "ptr_name", "name"]
        .iter()
        .find_map(|field| text(&source[*field]));
    let found = match (text(&source["key"]), package) {
        (Some(key), _) if !bucket.is_empty() => format!("s3://{bucket}/{key}"),
        (Some(key), _) => key,
        (None, Some(package)) if !bucket.is_empty() => {
            // As the Python SDK and the catalog write a package.
            format!("quilt+s3://{bucket}#package={package}")
        }
        (None, Some(package)) => package,
        (None, None) => text(&hit["_id"]).unwrap_or_default(),
    };
    let version = text(&source["version_id"]).filter(|version| version != "null");
    let score = hit["_score"].as_f64().map(|score| format!("{score:.2}"));
    [
        Span::painted(name(&found), Paint::Strong),
        version.map_or_else(Span::default, |version| name(&version).into()),
        Span::painted(score.unwrap_or_default(), Paint::Quiet),
    ]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::look::tests::widths;

    #[test]
    fn hits_are_addresses_at_every_width() {
        let hits = [
            json!({"_index": "lake", "_score": 3.217, "_source": {"key": "a/b/reads_1.fastq.gz"}}),
            json!({"_index": "lake-reindex-v1", "_score": 2.0,
                   "_source": {"key": "names with blanks/漢字 x; run: evil", "version_id": "null"}}),
            json!({"_index": "lake_packages", "_score": 1.5, "_source": {"handle": "team/data"}}),
            json!({"_id": "bare"}),
        ];
        insta::assert_snapshot!(widths(|_| screen(&hits)));
        insta::assert_snapshot!("search_empty", widths(|_| screen(&[])));
    }
}
