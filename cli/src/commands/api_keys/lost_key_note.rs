//! Ctrl-C while a key is being made: whoever leaves then hears that there may be
//! one whose secret nobody has.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use quilt_proto::quoted;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;

use crate::output;
use crate::signals::Signals;

/// Until the secret is out.
pub(super) struct LostKeyNote {
    is_out: Arc<AtomicBool>,
}

impl LostKeyNote {
    /// Begins to listen. Where that cannot be, signals do what they always do.
    pub(super) fn watch(name: &str) -> Self {
        let is_out = Arc::new(AtomicBool::new(false));
        if let Ok(mut signals) = Signals::watch(&[SIGHUP, SIGINT, SIGTERM]) {
            let name = quoted::name(name);
            let what = format!("an API key named {name} may have been made, whose secret is lost");
            let is_known = Arc::clone(&is_out);
            thread::spawn(move || {
                let signal = signals.next();
                if !is_known.load(Ordering::SeqCst) {
                    output::note("");
                    output::advise(&what, &"quiltctl api-keys list".into());
                }
                // Each of them ends the program.
                let _ = emulate_default_handler(signal);
            });
        }
        Self { is_out }
    }

    /// Somebody has the secret, or no key was made.
    pub(super) fn end(&self) {
        self.is_out.store(true, Ordering::SeqCst);
    }
}
