//! What can be wrong. No HTTP in here, and no commands.

use std::path::PathBuf;
use std::sync::Arc;

use quilt_network::{Failure, PlainEndpoint, Unusable};
use quilt_proto::suggested_command::clause;
use quilt_proto::time::span_ahead;
use quilt_proto::{CatalogUrl, ProfileName, quoted};
use quilt_trust::Distrust;

use crate::credential::CredentialError;
use crate::files::FileError;
use crate::gateway::GatewayDiagnostic;
use crate::hardening::ProtectionAttempt;
use crate::keys::{KeyDiagnostic, StartupKeyError, StartupSource};
use crate::own_program::Replaced;
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
