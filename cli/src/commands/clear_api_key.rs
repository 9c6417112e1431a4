//! `clear-api-key`: back to the interactive session.

use quilt_proto::api::ClearApiKey;
use quilt_proto::wire::{Session, TokenKind};

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let has_none = |session: Session| session.status.kind != Some(TokenKind::ApiKey);
    let is_for_nothing = !context.global().json && context.session().is_ok_and(has_none);
    context.print(&ClearApiKey, |()| {
        output::note(if is_for_nothing {
            "No API key was in use."
        } else {
            "No API key is in use any more."
        });
        Ok(())
    })
}
