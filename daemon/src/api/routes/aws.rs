//! `GET /v1/aws/credentials`, `GET /v1/aws/console`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use quilt_proto::wire::{ConsoleUrl, CredentialProcess};
use quilt_proto::{NameError, ProfileName};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::error::ApiError;
use crate::api::extract::Params;
use crate::api::meter;
use crate::app::App;
use crate::aws::{SessionKeys, SignIn};
use crate::credential::{AwsCredentials, Issued};
use crate::metrics::Via;

/// A `credential_process` may take 4 s all in all.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Deserialize, JsonSchema)]
pub(in crate::api) struct Wanted {
    catalog: Option<String>,
    /// A profile of `quiltd.toml`; the stack's own role when absent.
    profile: Option<String>,
    /// The page to open, instead of the console's first.
    destination: Option<String>,
}

impl Wanted {
    fn profile(&self) -> Result<ProfileName, ApiError> {
        match &self.profile {
            None => Ok(ProfileName::default_profile()),
            Some(name) => name
                .parse()
                .map_err(|error: NameError| ApiError::Input(error.to_string())),
        }
    }
}

pub(in crate::api) async fn credentials(
    State(app): State<Arc<App>>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<CredentialProcess>, ApiError> {
    let vended = vend(&app, &wanted).await;
    meter::vended(&app, Via::Socket, &vended);
    Ok(Json(vended?.into()))
}

async fn vend(app: &App, wanted: &Wanted) -> Result<AwsCredentials, ApiError> {
    let profile = wanted.profile()?;
    let asked = wanted.catalog.as_deref();
    let issued = app.vault.credentials(&profile, asked, PATIENCE).await?;
    Ok(issued.credentials)
}

pub(in crate::api) async fn console(
    State(app): State<Arc<App>>,
    Params(wanted): Params<Wanted>,
) -> Result<Json<ConsoleUrl>, ApiError> {
    let profile = wanted.profile()?;
    let asked = wanted.catalog.as_deref();
    let Issued {
        credentials,
        session,
    } = app.vault.credentials(&profile, asked, PATIENCE).await?;
    let region = app.region(session.catalog(), &profile);
    let settings = app.settings.current();
    let console = &settings.console;
    let sign_in = SignIn {
        endpoint: console
            .endpoint
            .as_ref()
            .map(quilt_proto::RegistryUrl::as_str),
        destination: wanted
            .destination
            .as_deref()
            .or(console.destination.as_deref()),
        region: region.as_deref(),
    };
    let url = app
        .aws
        .console_url(&SessionKeys::from(&credentials), sign_in)
        .await?;
    Ok(Json(ConsoleUrl {
        url,
        expires_at: credentials.expires_at,
    }))
}
