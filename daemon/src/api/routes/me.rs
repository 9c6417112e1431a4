//! `GET /v1/me`, `PUT /v1/me/role`.

use quilt_proto::api::{ReadMe, SwitchRole};
use quilt_proto::wire::{Me, RoleChoice, TokenKind};

use crate::api::endpoint::{Call, Served};
use crate::api::error::ApiError;
use crate::session::bearer;

pub(in crate::api) fn serve(served: Served) -> Served {
    served.serve(show).serve(switch_role)
}

async fn show(call: Call<ReadMe>) -> Result<Me, ApiError> {
    let session = call.session()?;
    let (me, kind) = session
        .authorized(bearer::ANSWER_TIMEOUT, true, |bearer| {
            let stack = &call.app.stack;
            async move {
                let me = stack.me(&bearer.registry, &bearer.token).await?;
                Ok((me, bearer.kind))
            }
        })
        .await?;
    if kind == TokenKind::Interactive {
        session.remember_login_user(&me);
    }
    call.app.note_user(&session, Some(&me));
    Ok(me)
}

/// The stack switches the role for the user, everywhere: every AWS credential
/// of that stack is stale before this answers.
async fn switch_role(call: Call<SwitchRole>) -> Result<Me, ApiError> {
    let session = call.session()?;
    let RoleChoice { role } = call.body;
    if role.is_empty() {
        return Err(ApiError::Input("the role has no name".to_owned()));
    }
    let switched = session.switch_role(role).await;
    if let Ok(me) = &switched {
        call.app.note_user(&session, Some(me));
    }
    switched.map_err(ApiError::Role)
}
