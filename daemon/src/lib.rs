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
pub mod blocked_threads;
pub mod body_memory;
pub mod catalog_resolver;
pub mod changes;
#[cfg(test)]
mod chaos;
mod checked_sync;
pub mod clock;
pub mod credential;
pub mod doctor;
pub mod files;
#[cfg(any(test, fuzzing))]
pub mod fuzz;
pub mod gateway;
pub mod grant;
pub mod handover;
pub mod hardening;
mod json_document;
pub mod keys;
pub mod last_seen_users;
pub mod listen;
pub mod log;
pub mod memory_release;
pub mod metrics;
pub mod notify;
pub mod own_program;
pub mod package;
pub mod quilt3;
pub mod raw;
pub mod refresh;
pub mod session;
pub mod settings;
#[cfg(test)]
mod simulation;
pub mod stack;
pub mod state_dir_lock;
pub mod token_store;

use std::sync::Arc;

use tokio::sync::mpsc;

use app::App;
use listen::ControlSocket;
use listen::{BrowserGuard, ControlSockets, ErrorResponders, Limits, PeerListener, serve};

/// The daemon's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Serves on `control` until the app is shut down, then lets requests and token
/// rotations under way end.
pub async fn run(app: App, control: ControlSockets) -> std::io::Result<()> {
    let ControlSockets { first, also, .. } = control;
    let (again, arrivals) = mpsc::unbounded_channel();
    // One that was handed over is somebody else's to keep.
    if let Some(watched) = first.watch() {
        let also = also.as_ref().and_then(ControlSocket::watch);
        let watched = [watched].into_iter().chain(also).collect();
        tokio::spawn(listen::watch(watched, again, app.shutdown.clone()));
    }
    let meter = app.metrics.connections.of("control");
    let control = PeerListener::new(first, also, arrivals)?;
    let app = Arc::new(app);
    let router = api::router(Arc::clone(&app));
    let router = api::metered(router, &app, BrowserGuard::of_control());
    app::file_watch::start(&app);
    api::notify_user(&app);
    app.gateway
        .resume(api::open_gateway(&app), app.shutdown.clone());
    let (limits, words) = (Limits::default(), ErrorResponders::problems());
    // On a worker: who arrives is served by the thread that saw it come.
    let serving = serve(control, meter, router, limits, words, app.shutdown.clone());
    let cut = tokio::spawn(serving).await.map_err(std::io::Error::other)?;
    if cut > 0 {
        tracing::warn!(cut, "requests were cut off to stop in time");
    }
    app.finish().await;
    Ok(())
}
