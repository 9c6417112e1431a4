//! Looks at what the daemon owns, and at the stack behind it, for what keeps
//! programs from their credentials: one file a check. Those that ask nobody
//! are in [`known`]; the others are called in [`run_checks`]. `api/findings.rs`
//! names the command that mends what was found.
//!
//! What it takes is bounded as a whole. A stack that hangs is a finding, not a
//! reason to wait.

mod catalog;
mod clock;
mod credentials;
mod diagnostic;
mod network;
mod session;
mod settings;
mod token_store;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use quilt_network::Network;
use quilt_proto::CatalogUrl;
use quilt_trust::Distrust;
use tokio::time::Instant;

pub use self::diagnostic::{Diagnostic, known};
pub use self::network::check as network;
use crate::clock::SharedClock;
use crate::credential::Vault;
use crate::files::FileError;
use crate::gateway::Gateway;
use crate::hardening::ProtectionAttempt;
use crate::keys::{KeyDiagnostic, Keys, StartupKeyError, StartupSource};
use crate::own_program::Program;
use crate::session::{Session, SessionError, Sessions};
use crate::settings::SettingsFile;
use crate::stack::StackClient;
use crate::token_store::StoreNote;

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(7);

/// An API key that the daemon was to start with, and why it was not taken.
pub type KeyNotTaken = (StartupSource, Arc<StartupKeyError>);

/// What is looked at.
pub struct DoctorContext<'a> {
    /// The session in question, where a catalog is known.
    pub session: Option<&'a Arc<Session>>,
    /// All there are.
    pub sessions: &'a Sessions,
    /// Upstream.
    pub stack: &'a StackClient,
    /// AWS credentials.
    pub vault: &'a Vault,
    /// API keys.
    pub keys: &'a Keys,
    /// Those that the daemon was to start with, and does not use.
    pub keys_not_taken: Vec<KeyNotTaken>,
    /// The catalog that is meant where nobody names one.
    pub default_catalog: Option<CatalogUrl>,
    /// The registry, for the Python SDK.
    pub gateway: &'a Gateway,
    /// The way to all that is not on this machine.
    pub network: &'a Network,
    /// What the user set.
    pub settings: &'a SettingsFile,
    /// What protects the process.
    pub protections: &'a [ProtectionAttempt],
    /// What the daemon runs.
    pub program: Option<&'a Program>,
    /// Files that are not used, because somebody else may have changed them.
    pub distrusted: Vec<Distrust>,
    /// Why the audit log cannot be written.
    pub unaudited: Option<FileError>,
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
    pub passed: Vec<String>,
}

impl Report {
    /// Takes an outcome up; answers whether it was a good one.
    fn note(&mut self, outcome: Result<String, Diagnostic>) -> bool {
        let is_good = outcome.is_ok();
        match outcome {
            Ok(passed) => self.passed.push(passed),
            Err(diagnostic) => self.diagnostics.push(diagnostic),
        }
        is_good
    }
}

/// Looks at all of it.
pub async fn run_checks(context: &DoctorContext<'_>) -> Report {
    let deadline = Instant::now() + LIMIT;
    let mut found = known(context);
    found.diagnostics.extend(network::check(context.network));
    let (store, rest) = tokio::join!(
        token_store::check(context, deadline),
        check_session(context, deadline)
    );
    found.diagnostics.extend(store);
    found.diagnostics.extend(rest.diagnostics);
    found.passed.extend(rest.passed);
    found.diagnostics = without_repeats(found.diagnostics);
    found
}

/// One fact once: of a key, a session says the same as the key itself does, or
/// less; where there is no state directory, nothing is written to it.
fn without_repeats(diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    let says_session = |key: &KeyDiagnostic| {
        diagnostics.iter().any(|found| match (key, found) {
            (
                KeyDiagnostic::Forgotten { catalog },
                Diagnostic::Session(SessionError::KeyForgotten(of)),
            )
            | (
                KeyDiagnostic::UntrustedRegistry { catalog, .. },
                Diagnostic::Session(SessionError::RegistryChanged { catalog: of, .. }),
            ) => catalog == of,
            _ => false,
        })
    };
    let says_key = |of: &CatalogUrl| {
        diagnostics.iter().any(|found| {
            matches!(found, Diagnostic::Key(KeyDiagnostic::Ends { catalog, is_over: true, .. })
                if catalog == of)
        })
    };
    let says_unread = |why: &str| {
        diagnostics.iter().any(|found| {
            matches!(found, Diagnostic::NotTaken { from, error } if from.complain(error) == why)
        })
    };
    let no_state_dir = |found: &Diagnostic| matches!(found, Diagnostic::NoStateDir(_));
    let is_dir_gone = diagnostics.iter().any(no_state_dir);
    let is_repeat: Vec<bool> = diagnostics
        .iter()
        .map(|found| match found {
            Diagnostic::Key(key) => says_session(key),
            // When it expired is more than that it is refused.
            Diagnostic::Session(SessionError::KeyRefused { catalog, .. }) => says_key(catalog),
            // The sentence is the same.
            Diagnostic::Session(SessionError::KeyUnread(unread)) => says_unread(&unread.why),
            Diagnostic::Unaudited(_)
            | Diagnostic::StoreNote(StoreNote::Unkept { .. } | StoreNote::Unread(_)) => is_dir_gone,
            _ => false,
        })
        .collect();
    let with = diagnostics.into_iter().zip(is_repeat);
    with.filter(|(_, is_repeat)| !is_repeat)
        .map(|(found, _)| found)
        .collect()
}

/// Each step needs the one before: a stack that is not there cannot tell who
/// anyone is.
async fn check_session(context: &DoctorContext<'_>, deadline: Instant) -> Report {
    let mut found = Report::default();
    let Some(session) = context.session else {
        return found;
    };
    let upstream = catalog::check(context, session, deadline).await;
    let is_there = !matches!(upstream, Err(Diagnostic::Unreachable { .. }));
    found.note(upstream);
    if !is_there {
        found.diagnostics.extend(session::known(session));
    } else if found.note(session::check(session, deadline).await) {
        for outcome in credentials::check(context, session, deadline).await {
            found.note(outcome);
        }
    }
    if let Some(seconds) = credentials::last_for(context, session) {
        let all = found.diagnostics.into_iter();
        let all = all.map(|diagnostic| diagnostic.while_credentials_last(seconds));
        found.diagnostics = all.collect();
    }
    found
}

#[cfg(test)]
mod tests {
    use quilt_proto::Quoted;

    use super::*;
    use crate::session::KeyMark;

    #[test]
    fn one_fact_is_found_once_and_others_stay() {
        let here: CatalogUrl = "https://here.example".parse().unwrap();
        let there: CatalogUrl = "https://there.example".parse().unwrap();
        let forgotten = |catalog: &CatalogUrl| {
            let catalog = catalog.clone();
            Diagnostic::Key(KeyDiagnostic::Forgotten { catalog })
        };
        let ends = |is_over| {
            Diagnostic::Key(KeyDiagnostic::Ends {
                name: Quoted::new("ci"),
                fingerprint: "qk_1...2".to_owned(),
                origin: None,
                catalog: here.clone(),
                seconds_left: 5,
                is_over,
                is_short_lived: false,
                login_beneath: false,
            })
        };
        let refused = || {
            Diagnostic::Session(SessionError::KeyRefused {
                catalog: here.clone(),
                key: Box::new(KeyMark {
                    fingerprint: "qk_1...2".to_owned(),
                    origin: None,
                }),
                login_beneath: false,
            })
        };
        let session = || Diagnostic::Session(SessionError::KeyForgotten(here.clone()));
        let left = |found: Vec<Diagnostic>| -> Vec<String> {
            let left = without_repeats(found);
            left.iter().map(|found| format!("{found:?}")).collect()
        };
        let shown = |found: Vec<Diagnostic>| -> Vec<String> {
            found.iter().map(|found| format!("{found:?}")).collect()
        };
        assert_eq!(
            left(vec![forgotten(&here), forgotten(&there), session()]),
            shown(vec![forgotten(&there), session()])
        );
        assert_eq!(left(vec![forgotten(&here)]), shown(vec![forgotten(&here)]));
        assert_eq!(left(vec![ends(true), refused()]), shown(vec![ends(true)]));
        let gone = || Diagnostic::NoStateDir("/state".into());
        let unaudited = || {
            let error = std::io::ErrorKind::NotFound.into();
            let path = Path::new("/state/audit.jsonl");
            Diagnostic::Unaudited(FileError::of("write to", path, &error))
        };
        assert_eq!(left(vec![unaudited(), gone()]), shown(vec![gone()]));
        assert_eq!(left(vec![unaudited()]), shown(vec![unaudited()]));
        let both = || vec![ends(false), refused()];
        assert_eq!(
            left(both()),
            shown(both()),
            "that it ends soon is another fact"
        );
    }
}
