//! `POST /v1/aws/grants`, `DELETE /v1/aws/grants/{id}`.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::ProfileName;
use quilt_proto::api::{CreateGrant, RevokeGrant};
use quilt_proto::wire::{Grant, GrantRequest};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::loopback;
use crate::app::App;
use crate::app::region;
use crate::grant::{Life, ProcessHandle, ProcessHandleError, Right};
use crate::listen::Peer;
use crate::session::Session;

/// How long a grant lives when nothing is said, in seconds.
const DEFAULT_SECONDS: u32 = 3600;
/// The longest anyone may ask for, in seconds.
const LONGEST_SECONDS: u32 = 7 * 24 * 3600;
/// How long to wait for credentials where they are a condition.
const TIMEOUT: Duration = Duration::from_secs(3);

pub(in crate::api) async fn issue(call: Call<CreateGrant>) -> Result<Grant, ApiError> {
    let request = call.body.clone();
    let profile = request.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let session = call.profile(Some(&profile))?.session;
    let life = life(&request, call.peer.as_ref())?;
    let app = &call.app;
    if request.ready {
        app.vault.credentials(&session, &profile, TIMEOUT).await?;
    } else {
        warm_up(app, &session, &profile);
    }
    let region = region::of_profile(app, session.catalog(), &profile).await;
    let catalog = session.catalog().clone();
    let right = Right::Credentials {
        catalog: catalog.clone(),
        profile,
    };
    let open = |_| loopback::open_container(app);
    let issued = app.grants.issue(right, life, open).await?;
    call.subject.grant(&issued.id);
    Ok(Grant {
        uri: format!("http://{}{}", issued.address, loopback::CONTAINER_PATH),
        id: issued.id,
        token: issued.token,
        token_file: issued
            .token_file
            .and_then(|path| path.into_os_string().into_string().ok()),
        expires_at: issued.expires_at,
        region,
        catalog_url: Some(catalog),
    })
}

/// How long a grant is to live.
fn life(request: &GrantRequest, peer: Option<&Peer>) -> Result<Life, ApiError> {
    if request.while_running {
        let pid = peer.and_then(|peer| peer.pid);
        let holder = ProcessHandle::watch(pid).map_err(|error| match error {
            ProcessHandleError::Unseen => ApiError::Input(error.to_string()),
            ProcessHandleError::System(_) => ApiError::Machine(error.to_string()),
        })?;
        return Ok(Life::While(holder));
    }
    let seconds = request.ttl_seconds.unwrap_or(DEFAULT_SECONDS);
    if !(1..=LONGEST_SECONDS).contains(&seconds) {
        let detail = format!("ttl_seconds must be 1 to {LONGEST_SECONDS}");
        return Err(ApiError::Input(detail));
    }
    Ok(Life::Seconds(seconds.into()))
}

/// Has credentials fetched before the first program asks, which waits for
/// nothing.
fn warm_up(app: &Arc<App>, session: &Arc<Session>, profile: &ProfileName) {
    let (app, session, profile) = (Arc::clone(app), Arc::clone(session), profile.clone());
    tokio::spawn(async move {
        // A failure is told to whoever asks for them.
        let _ = app.vault.credentials(&session, &profile, TIMEOUT).await;
    });
}

pub(in crate::api) async fn revoke(call: Call<RevokeGrant>) -> Result<(), ApiError> {
    let grants = &call.app.grants;
    let id = &call.path;
    if let Some(grant) = grants.list().iter().find(|grant| grant.id == *id) {
        call.subject.resolved(&grant.catalog_url);
        call.subject.grant(id);
        if let Some(profile) = &grant.profile {
            call.subject.profile(profile);
        }
    }
    if grants.revoke(id).await? {
        Ok(())
    } else {
        Err(ApiError::NoSuchGrant)
    }
}
