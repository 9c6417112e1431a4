//! `search`: what the catalog's search finds.

use std::io::Read;
use std::path::PathBuf;
use std::{fs, io};

use quilt_proto::api::RunSearch;
use quilt_proto::quoted;
use quilt_proto::wire::{Search, SearchQuery};
use serde_json::Value;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

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
    #[arg(long, value_name = "N", default_value_t = 10)]
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
    context.print(&RunSearch(search), |hits| {
        let rows: Vec<[String; 3]> = hits.iter().map(row).collect();
        output::table(["SCORE", "INDEX", "FOUND"], &rows)
    })
}

/// A DSL query, checked before anything is asked.
fn dsl(file: &PathBuf) -> Result<serde_json::Map<String, Value>, Failure> {
    let unread = |error: io::Error| {
        let what = format!("cannot read {}: {error}", quoted::path(file));
        Failure::new(exit::INPUT, what).hint("quiltctl search --help")
    };
    let mut text = Vec::new();
    if file.as_os_str() == "-" {
        io::stdin()
            .lock()
            .take(MAX_QUERY)
            .read_to_end(&mut text)
            .map_err(unread)?;
    } else {
        let file = fs::File::open(file).map_err(unread)?;
        file.take(MAX_QUERY)
            .read_to_end(&mut text)
            .map_err(unread)?;
    }
    serde_json::from_slice(&text).map_err(|_| {
        Failure::new(exit::INPUT, "the query is not a JSON object").hint("quiltctl search --help")
    })
}

/// Objects are found by key, packages by handle; anything has an id.
fn row(hit: &Value) -> [String; 3] {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let source = &hit["_source"];
    let found = ["key", "handle", "ptr_name", "name"]
        .iter()
        .find_map(|field| text(&source[*field]))
        .or_else(|| text(&hit["_id"]));
    let score = hit["_score"].as_f64().map(|score| format!("{score:.2}"));
    [
        output::or_dash(score),
        output::or_dash(text(&hit["_index"])),
        output::or_dash(found),
    ]
}
