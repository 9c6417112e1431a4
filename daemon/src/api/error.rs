//! What a handler can fail with, and its answer: status and code from the one
//! map, the command that mends it from `hints.rs`.

mod problem;

use axum::response::{IntoResponse, Response};
use quilt_proto::{CatalogUrl, Command, ErrorCode, NameError, Problem, Reason};

use super::hints;
use crate::audit::AuditError;
use crate::aws::AwsError;
use crate::catalog_resolver::CatalogError;
use crate::credential::CredentialError;
use crate::gateway::GatewayError;
use crate::grant::GrantError;
use crate::keys::KeyError;
use crate::listen::{StreamRefused, come_again, problem_response};
use crate::package::PackageError;
use crate::quilt3::ConfigError;
use crate::session::SessionError;
use crate::stack::StackError;

/// What a handler can fail with.
#[derive(Debug, thiserror::Error)]
#[error("{}", self.problem())]
pub(super) enum ApiError {
    Catalog(#[from] CatalogError),
    Session(#[from] SessionError),
    /// A login did not come about.
    Login(SessionError, LoginMethod),
    /// The stack does not take the code that was pasted.
    CodeRefused {
        catalog: CatalogUrl,
        why: Reason,
    },
    Credential(#[from] CredentialError),
    Config(#[from] ConfigError),
    Audit(#[from] AuditError),
    Key(#[from] KeyError),
    Package(#[from] PackageError),
    Name(#[from] NameError),
    /// The URL given is not a catalog's.
    NotACatalog(StackError),
    /// The catalog says that it is another one.
    OtherCatalog {
        asked: CatalogUrl,
        named: CatalogUrl,
    },
    Aws(#[from] AwsError),
    Grant(#[from] GrantError),
    Gateway(#[from] GatewayError),
    /// The stack did not switch the role.
    Role(SessionError),
    Input(String),
    /// The search was not answered.
    Search(SessionError),
    /// The secret of the key to revoke is none.
    NotASecret(NameError),
    /// No loopback port can be had.
    NoLoopback(String),
    NoSuchLogin,
    /// The daemon ends, and the next one has the keys.
    LeftToTheNext,
    /// The machine does not do its part.
    Machine(String),
    NoSuchGrant,
    /// There are as many streams of events as there may be.
    Streams(StreamRefused),
    /// There is no room for what was sent, or it did not come.
    Body(Box<Problem>),
    NoSuchPath,
    NoSuchMethod,
}

/// How somebody wants to log in.
#[derive(Clone, Copy, Debug)]
pub(super) enum LoginMethod {
    Code,
    Browser,
    ApiKey,
}

impl LoginMethod {
    pub(super) fn command(self) -> Command {
        match self {
            Self::Code => "quiltctl login",
            Self::Browser => "quiltctl login --web",
            Self::ApiKey => "quiltctl login --api-key",
        }
        .into()
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let problem = self.problem();
        let response = problem_response(&problem);
        match problem.code {
            ErrorCode::Busy => come_again(response),
            _ => response,
        }
    }
}

impl ApiError {
    /// What the caller is told.
    pub(super) fn problem(&self) -> Problem {
        Problem {
            hint: hints::hint(self),
            ..problem::of(self)
        }
    }
}
