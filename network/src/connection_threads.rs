//! Threads of their own for connections: whoever floods one, with a million
//! interim answers in place of one, keeps these busy and nobody else.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::OnceLock;

use tokio::runtime::{Builder, Handle, Runtime};

/// How many connections can be read at the same moment.
const THREADS: usize = 2;

/// A runtime that is started when it is first needed.
#[derive(Debug, Default)]
pub(crate) struct ConnectionThreads(OnceLock<Option<Runtime>>);

impl ConnectionThreads {
    /// Waits for what connects: the connections it opens are served in here,
    /// also while it is waited for no more; what they bring is awaited wherever
    /// that is done.
    pub(crate) async fn connect<F: Future>(&self, connecting: F) -> F::Output {
        let Some(threads) = self.handle() else {
            return connecting.await;
        };
        let mut connecting = pin!(connecting);
        poll_fn(|context| {
            let _entered = threads.enter();
            connecting.as_mut().poll(context)
        })
        .await
    }

    /// Without one where the system has no thread to give: all the same then.
    fn handle(&self) -> Option<&Handle> {
        let start = || {
            let mut builder = Builder::new_multi_thread();
            let builder = builder.worker_threads(THREADS).thread_name("connections");
            builder.enable_all().build().ok()
        };
        self.0.get_or_init(start).as_ref().map(Runtime::handle)
    }
}

impl Drop for ConnectionThreads {
    /// It may be dropped by a task, which must wait for nobody.
    fn drop(&mut self) {
        if let Some(Some(runtime)) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
