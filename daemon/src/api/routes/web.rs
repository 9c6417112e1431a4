//! `/v1/session/web`: logging in through the browser.

use quilt_proto::api::{AwaitWebLogin, StartWebLogin};
use quilt_proto::wire::{WebLogin, WebLoginProgress, WebLoginState};

use crate::api::endpoint::Call;
use crate::api::error::ApiError;
use crate::api::web::WebLogins;
use crate::catalog_resolver::CatalogError;

pub(in crate::api) async fn start(call: Call<StartWebLogin>) -> Result<WebLogin, ApiError> {
    let session = call.session()?;
    let logins = call.extension::<WebLogins>().unwrap_or_default();
    let connect = call.query.connect_url.as_deref();
    let connect = connect.map(|url| url.parse().map_err(CatalogError::Url));
    let accept = call.query.accept_registry.as_ref();
    let started = logins.start(&call.app, &session, connect.transpose()?, accept, call.peer);
    started.await
}

pub(in crate::api) async fn wait(call: Call<AwaitWebLogin>) -> Result<WebLoginState, ApiError> {
    let logins = call.extension::<WebLogins>().unwrap_or_default();
    let session = logins.wait(&call.path).await?;
    Ok(WebLoginState {
        progress: match session {
            None => WebLoginProgress::Pending,
            Some(_) => WebLoginProgress::Done,
        },
        session,
    })
}
