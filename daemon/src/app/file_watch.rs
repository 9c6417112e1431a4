//! What the app does by itself when others change something.

use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use quilt_proto::state_files;

use super::App;
use crate::files::{FileEvents, Stamp};
use crate::stack::StackClient;

/// How often to look whether files have changed, where nothing tells.
const LOOK: Duration = Duration::from_secs(5);

/// The same while somebody watches the status.
const WATCHED_LOOK: Duration = Duration::from_millis(500);

/// How long to leave files alone that change again and again.
const PAUSE: Duration = Duration::from_millis(100);

/// Closes idle connections whenever a session is somebody else: their buffers
/// hold the bearer token of the one before.
pub(super) async fn forget_connections(
    stack: Weak<StackClient>,
    mut identities: watch::Receiver<u64>,
) {
    while identities.changed().await.is_ok() {
        let Some(stack) = stack.upgrade() else {
            return;
        };
        stack.forget_connections();
    }
}

/// Takes up changes of files although nobody asks for anything: settings
/// always, and where somebody watches, what others write.
pub fn start(app: &Arc<App>) {
    let app = Arc::clone(app);
    tokio::spawn(async move {
        let shutdown = app.shutdown.clone();
        let follow = async {
            let mut seen = Vec::new();
            loop {
                // Somebody may begin to watch, or end, at any time.
                let is_watched = app.changes.is_watched();
                let often = if is_watched { WATCHED_LOOK } else { LOOK };
                let mut events = FileEvents::new(often);
                loop {
                    let files = if is_watched {
                        shown_files(&app)
                    } else {
                        own_files(&app)
                    };
                    events.watch(&files);
                    app.vault.follow_settings();
                    if is_watched {
                        look(&app, &files, &mut seen).await;
                    }
                    tokio::select! {
                        () = events.changed() => tokio::time::sleep(PAUSE).await,
                        () = app.changes.watched_no_longer(is_watched) => break,
                    }
                }
            }
        };
        shutdown.run_until_cancelled(follow).await;
    });
}

/// What is taken up although nobody asks.
fn own_files(app: &App) -> Vec<PathBuf> {
    vec![app.settings.path().to_owned()]
}

/// Everything that the status is made of.
fn shown_files(app: &App) -> Vec<PathBuf> {
    let own = [
        state_files::CATALOGS,
        state_files::GRANTS,
        state_files::SDK_RECORD,
    ];
    let own = own.map(|name| app.state_dir.join(name));
    let stored = app.sessions.store().file();
    let files = own.into_iter().chain(app.gateway.files());
    files.chain(own_files(app)).chain(stored).collect()
}

/// Announces what somebody else wrote since the last look.
async fn look(app: &App, files: &[PathBuf], seen: &mut Vec<Option<Stamp>>) {
    let now: Vec<_> = files.iter().map(|path| Stamp::of(path)).collect();
    if now != *seen {
        *seen = now;
        app.sync_with_store().await;
        app.changes.announce();
    }
}
