//! What can be wrong, and the checks that ask nobody: files, protections, the
//! program, the gateway, keys. No HTTP in here, and no commands.

use std::path::PathBuf;
use std::sync::Arc;

use quilt_network::{Failure, PlainEndpoint, Unusable, plain_endpoints};
use quilt_proto::suggested_command::clause;
use quilt_proto::time::span_ahead;
use quilt_proto::{CatalogUrl, ProfileName, quoted};
use quilt_trust::Distrust;

use super::{DoctorContext, Report, settings};
use crate::credential::CredentialError;
use crate::files::FileError;
use crate::gateway::GatewayDiagnostic;
use crate::hardening::ProtectionAttempt;
use crate::keys::{KeyDiagnostic, StartupKeyError, StartupSource, key_diagnostic};
use crate::own_program::{Program, Replaced};
use crate::session::SessionError;
use crate::stack::StackError;
use crate::token_store::{StoreError, StoreNote};

/// One thing that is wrong.
#[derive(Debug, thiserror::Error)]
pub enum Diagnostic {
    /// The catalog does not answer as one.
    #[error("{source}")]
    Unreachable {
        /// Which.
        catalog: CatalogUrl,
        /// What happened.
        source: StackError,
    },
    /// The catalog's clock and this machine's disagree.
    #[error(
        "this machine's clock is {} s {} that of {catalog}",
        ahead.abs(),
        if *ahead > 0 { "ahead of" } else { "behind" }
    )]
    ClockSkew {
        /// Whose clock.
        catalog: CatalogUrl,
        /// How far this machine's is ahead, in seconds.
        ahead: i64,
    },
    /// Nobody is logged in, or not any more.
    #[error(transparent)]
    Session(SessionError),
    /// The stack does not say in time who is logged in.
    #[error("{0} takes too long to say who is logged in")]
    Slow(CatalogUrl),
    /// The stack is away, while programs live from what is held.
    #[error(
        "{}; programs go on with the credentials that are held, for {}",
        clause(what),
        span_ahead(*seconds)
    )]
    Meanwhile {
        /// How it is away.
        what: Box<Self>,
        /// In how many seconds the first of them end.
        seconds: i64,
    },
    /// An API key needs its owner.
    #[error(transparent)]
    Key(KeyDiagnostic),
    /// An API key that the daemon was to start with was not taken.
    #[error("{}", from.complain(error))]
    NotTaken {
        /// Where it was to come from.
        from: StartupSource,
        /// Why not.
        error: Arc<StartupKeyError>,
    },
    /// A profile gives no credentials.
    #[error("profile '{profile}' of {catalog} gives no AWS credentials: {}", source.reason())]
    Credential {
        /// Which.
        profile: ProfileName,
        /// Whose.
        catalog: CatalogUrl,
        /// Why not.
        source: CredentialError,
    },
    /// The Python SDK does not find the gateway.
    #[error("{source}")]
    Gateway {
        /// Why not.
        source: GatewayDiagnostic,
        /// The command that sets it up as it was.
        again: &'static str,
    },
    /// A file is not used: somebody else may have changed it.
    #[error("{0}: it is not used")]
    Distrusted(Distrust),
    /// The system refuses the process a protection.
    #[error("{}", .0.warning().unwrap_or_default())]
    Unprotected(ProtectionAttempt),
    /// The daemon's program is not what is installed any more.
    #[error("{0}")]
    Replaced(Replaced),
    /// The token store cannot be read or written.
    #[error(transparent)]
    Store(StoreError),
    /// The token store does not answer.
    #[error("the token store does not answer")]
    StoreHangs,
    /// What programs get is not noted.
    #[error("what programs get is not noted: {0}")]
    Unaudited(FileError),
    /// Something the store wants known.
    #[error(transparent)]
    StoreNote(StoreNote),
    /// The state directory is gone.
    #[error("the state directory {} is gone", quoted::path(.0))]
    NoStateDir(PathBuf),
    /// Certificates that were named cannot be used.
    #[error("{0}")]
    Certificates(Unusable),
    /// A variable leads credentials to another machine in the clear.
    #[error(
        "{} names {} by plain http: it is not asked, as whoever is on the way there could read \
         your AWS credentials",
        .0.variable,
        quoted::name(&.0.origin.to_string())
    )]
    PlainEndpoint(PlainEndpoint),
    /// Requests cannot even be made.
    #[error("the network {0}")]
    Network(Failure),
    /// The settings are not in force, or not as they are written.
    #[error("{problem}")]
    Settings {
        /// What is wrong with it.
        problem: String,
        /// Whether the file is in force all the same.
        is_active: bool,
    },
}

impl Diagnostic {
    /// The same, where credentials that are held carry programs over it.
    pub(super) fn while_credentials_last(self, seconds: i64) -> Self {
        let is_away = matches!(
            &self,
            Self::Unreachable { .. }
                | Self::Slow(_)
                | Self::Session(SessionError::Stack(StackError::Unreachable { .. }))
        );
        if is_away {
            let what = Box::new(self);
            Self::Meanwhile { what, seconds }
        } else {
            self
        }
    }
}

/// What is known without asking anyone: all that the status shows, and more
/// that is well. Reads no certificates, as a shell's prompt waits for it.
pub fn known(context: &DoctorContext<'_>) -> Report {
    // Whose file it is may be told of already.
    let is_told = |error: &FileError| matches!(error, FileError::Distrusted(it) if context.distrusted.contains(it));
    let notes = context.sessions.store().notes().into_iter();
    let notes = notes.filter(|note| match note {
        StoreNote::Unread(StoreError::File(error)) => !is_told(error),
        _ => true,
    });
    let mut found = Report {
        diagnostics: notes.map(Diagnostic::StoreNote).collect(),
        ..Report::default()
    };
    let diagnostics = &mut found.diagnostics;
    diagnostics.extend(settings::check(context.settings));
    let distrusted = context.distrusted.iter().cloned();
    diagnostics.extend(distrusted.map(Diagnostic::Distrusted));
    let unaudited = context.unaudited.as_ref().filter(|error| !is_told(error));
    diagnostics.extend(unaudited.cloned().map(Diagnostic::Unaudited));
    let protections = ProtectionAttempt::now(context.protections).into_iter();
    let refused = protections.filter(|it| it.refusal.is_some());
    diagnostics.extend(refused.map(Diagnostic::Unprotected));
    let plain = plain_endpoints().into_iter();
    diagnostics.extend(plain.map(Diagnostic::PlainEndpoint));
    let replaced = context.program.and_then(Program::replaced);
    diagnostics.extend(replaced.map(Diagnostic::Replaced));
    match context.gateway.check() {
        Ok(passed) => found.passed.extend(passed),
        Err(of_gateway) => {
            let again = context.gateway.set_up_again();
            let news = of_gateway.into_iter();
            let news = news.filter(|found| !found.is_about(&context.distrusted));
            diagnostics.extend(news.map(|source| Diagnostic::Gateway { source, again }));
        }
    }
    let not_taken = context.keys_not_taken.iter().cloned();
    diagnostics.extend(not_taken.map(|(from, error)| Diagnostic::NotTaken { from, error }));
    for session in context.sessions.all() {
        let notices = key_diagnostic::all(context.keys, &session).into_iter();
        diagnostics.extend(notices.map(Diagnostic::Key));
    }
    found
}
