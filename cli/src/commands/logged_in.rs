//! `logged-in`: a question scripts ask.

use quilt_proto::api::{ReadSession, SessionQuery};
use quilt_proto::wire::SessionState;

use crate::context::Context;
use crate::exit::{self, Failure};
use crate::output;

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    let reply = match context.reply(&ReadSession(SessionQuery::default())) {
        // "No" is an answer, not an error to report.
        Err(failure) if means_no(context, &failure) => return Err(Failure::quiet(exit::LOGIN)),
        result => result?,
    };
    let session = reply.answer()?;
    if session.status.state != SessionState::Active {
        return Err(Failure::quiet(exit::LOGIN));
    }
    if context.global().json {
        output::json(reply.body())
    } else {
        output::line(session.catalog_url)
    }
}

/// Whether nobody is logged in, which includes that there is nowhere to be
/// logged in to: no catalog is named, and the daemon knows of none.
fn means_no(context: &Context, failure: &Failure) -> bool {
    let nowhere = failure.code() == exit::INPUT && matches!(context.catalog(), Ok(None));
    failure.code() == exit::LOGIN || nowhere
}
