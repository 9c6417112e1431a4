//! quiltd: the local daemon that owns Quilt sessions and vends AWS credentials.
//!
//! Data flows one way:
//! `listen → api → {keys, gateway} → {session, credential, package} → {stack, store}`.
//! Nothing below `api` knows HTTP serving; nothing below `session` knows who
//! asked.

pub mod api;
pub mod app;
pub mod audit;
pub mod aws;
pub mod catalogs;
pub mod clock;
pub mod credential;
pub mod doctor;
pub mod files;
pub mod gateway;
pub mod grant;
pub mod instance;
pub mod keys;
pub mod listen;
pub mod memory;
pub mod metrics;
pub mod package;
pub mod process;
pub mod program;
pub mod python_sdk;
pub mod raw;
pub mod refresh;
pub mod session;
pub mod settings;
pub mod stack;
pub mod store;

use std::sync::Arc;

use app::App;
use listen::{AllowedHosts, ControlSocket, Limits, PeerListener, Words, guarded, serve};

/// The daemon's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The sockets to serve, bound before anything starts.
#[derive(Debug)]
pub struct Listeners {
    /// The JSON API.
    pub control: ControlSocket,
}

/// Serves until the app is shut down, then lets requests and token rotations
/// under way end.
pub async fn run(app: App, listeners: Listeners) -> std::io::Result<()> {
    if let Some(watch) = listeners.control.watch() {
        tokio::spawn(watch.stop_when_lost(app.shutdown.clone()));
    }
    let meter = app.metrics.connections.of("control");
    let control = PeerListener::new(listeners.control)?.metered(meter);
    let app = Arc::new(app);
    let router = guarded(api::router(Arc::clone(&app)), AllowedHosts::localhost());
    let router = api::metered(router, &app);
    app.follow_settings();
    app.gateway
        .resume(api::open_gateway(&app), app.shutdown.clone());
    let (limits, words) = (Limits::default(), Words::problems());
    let cut = serve(control, router, limits, words, app.shutdown.clone()).await;
    if cut > 0 {
        tracing::warn!(cut, "requests were cut off to stop in time");
    }
    app.finish().await;
    Ok(())
}
