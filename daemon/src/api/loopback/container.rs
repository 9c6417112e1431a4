//! Container credentials over loopback HTTP (AWS SDKs and Tools Reference
//! Guide, "Container credential provider").
//!
//! SDKs give up after a second or two: everything is answered from what is
//! held, and what needs a login or a slow upstream fails at once.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use http::request::Parts;

use super::error_body::answer;
use super::{LoopbackState, private};
use crate::api::endpoint::json;
use crate::app::App;
use crate::grant::{Endpoint, Right};
use crate::listen::LoopbackListener;

/// Where the credentials are.
pub(in crate::api) const PATH: &str = "/v1/container/credentials";

/// With the answer's way back, under the second that SDKs wait.
const TIMEOUT: Duration = Duration::from_millis(700);

/// What AWS's Common Runtime says in `Host`, whatever the port (Mountpoint,
/// `s3torchconnector`, the SDKs with `awscrt`). No web page can: a browser says the
/// port, unless it is 80, and the name of a page that was led here is no address.
const WITHOUT_PORT: &str = "127.0.0.1";

/// Starts the listener that grants of credentials are good at.
pub(in crate::api) fn open(app: &Arc<App>) -> std::io::Result<Endpoint> {
    let routes = Router::new().route(PATH, get(credentials));
    super::open(
        app,
        "exec",
        0,
        LoopbackListener::limits(),
        routes,
        &[WITHOUT_PORT],
    )
}

async fn credentials(State(loopback): State<LoopbackState>, request: Parts) -> Response {
    let Some(opened) = loopback.opened(&request, None) else {
        return loopback.refuse("quiltctl exec -- COMMAND");
    };
    let Right::Credentials { profile, .. } = &opened.right else {
        return loopback.refuse("quiltctl exec -- COMMAND");
    };
    let visitor = request.extensions.get();
    match loopback.vend(&opened, visitor, profile, TIMEOUT).await {
        Ok(credentials) => private(json(credentials.container_document())),
        Err(problem) => answer(&problem),
    }
}
