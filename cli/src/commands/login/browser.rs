//! Logging in through the browser alone.

use std::time::Duration;

use quilt_proto::Command;
use quilt_proto::api::{AwaitWebLogin, StartWebLogin, WebLoginQuery};
use quilt_proto::wire::WebLoginProgress;

use super::welcome::welcome;
use super::{Args, by_code, note_findings, offer};
use crate::context::Context;
use crate::exit::Failure;
use crate::{browser, output, registry_consent, secret_prompt};

/// How long the daemon may take to say that nothing has happened yet.
const POLL: Duration = Duration::from_mins(1);

/// The daemon waits for the browser, and we for the daemon.
pub(super) fn through_browser(context: &Context, args: &Args) -> Result<(), Failure> {
    let accept = args.accept_registry.clone();
    let login = registry_consent::to_registry(accept, |accept_registry| {
        context.send(&StartWebLogin(WebLoginQuery {
            connect_url: args.connect_url.clone(),
            accept_registry,
        }))
    })?;
    offer(&login.start_url, args.no_browser);
    say_how_to_leave(&login.start_url, &by_code(context, args));
    let call = AwaitWebLogin(login.id);
    loop {
        // What is waited for has been said, and how to leave.
        let reply = context.patient_reply(&call, POLL)?;
        let state = reply.answer()?;
        match state.session {
            Some(session) if state.progress == WebLoginProgress::Done => {
                note_findings(&session);
                return welcome(context, reply.body(), &session);
            }
            _ => {}
        }
    }
}

/// What a person can do who waits: over SSH, the page is on this machine, and
/// the browser is on another.
fn say_how_to_leave(page: &str, by_code: &Command) {
    if browser::is_remote() {
        let port = page
            .split_once("://")
            .and_then(|(_, rest)| rest.split(['/', '?']).next())
            .and_then(|host| host.rsplit(':').next()?.parse::<u16>().ok());
        if let Some(port) = port {
            output::note("The browser is on another machine: there, first run");
            output::whole(format_args!(
                "    ssh -N -L {port}:127.0.0.1:{port} {}",
                browser::this_machine()
            ));
            output::note("or press Ctrl-C and log in with a code to paste:");
            output::whole(format_args!("    {by_code}"));
            return;
        }
    }
    if secret_prompt::is_somebody_there() {
        output::note("Waiting for the browser; Ctrl-C gives up. With a code instead:");
        output::whole(format_args!("    {by_code}"));
    }
}
