//! Whether the daemon is of this program's version. After an upgrade the old
//! one goes on until somebody restarts it.

use std::time::Duration;

use quilt_client::blocking::Client;
use quilt_proto::api::ReadHealth;
use quilt_proto::build::VERSION;
use quilt_proto::quoted;

use crate::exit::{self, Failure};

/// How long a daemon may take to say its version.
const TIMEOUT: Duration = Duration::from_secs(3);

/// What is to be said where the daemon's version is another.
pub(crate) fn difference(daemon: &str) -> Option<String> {
    (daemon != VERSION).then(|| {
        format!(
            "quiltd is of version {}, and quiltctl of {VERSION}",
            quoted::name(daemon)
        )
    })
}

/// A failure that another version may be the reason of says so: a call that one
/// of the two does not know, an answer that the other does not understand.
pub(crate) fn explain(client: &Client, failure: Failure) -> Failure {
    if ![exit::UNEXPECTED, exit::INPUT, exit::NOT_FOUND].contains(&failure.code()) {
        return failure;
    }
    let health = client.clone().with_timeout(TIMEOUT).send(&ReadHealth);
    match health.ok().and_then(|health| difference(&health.version)) {
        Some(difference) => {
            let what = format!("{} ({difference})", failure.what());
            Failure::new(failure.code(), what).hint("quiltctl daemon restart")
        }
        None => failure,
    }
}
