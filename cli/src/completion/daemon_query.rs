//! The daemon, asked for what could be meant.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use quilt_client::blocking::Client;
use quilt_proto::api::Endpoint;

use crate::context::Context;
use crate::global::Global;

/// How long the daemon may take over all of it.
const TIMEOUT: Duration = Duration::from_millis(200);

/// The line that is completed.
#[derive(Debug)]
struct DaemonQuery {
    words: Vec<String>,
    index: usize,
    deadline: Instant,
}

static ASKED: OnceLock<DaemonQuery> = OnceLock::new();

/// Takes note of the line; once.
pub(crate) fn about(words: &[OsString], index: usize) {
    let words = words.iter().map(|word| word.to_string_lossy().into_owned());
    let _ = ASKED.set(DaemonQuery {
        words: words.collect(),
        index,
        deadline: Instant::now() + TIMEOUT,
    });
}

/// The words before the one that is completed.
pub(super) fn words_before() -> &'static [String] {
    ASKED.get().map_or(&[], |asked| {
        &asked.words[..asked.index.min(asked.words.len())]
    })
}

/// The value of an option that is on the line already.
pub(super) fn option(name: &str) -> Option<String> {
    let words = words_before();
    words.iter().enumerate().find_map(|(at, word)| {
        let given = word.strip_prefix(name)?;
        match given.strip_prefix('=') {
            Some(value) => Some(value.to_owned()),
            None if given.is_empty() => words.get(at + 1).cloned(),
            None => None,
        }
    })
}

/// What a daemon that runs says, in time.
pub(super) fn ask<E: Endpoint>(request: &E) -> Option<E::Answer> {
    in_time(context().client().ok()?, request)
}

/// The same of everything, whatever catalog the line names.
pub(super) fn ask_all<E: Endpoint>(request: &E) -> Option<E::Answer> {
    in_time(Client::new(context().socket().ok()?), request)
}

fn in_time<E: Endpoint>(client: Client, request: &E) -> Option<E::Answer> {
    let deadline = ASKED.get()?.deadline;
    client.with_deadline(deadline).send(request).ok()
}

fn context() -> Context {
    Context::new(Global {
        catalog: option("--catalog"),
        socket: option("--socket").map(PathBuf::from),
        no_autostart: true,
        ..Global::default()
    })
}
