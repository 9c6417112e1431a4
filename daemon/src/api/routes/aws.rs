//! `GET /v1/aws/credentials`, `GET /v1/aws/console`.

use std::time::Duration;

use axum::response::Response;
use quilt_proto::api::{ReadConsoleUrl, ReadCredentials};
use quilt_proto::wire::ConsoleUrl;
use quilt_proto::{ProfileName, RegistryUrl};

use crate::api::endpoint::{Call, json};
use crate::api::error::ApiError;
use crate::api::request_meter;
use crate::api::router::Waited;
use crate::app::region;
use crate::aws::{SessionKeys, SignIn};
use crate::credential::AwsCredentials;
use crate::metrics::Via;
use crate::session::SessionError;

/// A `credential_process` may take 4 s all in all.
const TIMEOUT: Duration = Duration::from_secs(3);

/// How often a sign-in is made anew where the session became another meanwhile.
const TRIES: u32 = 3;

pub(in crate::api) async fn credentials(call: Call<ReadCredentials>) -> Result<Response, ApiError> {
    let vended = vend(&call).await;
    request_meter::vended(&call.app, Via::Socket, &vended);
    Ok(json(vended?.process_document()))
}

async fn vend(call: &Call<ReadCredentials>) -> Result<AwsCredentials, ApiError> {
    let profile = call.profile(call.query.profile.as_ref())?;
    let waited = call.extension().map_or(Duration::ZERO, |Waited(time)| time);
    let patience = TIMEOUT.saturating_sub(waited);
    Ok(call.app.vault.credentials_of(profile, patience).await?)
}

pub(in crate::api) async fn console(call: Call<ReadConsoleUrl>) -> Result<ConsoleUrl, ApiError> {
    let profile = call.query.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let session = call.profile(Some(&profile))?.session;
    let app = &call.app;
    let settings = app.settings.current();
    let console = &settings.console;
    let destination = call.query.destination.as_deref();
    for _ in 0..TRIES {
        let credentials = app.vault.credentials(&session, &profile, TIMEOUT).await?;
        let region = region::of_profile(app, session.catalog(), &profile).await;
        let sign_in = SignIn {
            endpoint: console.endpoint.as_ref().map(RegistryUrl::as_str),
            destination: destination.or(console.destination.as_deref()),
            region: region.as_deref(),
        };
        let keys = SessionKeys::from(&credentials);
        let url = app.aws.console_url(&keys, sign_in).await?;
        // Who logged out meanwhile, or is somebody else, is not let in.
        app.sync_with_store().await;
        if session.identity() == credentials.identity {
            return Ok(ConsoleUrl {
                url,
                expires_at: credentials.expires_at,
            });
        }
    }
    Err(SessionError::Superseded(session.catalog().clone()).into())
}
