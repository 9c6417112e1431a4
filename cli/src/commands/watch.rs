//! `watch`: what changes in the daemon, as it happens.

use quilt_client::blocking::Client;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let client = context.client()?;
    let limited = client
        .clone()
        .with_timeout(std::time::Duration::from_secs(10));
    for event in context.started(&limited, None, true, Client::events)? {
        let event = event?;
        if context.global().json {
            output::json(event.data.as_bytes())?;
        } else {
            output::line(format_args!("{}  {}", event.name, event.data))?;
        }
    }
    Err(Failure::new(exit::DAEMON, "quiltd ended").hint("quiltctl watch"))
}
