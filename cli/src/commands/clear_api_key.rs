//! `clear-api-key`: back to the interactive session.

use quilt_proto::api::ClearApiKey;

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.print(&ClearApiKey, |()| {
        output::note("No API key is in use any more.");
        Ok(())
    })
}
