//! `clear-api-key`: back to the interactive session.

use quilt_proto::api::{ClearApiKey, ReadSession, SessionQuery};
use quilt_proto::wire::TokenKind;

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let asked = || {
        let session = context.send(&ReadSession(SessionQuery::default()));
        session.is_ok_and(|session| session.status.kind != Some(TokenKind::ApiKey))
    };
    let is_for_nothing = !context.global().json && asked();
    context.print(&ClearApiKey, |()| {
        output::note(if is_for_nothing {
            "No API key was in use."
        } else {
            "No API key is in use any more."
        });
        Ok(())
    })
}
