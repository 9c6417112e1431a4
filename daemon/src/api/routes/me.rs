//! `GET /v1/me`, `PUT /v1/me/role`.

use quilt_proto::api::{ReadMe, RoleChoice, SwitchRole};
use quilt_proto::wire::{Me, TokenKind};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::app::App;
use crate::session::{self, Session, bearer};

pub(in crate::api) async fn show(call: Call<ReadMe>) -> Result<Me, ApiError> {
    let session = call.session()?;
    let (me, kind, identity) = session
        .authorized(bearer::ANSWER_TIMEOUT, true, |bearer| {
            let stack = &call.app.stack;
            async move {
                let me = bearer.at(stack).me().await?;
                Ok((me, bearer.kind, bearer.identity))
            }
        })
        .await?;
    // Of whom there was before somebody else came, nothing is noted.
    if session.identity() != identity {
        return Ok(me);
    }
    if kind == TokenKind::Interactive {
        session::known_user::remember_login(&session, &me).await;
    }
    if session::known_user::has_other_role(&session, &me) {
        call.app.sessions.role_switched(&session).await;
    }
    note_role(&call.app, &session, &me);
    Ok(me)
}

/// Takes note of a user's role, for each of their logins at that registry.
fn note_role(app: &App, session: &Session, me: &Me) {
    app.note_user(session, Some(me));
    for sibling in app.sessions.siblings(session) {
        let user = app.user_of(&sibling);
        if user.is_some_and(|user| user.name == me.name) {
            app.note_user(&sibling, Some(me));
        }
    }
}

/// The stack switches the role for the user, everywhere: every AWS credential
/// of that stack is stale before this answers.
pub(in crate::api) async fn switch_role(call: Call<SwitchRole>) -> Result<Me, ApiError> {
    let session = call.session()?;
    let RoleChoice { role } = call.body;
    if role.is_empty() {
        return Err(ApiError::Input("the role has no name".to_owned()));
    }
    let (before, holder) = (session.identity(), session.holder());
    let switched = call.app.sessions.switch_role(&session, role).await;
    match &switched {
        Ok(me) if session.holder() == holder => note_role(&call.app, &session, me),
        // Which one it is now is not known.
        Err(_) if session.identity() != before => call.app.note_user(&session, None),
        _ => {}
    }
    switched.map_err(ApiError::Role)
}
