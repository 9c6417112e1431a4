//! After a login: what the API says of it, and the configuration of a home
//! that had none.

use quilt_proto::wire::Session as Answer;

use super::routes::describe;
use crate::app::App;
use crate::session::{Arrival, Session};

/// Where the session stands now, whose it is, and who was there before. The
/// first login of a home makes its catalog the configured one.
pub(super) fn welcome(app: &App, session: &Session, arrival: Arrival) -> Answer {
    let configured = arrival.published.as_ref().is_some_and(|published| {
        let adopted = app.config.adopt(session.catalog(), &published.values);
        adopted.unwrap_or_else(|error| {
            // The login stands: every command can name its catalog.
            tracing::warn!("the catalog is not made the configured one: {error}");
            false
        })
    });
    app.note_user(session.catalog(), arrival.me.as_ref().ok());
    let (me, me_error) = match arrival.me {
        Ok(me) => (Some(me), None),
        Err(why) => (None, Some(why)),
    };
    Answer {
        me,
        me_error,
        previous_user: arrival.previous,
        configured,
        ..describe(session, None)
    }
}
