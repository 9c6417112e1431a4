//! Looks at what the daemon owns, and at the stack behind it, for what keeps
//! programs from their credentials: one file a check. A check is called in
//! [`examine`], says what it found as an [`Ailment`], and `api/finding.rs`
//! names the command that mends it.
//!
//! What it takes is bounded as a whole. A stack that hangs is a finding, not a
//! reason to wait.

mod ailment;
mod credentials;
mod machine;
mod session;
mod upstream;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quilt_network::Network;
use quilt_trust::Distrust;
use tokio::time::Instant;

pub use self::ailment::Ailment;
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
use crate::store::Store;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(6);

/// What is looked at.
#[derive(Clone, Copy)]
pub struct Patient<'a> {
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
pub struct Examination {
    /// What is wrong.
    pub ailments: Vec<Ailment>,
    /// What works, one line each.
    pub proven: Vec<String>,
}

impl Examination {
    /// Takes an outcome up; answers whether it was a good one.
    fn note(&mut self, outcome: Result<String, Ailment>) -> bool {
        match outcome {
            Ok(proven) => {
                self.proven.push(proven);
                true
            }
            Err(ailment) => {
                self.ailments.push(ailment);
                false
            }
        }
    }
}

/// What was named for the way to the network, and is of no use.
pub fn network(network: &Network) -> Vec<Ailment> {
    let (unusable, failure) = network.check();
    let certificates = unusable.into_iter().map(Ailment::Certificates);
    certificates.chain(failure.map(Ailment::Network)).collect()
}

/// Looks at all of it.
pub async fn examine(patient: Patient<'_>) -> Examination {
    let deadline = Instant::now() + LIMIT;
    let mut found = Examination {
        ailments: settings(patient.settings),
        ..Examination::default()
    };
    found.ailments.extend(network(patient.network));
    let distrusted = patient.distrusted.iter().cloned();
    found.ailments.extend(distrusted.map(Ailment::Distrusted));
    let refused = patient.protections.iter().filter(|it| it.refusal.is_some());
    let refused = refused.cloned().map(Ailment::Unprotected);
    found.ailments.extend(refused);
    let replaced = patient.program.and_then(Program::replaced);
    found.ailments.extend(replaced.map(Ailment::Replaced));
    match patient.gateway.check() {
        Ok(proven) => found.proven.extend(proven),
        Err(troubles) => {
            let again = patient.gateway.set_up_again();
            let news = troubles.into_iter();
            let news = news.filter(|trouble| !trouble.is_about(patient.distrusted));
            let ailments = news.map(|source| Ailment::Gateway { source, again });
            found.ailments.extend(ailments);
        }
    }
    let (store, rest) = tokio::join!(
        machine::store(patient, deadline),
        examine_session(patient, deadline)
    );
    found.ailments.extend(store);
    found.ailments.extend(rest.ailments);
    found.proven.extend(rest.proven);
    found
}

/// Each step needs the one before: a stack that is not there cannot tell who
/// anyone is.
async fn examine_session(patient: Patient<'_>, deadline: Instant) -> Examination {
    let mut found = Examination::default();
    let Some(session) = patient.session else {
        return found;
    };
    found.ailments.extend(session::keys(patient.keys, session));
    let upstream = upstream::check(patient, session, deadline).await;
    let is_there = !matches!(upstream, Err(Ailment::Unreachable { .. }));
    found.note(upstream);
    if !is_there {
        found.ailments.extend(session::known(session));
    } else if found.note(session::check(patient, session, deadline).await) {
        for outcome in credentials::check(patient, session, deadline).await {
            found.note(outcome);
        }
    }
    found
}
