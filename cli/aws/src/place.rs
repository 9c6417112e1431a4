//! Where a stack's audit trail is. Quilt's stacks name the workgroup
//! `<StackName>-audit` and the database `audittraildatabase-<random>`; neither
//! is in the catalog's configuration, so they are looked for.

use aws_sdk_athena::Client;

use quilt_proto::{Command, exit_code, quoted};

use crate::failure::Failure;

/// The catalog of AWS Glue, where stacks keep their databases.
const DATA_CATALOG: &str = "AwsDataCatalog";

/// The workgroup, where there is exactly one that could be it.
pub(crate) async fn workgroup(athena: &Client) -> Result<String, Failure> {
    let mut names = Vec::new();
    let mut pages = athena.list_work_groups().into_paginator().send();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| Failure::aws("cannot list Athena's workgroups", &error))?;
        let groups = page.work_groups.unwrap_or_default().into_iter();
        names.extend(groups.filter_map(|group| group.name));
    }
    names.retain(|name| name.to_lowercase().ends_with("-audit"));
    one(names, "workgroup")
}

/// The database, where there is exactly one that could be it.
pub(crate) async fn database(athena: &Client) -> Result<String, Failure> {
    let mut names = Vec::new();
    let mut databases = athena
        .list_databases()
        .catalog_name(DATA_CATALOG)
        .into_paginator()
        .items()
        .send();
    while let Some(database) = databases.next().await {
        let database =
            database.map_err(|error| Failure::aws("cannot list Athena's databases", &error))?;
        names.push(database.name);
    }
    names.retain(|name| {
        let name = name.to_lowercase().replace(['-', '_'], "");
        name.starts_with("audittraildatabase")
    });
    one(names, "database")
}

fn one(mut names: Vec<String>, what: &str) -> Result<String, Failure> {
    match (names.pop(), names.is_empty()) {
        (Some(name), true) => Ok(name),
        (None, _) => {
            let line = format!("no {what} of an audit trail was found; name it once");
            Err(Failure::new(exit_code::NOT_FOUND, line, naming(what)))
        }
        (Some(name), false) => {
            names.push(name);
            let shown = names.iter().map(|name| quoted::name(name).to_string());
            let shown = shown.collect::<Vec<_>>().join(", ");
            let line = format!("several {what}s could be the audit trail's: {shown}");
            Err(Failure::new(exit_code::INPUT, line, naming(what)))
        }
    }
}

/// The command that names one.
fn naming(what: &str) -> Command {
    match what {
        "database" => Command::of("quiltctl admin audit-trail --database NAME"),
        _ => Command::of("quiltctl admin audit-trail --workgroup NAME"),
    }
}
