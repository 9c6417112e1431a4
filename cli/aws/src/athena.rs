//! `admin audit-trail`: one Athena query with the session's AWS credentials.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use aws_config::Region;
use aws_sdk_athena::Client;
use aws_sdk_athena::types::{
    QueryExecutionContext, QueryExecutionState as State, ResultSet, ResultSetMetadata,
};
use quilt_client::QuiltCredentials;
use quilt_proto::{Quoted, Reason, exit_code, quoted};

use crate::failure::{Failure, note, one_line, print, shown_json};
use crate::{Daemon, network, place};

/// How long a query may take before it is given up.
const TIMEOUT: Duration = Duration::from_mins(10);

/// How often to look, at first and at most.
const LOOK: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(3));

/// The rows and their column names.
struct Table {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
}

/// What to run, and where.
#[derive(Debug, clap::Args)]
pub(crate) struct Query {
    #[arg(long)]
    sql: String,
    #[arg(long)]
    region: String,
    #[arg(long)]
    workgroup: Option<String>,
    #[arg(long)]
    database: Option<String>,
}

pub(crate) async fn run(daemon: &Daemon, query: &Query) -> Result<(), Failure> {
    let client = daemon.client()?;
    // A login that is needed is said in the daemon's words, not the SDK's.
    let profile = quilt_proto::ProfileName::default_profile();
    client.credentials(&profile).await?;
    let config = network::loader()?
        .region(Region::new(query.region.clone()))
        .credentials_provider(QuiltCredentials::new(client))
        .load()
        .await;
    let athena = Client::new(&config);
    let workgroup = match &query.workgroup {
        Some(name) => name.clone(),
        None => place::workgroup(&athena).await?,
    };
    let database = match &query.database {
        Some(name) => name.clone(),
        None => place::database(&athena).await?,
    };
    note(format_args!(
        "Asking the database {} in the workgroup {}…",
        quoted::name(&database),
        quoted::name(&workgroup)
    ));
    let started = athena
        .start_query_execution()
        .query_string(&query.sql)
        .work_group(workgroup)
        .query_execution_context(QueryExecutionContext::builder().database(database).build())
        .send()
        .await
        .map_err(|error| Failure::aws("cannot start the query", &error))?;
    let id = started
        .query_execution_id
        .ok_or_else(|| Failure::unexpected("Athena gave the query no id"))?;
    wait(&athena, &id).await?;
    let table = results(&athena, &id).await?;
    let text = if daemon.json {
        shown_json(table.json()?)
    } else {
        table.text()
    };
    print(&text)?;
    note(format_args!("{} events", table.rows.len()));
    Ok(())
}

/// Waits for the end of a query and says how it goes.
async fn wait(athena: &Client, id: &str) -> Result<(), Failure> {
    let started = Instant::now();
    let (mut pause, longest) = LOOK;
    let mut said = None;
    loop {
        let answer = athena
            .get_query_execution()
            .query_execution_id(id)
            .send()
            .await;
        let answer = answer.map_err(|error| Failure::aws("cannot follow the query", &error))?;
        let status = answer
            .query_execution()
            .and_then(|query| query.status().cloned());
        let state = status.as_ref().and_then(|status| status.state().cloned());
        match state {
            Some(State::Succeeded) => return Ok(()),
            Some(State::Failed | State::Cancelled) => {
                let reason = status.and_then(|status| status.state_change_reason);
                let reason = reason.as_deref().map(Quoted::new);
                let reason = Reason::theirs_or(reason, "it gave no reason");
                let line = format!("Athena did not finish the query: {reason}");
                let hint = "quiltctl admin audit-trail --print-sql";
                return Err(Failure::new(exit_code::REFUSED, line, hint));
            }
            _ => {}
        }
        let seconds = started.elapsed().as_secs();
        if started.elapsed() > TIMEOUT {
            let id = quoted::name(id);
            let line = format!("the query {id} is not done after {seconds} s");
            let hint = "quiltctl admin audit-trail --days 1";
            return Err(Failure::new(exit_code::UPSTREAM, line, hint));
        }
        let state = state.map(|state| state.as_str().to_lowercase());
        if said.replace(seconds) != Some(seconds) {
            let state = state.unwrap_or_default();
            note(format_args!("{state} for {seconds} s…"));
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(longest);
    }
}

async fn results(athena: &Client, id: &str) -> Result<Table, Failure> {
    let mut table = Table {
        columns: Vec::new(),
        rows: Vec::new(),
    };
    let pages = athena.get_query_results().query_execution_id(id);
    let mut pages = pages.into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Failure::aws("cannot read the events", &error))?;
        if let Some(set) = page.result_set() {
            table.add(set);
        }
    }
    Ok(table)
}

/// What whoever made an event said: nothing in it can be taken for a column, a line of
/// ours, or an empty cell.
fn shown_cell(text: &str) -> String {
    let shown = quoted::name(text).to_string();
    if shown == EMPTY {
        format!("“{EMPTY}”")
    } else {
        shown
    }
}

/// Stands where nothing is.
const EMPTY: &str = "-";

impl Table {
    fn add(&mut self, set: &ResultSet) {
        let columns = set
            .result_set_metadata()
            .map(ResultSetMetadata::column_info);
        let first = self.columns.is_empty();
        if first {
            let names = columns.unwrap_or_default().iter();
            self.columns = names.map(|column| column.name().to_owned()).collect();
        }
        let rows = set.rows().iter().map(|row| {
            let cells = row.data().iter();
            cells
                .map(|cell| cell.var_char_value().map(str::to_owned))
                .collect::<Vec<_>>()
        });
        // Athena repeats the column names as the first row of the first page.
        let is_heading = |row: &Vec<Option<String>>| {
            row.iter()
                .map(|cell| cell.as_deref().unwrap_or_default())
                .eq(&self.columns)
        };
        let rows: Vec<_> = rows
            .enumerate()
            .filter(|(n, row)| !(first && *n == 0 && is_heading(row)))
            .map(|(_, row)| row)
            .collect();
        self.rows.extend(rows);
    }

    /// A list of objects, as other commands print lists.
    fn json(&self) -> Result<String, Failure> {
        let rows: Vec<BTreeMap<&str, Option<&str>>> = self
            .rows
            .iter()
            .map(|row| {
                let cells = row.iter().map(Option::as_deref);
                self.columns.iter().map(String::as_str).zip(cells).collect()
            })
            .collect();
        serde_json::to_string(&rows).map_err(Failure::unexpected)
    }

    fn text(&self) -> String {
        let heading = self
            .columns
            .iter()
            .map(|name| one_line(&name.to_uppercase()))
            .collect();
        let shown = |row: &Vec<Option<String>>| -> Vec<String> {
            row.iter()
                .map(|cell| cell.as_deref().map_or_else(|| EMPTY.to_owned(), shown_cell))
                .collect()
        };
        let lines: Vec<Vec<String>> = std::iter::once(heading)
            .chain(self.rows.iter().map(shown))
            .collect();
        let width = |column: usize| {
            let cells = lines.iter().filter_map(|line| line.get(column));
            cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        let line = |cells: &Vec<String>| {
            let cells = cells.iter().zip(&widths);
            let padded: Vec<String> = cells
                .map(|(cell, width)| format!("{cell:width$}"))
                .collect();
            padded.join("  ").trim_end().to_owned()
        };
        lines.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}
