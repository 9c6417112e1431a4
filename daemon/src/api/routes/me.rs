//! `GET /v1/me`, `PUT /v1/me/role`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::{Me, RoleChoice, TokenKind};

use crate::api::error::ApiError;
use crate::api::extract::{Body, OfCatalog};
use crate::app::App;

/// How long a caller waits for a token that has to be fetched first.
const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::api) async fn show(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
) -> Result<Json<Me>, ApiError> {
    let (me, kind) = session
        .authorized(PATIENCE, true, |bearer| {
            let stack = &app.stack;
            async move {
                let me = stack.me(&bearer.registry, &bearer.token).await?;
                Ok((me, bearer.kind))
            }
        })
        .await?;
    if kind == TokenKind::Interactive {
        session.learn_user(&me).await;
    }
    app.note_user(session.catalog(), Some(&me));
    Ok(Json(me))
}

/// The stack switches the role for the user, everywhere: every AWS credential
/// of that stack is stale before this answers.
pub(in crate::api) async fn switch_role(
    State(app): State<Arc<App>>,
    OfCatalog(session): OfCatalog,
    Body(RoleChoice { role }): Body<RoleChoice>,
) -> Result<Json<Me>, ApiError> {
    if role.is_empty() {
        return Err(ApiError::Input("the role has no name".to_owned()));
    }
    let switched = session.switch_role(role).await;
    app.vault.flush(session.catalog());
    if let Ok(me) = &switched {
        app.note_user(session.catalog(), Some(me));
    }
    Ok(Json(switched.map_err(ApiError::Role)?))
}
