//! `POST /v1/aws/grants`, `DELETE /v1/aws/grants/{id}`.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::{Extension, Json};
use http::StatusCode;
use quilt_proto::ProfileName;
use quilt_proto::wire::{Grant, GrantRequest};
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::{Body, Params, Segments};
use crate::api::loopback;
use crate::app::App;
use crate::grant::{Holder, HolderError, Life, Right};
use crate::listen::Peer;

/// How long a grant lives when nothing is said, in seconds.
const DEFAULT_SECONDS: u32 = 3600;
/// The longest anyone may ask for, in seconds.
const LONGEST_SECONDS: u32 = 7 * 24 * 3600;
/// How long to wait for credentials where they are a condition.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Deserialize)]
pub(in crate::api) struct Asked {
    catalog: Option<String>,
}

pub(in crate::api) async fn issue(
    State(app): State<Arc<App>>,
    Extension(peer): Extension<Peer>,
    Params(asked): Params<Asked>,
    Body(request): Body<GrantRequest>,
) -> Result<(StatusCode, Json<Grant>), ApiError> {
    let profile = request.profile.unwrap_or_else(ProfileName::default_profile);
    let session = app.vault.session(&profile, asked.catalog.as_deref())?;
    let life = if request.while_running {
        let holder = Holder::watch(peer.pid).map_err(|error| match error {
            HolderError::Unseen => ApiError::Input(error.to_string()),
            HolderError::System(_) => ApiError::Machine(error.to_string()),
        })?;
        Life::While(holder)
    } else {
        let seconds = request.ttl_seconds.unwrap_or(DEFAULT_SECONDS);
        if !(1..=LONGEST_SECONDS).contains(&seconds) {
            let detail = format!("ttl_seconds must be 1 to {LONGEST_SECONDS}");
            return Err(ApiError::Input(detail));
        }
        Life::Seconds(seconds.into())
    };
    if request.ready {
        app.vault
            .credentials_of(&session, &profile, PATIENCE)
            .await?;
    } else {
        warm_up(&app, &session, &profile);
    }
    let region = app.region(session.catalog(), &profile);
    let right = Right::Credentials {
        catalog: session.catalog().clone(),
        profile,
    };
    let issued = app
        .grants
        .issue(right, life, |_| loopback::open_container(&app))?;
    let grant = Grant {
        uri: format!("http://{}{}", issued.address, loopback::CONTAINER_PATH),
        id: issued.id,
        token: issued.token,
        token_file: issued
            .token_file
            .and_then(|path| path.into_os_string().into_string().ok()),
        expires_at: issued.expires_at,
        region,
    };
    Ok((StatusCode::CREATED, Json(grant)))
}

/// Has credentials fetched before the first program asks, which waits for
/// nothing.
fn warm_up(app: &Arc<App>, session: &Arc<crate::session::Session>, profile: &ProfileName) {
    let (app, session, profile) = (Arc::clone(app), Arc::clone(session), profile.clone());
    tokio::spawn(async move {
        // A failure is told to whoever asks for them.
        let _ = app.vault.credentials_of(&session, &profile, PATIENCE).await;
    });
}

pub(in crate::api) async fn revoke(
    State(app): State<Arc<App>>,
    Segments(id): Segments<String>,
) -> Result<StatusCode, ApiError> {
    if app.grants.revoke(&id) {
        Ok(StatusCode::NO_CONTENT)
    } else {
        Err(ApiError::NoSuchGrant)
    }
}
