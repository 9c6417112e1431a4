//! Threads of their own for connections: whoever floods one, with a million
//! interim answers in place of one, keeps that busy, and no other host waits.

use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Mutex, OnceLock, PoisonError};

use tokio::runtime::{Builder, Handle, Runtime};
use url::Url;

use crate::clients::has_few_descriptors;

/// How many hosts have a thread to themselves; more than these share.
const THREADS: usize = 8;

/// How many hosts are told apart: anybody may name new ones.
const MOST_HOSTS: usize = 256;

/// Runtimes of one thread each, which are started when they are first needed.
#[derive(Debug, Default)]
pub(crate) struct ConnectionThreads {
    threads: [OnceLock<Option<Runtime>>; THREADS],
    /// Whose connections which of them serves.
    of_hosts: Mutex<HashMap<(String, Option<u16>), usize>>,
}

impl ConnectionThreads {
    /// Waits for what connects to the host of `url`: the connections it opens are
    /// served in here, also while it is waited for no more; what they bring is
    /// awaited wherever that is done.
    pub(crate) async fn connect<F: Future>(&self, url: &Url, connecting: F) -> F::Output {
        let Some(thread) = self.of(url) else {
            return connecting.await;
        };
        let mut connecting = pin!(connecting);
        poll_fn(|context| {
            let _entered = thread.enter();
            connecting.as_mut().poll(context)
        })
        .await
    }

    /// Nothing where the system has no thread to give: all the same then.
    fn of(&self, url: &Url) -> Option<&Handle> {
        let start = || {
            let mut builder = Builder::new_multi_thread();
            let builder = builder.worker_threads(1).thread_name("connections");
            builder.enable_all().build().ok()
        };
        let thread = self.threads[self.number(url)].get_or_init(start);
        thread.as_ref().map(Runtime::handle)
    }

    fn number(&self, url: &Url) -> usize {
        if has_few_descriptors() {
            return 0;
        }
        let host = url.host_str().unwrap_or_default().to_owned();
        let mut of_hosts = self.of_hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if of_hosts.len() == MOST_HOSTS {
            of_hosts.clear();
        }
        let next = of_hosts.len() % THREADS;
        let host = (host, url.port_or_known_default());
        *of_hosts.entry(host).or_insert(next)
    }
}

impl Drop for ConnectionThreads {
    /// It may be dropped by a task, which must wait for nobody.
    fn drop(&mut self) {
        for thread in &mut self.threads {
            if let Some(Some(runtime)) = thread.take() {
                runtime.shutdown_background();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_host_has_one_of_its_own_until_there_are_too_many() {
        let threads = ConnectionThreads::default();
        let number = |host: &str| threads.number(&format!("http://{host}/x").parse().unwrap());
        let first: Vec<_> = (1..=THREADS)
            .map(|port| number(&format!("h:{port}")))
            .collect();
        if has_few_descriptors() {
            return;
        }
        assert_eq!(first, (0..THREADS).collect::<Vec<_>>());
        assert_eq!(number("h:3"), first[2], "it keeps it");
        for host in 0..2 * MOST_HOSTS {
            assert!(number(&format!("h{host}")) < THREADS);
        }
    }
}
