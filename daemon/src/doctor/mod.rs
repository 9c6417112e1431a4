//! Looks at what the daemon owns, and at the stack behind it, for what keeps
//! programs from their credentials: one file a check. A check is called in
//! [`run_checks`], says what it found as an [`Diagnostic`], and `api/finding.rs`
//! names the command that mends it.
//!
//! What it takes is bounded as a whole. A stack that hangs is a finding, not a
//! reason to wait.

mod credentials;
mod diagnostic;
mod machine;
mod session;
mod upstream;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quilt_network::Network;
use quilt_trust::Distrust;
use tokio::time::Instant;

pub use self::diagnostic::Diagnostic;
pub use self::machine::settings;
use crate::clock::SharedClock;
use crate::credential::Vault;
use crate::gateway::Gateway;
use crate::keys::Keys;
use crate::process::Attempt;
use crate::program::Program;
use crate::session::Session;
use crate::settings::SettingsFile;
use crate::stack::StackClient;
use crate::token_store::Store;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(6);

/// What is looked at.
#[derive(Clone, Copy)]
pub struct DoctorContext<'a> {
    /// The session in question, where a catalog is known.
    pub session: Option<&'a Arc<Session>>,
    /// Upstream.
    pub stack: &'a StackClient,
    /// AWS credentials.
    pub vault: &'a Vault,
    /// API keys.
    pub keys: &'a Keys,
    /// The registry, for the Python SDK.
    pub gateway: &'a Gateway,
    /// The way to all that is not on this machine.
    pub network: &'a Network,
    /// What the user set.
    pub settings: &'a SettingsFile,
    /// What protects the process.
    pub protections: &'a [Attempt],
    /// What the daemon runs.
    pub program: Option<&'a Program>,
    /// Files that are not used, because somebody else may have changed them.
    pub distrusted: &'a [Distrust],
    /// Where refresh tokens are kept.
    pub store: &'a Store,
    /// The directory of the sessions file.
    pub state_dir: &'a Path,
    /// Time.
    pub clock: &'a SharedClock,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Report {
    /// What is wrong.
    pub diagnostics: Vec<Diagnostic>,
    /// What works, one line each.
    pub proven: Vec<String>,
}

impl Report {
    /// Takes an outcome up; answers whether it was a good one.
    fn note(&mut self, outcome: Result<String, Diagnostic>) -> bool {
        match outcome {
            Ok(proven) => {
                self.proven.push(proven);
                true
            }
            Err(diagnostic) => {
                self.diagnostics.push(diagnostic);
                false
            }
        }
    }
}

/// What was named for the way to the network, and is of no use.
pub fn network(network: &Network) -> Vec<Diagnostic> {
    let (unusable, failure) = network.check();
    let certificates = unusable.into_iter().map(Diagnostic::Certificates);
    certificates
        .chain(failure.map(Diagnostic::Network))
        .collect()
}

/// Looks at all of it.
pub async fn run_checks(context: DoctorContext<'_>) -> Report {
    let deadline = Instant::now() + LIMIT;
    let mut found = Report {
        diagnostics: settings(context.settings),
        ..Report::default()
    };
    found.diagnostics.extend(network(context.network));
    let distrusted = context.distrusted.iter().cloned();
    found
        .diagnostics
        .extend(distrusted.map(Diagnostic::Distrusted));
    let refused = context.protections.iter().filter(|it| it.refusal.is_some());
    let refused = refused.cloned().map(Diagnostic::Unprotected);
    found.diagnostics.extend(refused);
    let replaced = context.program.and_then(Program::replaced);
    found.diagnostics.extend(replaced.map(Diagnostic::Replaced));
    match context.gateway.check() {
        Ok(proven) => found.proven.extend(proven),
        Err(of_gateway) => {
            let again = context.gateway.set_up_again();
            let news = of_gateway.into_iter();
            let news = news.filter(|found| !found.is_about(context.distrusted));
            let diagnostics = news.map(|source| Diagnostic::Gateway { source, again });
            found.diagnostics.extend(diagnostics);
        }
    }
    let (store, rest) = tokio::join!(
        machine::store(context, deadline),
        examine_session(context, deadline)
    );
    found.diagnostics.extend(store);
    found.diagnostics.extend(rest.diagnostics);
    found.proven.extend(rest.proven);
    found
}

/// Each step needs the one before: a stack that is not there cannot tell who
/// anyone is.
async fn examine_session(context: DoctorContext<'_>, deadline: Instant) -> Report {
    let mut found = Report::default();
    let Some(session) = context.session else {
        return found;
    };
    found
        .diagnostics
        .extend(session::keys(context.keys, session));
    let upstream = upstream::check(context, session, deadline).await;
    let is_there = !matches!(upstream, Err(Diagnostic::Unreachable { .. }));
    found.note(upstream);
    if !is_there {
        found.diagnostics.extend(session::known(session));
    } else if found.note(session::check(context, session, deadline).await) {
        for outcome in credentials::check(context, session, deadline).await {
            found.note(outcome);
        }
    }
    found
}
