//! Many clients at once that find nothing cached; many profiles.

use std::fmt::Write;

use anyhow::{Context, ensure};
use quilt_client::blocking::Client;
use quilt_proto::api::{ProfileQuery, ReadCredentials};
use quilt_tests::fake_stack::Endpoint;

use crate::instructions::VEND;
use crate::load::{self, Load, Server};
use crate::memory::resident;
use crate::row::{Row, Target};
use crate::session::Session;

/// Asks for the credentials of nobody's cache with `clients` connections.
pub(crate) fn cold(session: &Session, clients: usize) -> anyhow::Result<Vec<Row>> {
    let request =
        b"GET /v1/aws/credentials HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    let control = session.stack().control();
    control.reset_counts();
    let server = Server::Unix(session.socket());
    let (took, answered) = load::storm(&server, request, clients)?;
    ensure!(answered == clients, "{answered} of {clients} were answered");
    #[expect(clippy::cast_precision_loss, reason = "it is one")]
    let calls = control.calls(Endpoint::GetCredentials) as f64;
    let what = format!("{clients} clients, nothing cached");
    Ok(vec![
        Row::once(&what, "requests to the stack", calls, Target::AtMost(1.)),
        Row::once(
            &what,
            "seconds to the last",
            took.as_secs_f64(),
            Target::AtMost(3.),
        ),
    ])
}

/// Has the daemon know so many profiles, each with credentials.
pub(crate) fn vend_each(session: &Session, profiles: usize) -> anyhow::Result<()> {
    let mut text = String::new();
    for number in 0..profiles {
        writeln!(text, "[profiles.p{number}]\nregion = \"eu-west-1\"")?;
    }
    session.write_settings(&text)?;
    let client = Client::new(session.socket());
    (0..profiles).try_for_each(|number| vend(&client, &format!("p{number}")))
}

fn vend(client: &Client, name: &str) -> anyhow::Result<()> {
    let query = ProfileQuery::from(name.parse::<quilt_proto::ProfileName>()?);
    let vended = client.send(&ReadCredentials(query));
    vended.map(drop).with_context(|| name.to_owned())
}

/// What each further profile costs: memory, and time of a vend of another.
pub(crate) fn profiles(session: &Session, profiles: usize) -> anyhow::Result<Vec<Row>> {
    let server = Server::Unix(session.socket());
    let one = || {
        let load = Load {
            clients: 1,
            keep_alive: true,
            time: std::time::Duration::from_millis(300),
        };
        load::run(&server, VEND, load).map(|served| 1. / served.per_second)
    };
    vend_each(session, 1)?;
    vend(&Client::new(session.socket()), "default")?;
    let few: Vec<f64> = (0..7).map(|_| one()).collect::<Result<_, _>>()?;
    let before = resident(session.daemon_pid())?;
    vend_each(session, profiles)?;
    let grown = resident(session.daemon_pid())?.saturating_sub(before);
    // The settings are no longer new by then, and read no more.
    std::thread::sleep(std::time::Duration::from_secs(3));
    let many: Vec<f64> = (0..7).map(|_| one()).collect::<Result<_, _>>()?;
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let each = grown as f64 / profiles as f64;
    let ratios = many
        .iter()
        .zip(&few)
        .map(|(many, few)| many / few)
        .collect();
    Ok(vec![
        Row::once(
            &format!("each of {profiles} profiles"),
            "KiB",
            each,
            Target::AtMost(4.),
        ),
        Row::of(
            &format!("a vend beside {profiles} profiles"),
            "a vend beside one",
            ratios,
            Target::AtMost(1.1),
        ),
    ])
}
