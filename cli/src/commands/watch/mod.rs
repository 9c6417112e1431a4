//! `watch`: what the daemon holds and what is asked of it, as it happens.

mod event_feed;
mod event_loop;
mod keys;
mod lines;
mod model;
mod view;

use std::time::Duration;

use quilt_client::blocking::Client;

use rustix::event::{PollFd, PollFlags, poll};

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::look::width;
use crate::{look, output};

/// How long the daemon may take to begin.
const TIMEOUT: Duration = Duration::from_secs(10);

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let context = &context.of_all_catalogs();
    if !look::is_seen() {
        end_with_reader();
    }
    if context.global().json {
        return as_json(context);
    }
    if look::is_seen() && !width::is_dumb() {
        event_loop::run(context)
    } else {
        lines::run(context)
    }
}

/// Ends as a write would when whoever reads has gone, also while there is nothing
/// to be written.
fn end_with_reader() {
    std::thread::spawn(|| {
        let stdout = std::io::stdout();
        // Asked for nothing, it tells of the end alone (poll(2), POLLERR).
        let mut end = [PollFd::new(&stdout, PollFlags::empty())];
        loop {
            match poll(&mut end, None) {
                Err(rustix::io::Errno::INTR) => {}
                Ok(_) => std::process::exit(0),
                Err(_) => return,
            }
        }
    });
}

/// Every event as the daemon sends it, until it ends.
fn as_json(context: &Context) -> Result<(), Failure> {
    let limited = context.client()?.with_timeout(TIMEOUT);
    for event in context.started(&limited, Client::events)? {
        output::json(event?.data.as_bytes())?;
    }
    Err(Failure::new(exit::DAEMON, "quiltd ended").hint("quiltctl watch"))
}
