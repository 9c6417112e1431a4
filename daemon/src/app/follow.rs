//! What the app does by itself when others change something.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::watch;

use super::App;
use crate::files::Stamp;
use crate::stack::StackClient;

/// How often to look whether files have changed.
const LOOK: Duration = Duration::from_secs(5);

/// The same while somebody watches the status.
const WATCHED_LOOK: Duration = Duration::from_millis(500);

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

impl App {
    /// Takes up changes of files although nobody asks for anything: settings
    /// always, and where somebody watches, what others write.
    pub fn follow_files(self: &Arc<Self>) {
        let app = Arc::clone(self);
        tokio::spawn(async move {
            let shutdown = app.shutdown.clone();
            let follow = async {
                let mut seen = Vec::new();
                loop {
                    app.vault.follow_settings();
                    let is_watched = app.changes.is_watched();
                    if is_watched {
                        app.look_at_files(&mut seen).await;
                    }
                    tokio::time::sleep(if is_watched { WATCHED_LOOK } else { LOOK }).await;
                }
            };
            shutdown.run_until_cancelled(follow).await;
        });
    }

    /// Announces what somebody else wrote since the last look.
    async fn look_at_files(&self, seen: &mut Vec<Option<Stamp>>) {
        let own = ["catalogs.json", "grants.json", "python-sdk.json"];
        let own = own.map(|name| self.state_dir.join(name));
        let shared = self.gateway.files().into_iter();
        let shared = shared.chain([self.settings.path().to_owned()]);
        let files = own.into_iter().chain(shared);
        let mut now: Vec<_> = files.map(|path| Stamp::of(&path)).collect();
        now.push(self.sessions.store().stamp());
        if now != *seen {
            *seen = now;
            self.follow_store().await;
            self.changes.announce();
        }
    }
}
