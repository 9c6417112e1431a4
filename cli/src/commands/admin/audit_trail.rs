//! `admin audit-trail`: the guide's Athena query.

use quilt_proto::suggested_command::first_login;
use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use quilt_proto::api::ReadConfig;
use quilt_proto::{locations, python_sdk, state_files};
use serde::{Deserialize, Serialize};

use crate::aws_helper::AwsHelper;
use crate::aws_variables::REGIONS;
use crate::commands::config;
use crate::context::Context;
use crate::exit::{self, Failure};
use crate::{files, output};

/// The guide's query. Athena takes parameters neither in an interval nor as a
/// limit, so the two numbers are written into the text: they are integers, and
/// an integer cannot be anything but itself.
const QUERY: &str = include_str!("audit_trail.sql");

/// What to ask.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// How far back, in days
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// The most events
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    limit: u32,

    /// Print the query instead of running it
    #[arg(long)]
    print_sql: bool,

    /// The Athena workgroup [default: the one given last, else the stack's audit workgroup]
    #[arg(long, value_name = "NAME")]
    workgroup: Option<String>,

    /// The Athena database [default: the one given last, else the stack's audit database]
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
}

/// What was given once for a catalog and worked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    workgroup: Option<String>,
    database: Option<String>,
}

pub(super) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let sql = query(args.days, args.limit);
    if args.print_sql {
        return output::bytes(sql.as_bytes());
    }
    let configured = context.send(&ReadConfig)?;
    let text = |key: &str| config::text(&configured, key).map(str::to_owned);
    let region = REGIONS
        .iter()
        .find_map(|name| env::var(name).ok().filter(|region| !region.is_empty()))
        .or_else(|| text("region"))
        .ok_or_else(|| {
            let what = "the AWS region of the stack is not known; set AWS_REGION";
            Failure::new(exit::USAGE, what).hint(first_login())
        })?;
    let catalog = context
        .catalog()?
        .or_else(|| text(python_sdk::NAVIGATOR_URL))
        .unwrap_or_default();
    let mut places = Places::load();
    let known = places.0.get(&catalog).cloned().unwrap_or_default();
    let place = Place {
        workgroup: args.workgroup.clone().or(known.workgroup.clone()),
        database: args.database.clone().or(known.database.clone()),
    };
    AwsHelper::new(context, "athena")?
        .option("--region", region)
        .option("--sql", sql.trim_end().trim_end_matches(';'))
        .option_if("--workgroup", place.workgroup.as_ref())
        .option_if("--database", place.database.as_ref())
        .run()?;
    if place != known {
        places.0.insert(catalog, place);
        places.save();
    }
    Ok(())
}

fn query(days: u32, limit: u32) -> String {
    QUERY
        .replace("{days}", &days.to_string())
        .replace("{limit}", &limit.to_string())
}

/// What was given, by catalog.
#[derive(Debug, Default)]
struct Places(BTreeMap<String, Place>);

impl Places {
    fn path() -> Option<PathBuf> {
        Some(locations::state_dir().ok()?.join(state_files::AUDIT_TRAIL))
    }

    /// Nothing where there is no such file, or no readable one.
    fn load() -> Self {
        // One that may be somebody else's doing counts as none.
        let bytes = Self::path().and_then(|path| files::read_state(&path).ok()?);
        let places = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Self(places.unwrap_or_default())
    }

    /// Failing to remember is no reason to fail: it is said, and that is all.
    fn save(&self) {
        let Some(path) = Self::path() else { return };
        let written = serde_json::to_vec_pretty(&self.0)
            .map_err(std::io::Error::other)
            .and_then(|bytes| files::replace(&path, &bytes));
        if let Err(error) = written {
            output::note(format_args!(
                "cannot remember workgroup and database: {error}"
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_query_is_the_guides_with_its_two_numbers() {
        let sql = query(30, 100);
        assert!(sql.contains("current_date - interval '30' day"));
        assert!(sql.ends_with("LIMIT 100;\n"));
        assert!(!sql.contains('{') && !sql.contains('}'));
    }
}
