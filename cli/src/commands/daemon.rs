//! `daemon`: its start and its end.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
use quilt_proto::api::{ReadGateway, ReadStatus, ShutdownQuery};
use quilt_proto::wire::{Finding, FindingCode, Status};

use super::setup::service;
use super::{daemon_stop, logs};
use crate::context::Context;
use crate::exit::Failure;
use crate::key_carrier::KeyCarrier;
use crate::{kept_port, output, start};

/// How long the daemon may take to start.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often to look whether it has ended.
const PAUSE: Duration = Duration::from_millis(10);

/// What to do with the daemon.
#[derive(Clone, Copy, Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Start the daemon, unless it runs
    Start,
    /// Stop the daemon, if it runs
    Stop,
    /// Stop it, then start it
    Restart,
    /// Show what the daemon wrote, where quiltctl started it
    Logs(logs::Args),
}

pub(super) fn run(context: &Context, command: Command) -> Result<(), Failure> {
    let client = || Ok::<_, Failure>(context.client()?.with_timeout(TIMEOUT));
    match command {
        Command::Start => start(context, &client()?),
        Command::Stop => {
            let stopped = daemon_stop::stop(&client()?)?;
            if context.global().json {
                return output::json(b"{}");
            }
            output::note(if stopped {
                "quiltd stopped"
            } else {
                "quiltd was not running"
            });
            Ok(())
        }
        Command::Restart => restart(context, &client()?),
        Command::Logs(args) => logs::run(context, args),
    }
}

fn restart(context: &Context, client: &Client) -> Result<(), Failure> {
    let place = context.place()?;
    // A service manager starts what it was told to.
    if !service::is_managed() {
        start::could_start(&place)?;
    }
    let _turn = start::turn_to_restart(&place, Instant::now() + daemon_stop::END_TIMEOUT)?;
    let _kept = gateway_port(client);
    let keys = KeyCarrier::send_for(client);
    if keys.comes_again {
        stop_in_unit(context, client)?;
    } else {
        daemon_stop::stop(client)?;
    }
    start(context, client)?;
    keys.arrive();
    Ok(())
}

/// Keeps the port where quilt3 looks for the daemon, if there is one, until the next
/// one listens there. One that cannot be kept is free for a moment.
fn gateway_port(client: &Client) -> Option<OwnedFd> {
    let gateway = client.send(&ReadGateway).ok()?;
    let port = gateway.gateway_url?.loopback_port()?;
    kept_port::keep(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).ok()
}

fn start(context: &Context, client: &Client) -> Result<(), Failure> {
    let client = &match client.probe() {
        Err(error) if error.is_absent() => {
            let socket = start::ensure(&context.place()?, Instant::now() + TIMEOUT)?;
            client.clone().at(socket)
        }
        result => result.map(|()| client.clone())?,
    };
    let reply = client.reply(&ReadStatus)?;
    if context.global().json {
        return output::json(reply.body());
    }
    let status = reply.answer()?;
    output::line(format_args!(
        "quiltd {} (pid {}) on {}",
        status.version,
        status.pid,
        quilt_proto::quoted::name(&status.socket)
    ))?;
    warn_of_what_changed(&status);
    Ok(())
}

/// Says that the daemon which runs is not the one that is installed, and what
/// keys it has not got from the one before.
fn warn_of_what_changed(status: &Status) {
    super::status::warn_of_version(status);
    let is_about_it = |finding: &&Finding| {
        finding.is(FindingCode::ProgramReplaced) || finding.is(FindingCode::ApiKey)
    };
    super::status::warn(status.findings.iter().filter(is_about_it));
}

/// Ends a daemon that its service manager starts again, and waits for that:
/// whoever asks meanwhile starts none beside it.
fn stop_in_unit(context: &Context, client: &Client) -> Result<(), Failure> {
    let deadline = Instant::now() + daemon_stop::END_TIMEOUT;
    let place = context.place()?;
    let lock = start::lock(&place, deadline)?;
    daemon_stop::stop_as(client, ShutdownQuery { again: true })?;
    let deadline = Instant::now() + TIMEOUT;
    while Instant::now() < deadline && !place.probe(deadline) {
        std::thread::sleep(PAUSE);
    }
    // Where it does not come, one is started as for everybody else.
    drop(lock);
    Ok(())
}
