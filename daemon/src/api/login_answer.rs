//! After a login: what the API says of it, and the configuration of a home
//! that had none.

use std::sync::Arc;

use quilt_proto::wire::Session as Answer;

use super::findings;
use super::open_gateway;
use super::routes::describe;
use crate::app::App;
use crate::session::{LoginOutcome, Session};

/// Where the session stands now, whose it is, and who was there before. The
/// first login of a home makes its catalog the configured one; one that joins
/// others gets an address of its own at the gateway.
pub(super) async fn welcome(app: &Arc<App>, session: &Session, outcome: LoginOutcome) -> Answer {
    let configured = outcome.published.as_ref().is_some_and(|published| {
        let adopted = app.config.adopt(session.catalog(), &published.values);
        adopted.unwrap_or_else(|error| {
            // The login stands: every command can name its catalog.
            tracing::warn!("the catalog is not made the configured one: {error}");
            false
        })
    });
    if outcome.is_current(session) {
        app.note_user(session, outcome.me.as_ref().ok());
    }
    app.gateway
        .reach(session.catalog(), open_gateway(app))
        .await;
    let (me, me_error) = match outcome.me {
        Ok(me) => (Some(me), None),
        Err(why) => (None, Some(why)),
    };
    let is_under_key = !outcome.is_key && session.api_key().is_set();
    let key_counts = || findings::key_over_login(session.catalog());
    Answer {
        findings: is_under_key.then(key_counts).into_iter().collect(),
        me,
        me_error,
        previous_user: outcome.previous,
        configured,
        ..describe(session, None)
    }
}
