//! The only map from what went wrong to status, code and mending command.

use std::path::Path;

use axum::response::{IntoResponse, Response};
use quilt_proto::{CatalogUrl, Command, ErrorCode, NameError, Problem};
use quilt_trust::Distrust;

use super::mend;
use crate::audit::AuditError;
use crate::aws::AwsError;
use crate::catalogs::CatalogError;
use crate::credential::CredentialError;
use crate::gateway::GatewayError;
use crate::grant::GrantError;
use crate::keys::KeyError;
use crate::listen::{StreamRefused, come_again, problem_response};
use crate::package::{PackageError, StoreError as ObjectError};
use crate::python_sdk::{ConfigError, SdkFileError};
use crate::session::SessionError;
use crate::stack::StackError;
use crate::store::StoreError;

/// What a handler can fail with.
#[derive(Debug)]
pub(super) enum ApiError {
    Catalog(CatalogError),
    Session(SessionError),
    /// A login did not come about.
    Login(SessionError, How),
    Credential(CredentialError),
    Config(ConfigError),
    Audit(AuditError),
    Key(KeyError),
    Package(PackageError),
    Name(NameError),
    /// The URL given is not a catalog's.
    NotACatalog(StackError),
    /// The catalog says that it is another one.
    OtherCatalog {
        asked: CatalogUrl,
        named: CatalogUrl,
    },
    Aws(AwsError),
    Grant(GrantError),
    Gateway(GatewayError),
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
    /// The machine does not do its part.
    Machine(String),
    NoSuchGrant,
    /// There are as many streams of events as there may be.
    Streams(StreamRefused),
    NoSuchPath,
    NoSuchMethod,
}

/// How somebody wants to log in.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    Code,
    Browser,
    ApiKey,
}

impl How {
    fn command(self) -> Command {
        match self {
            Self::Code => "quiltctl login",
            Self::Browser => "quiltctl login --web",
            Self::ApiKey => "quiltctl login --api-key",
        }
        .into()
    }
}

macro_rules! from {
    ($($variant:ident($source:ty)),*) => {
        $(impl From<$source> for ApiError {
            fn from(error: $source) -> Self {
                Self::$variant(error)
            }
        })*
    };
}

from!(
    Catalog(CatalogError),
    Session(SessionError),
    Credential(CredentialError),
    Config(ConfigError),
    Audit(AuditError),
    Key(KeyError),
    Package(PackageError),
    Name(NameError),
    Aws(AwsError),
    Grant(GrantError),
    Gateway(GatewayError),
    Streams(StreamRefused)
);

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
    pub(super) fn problem(&self) -> Problem {
        match self {
            Self::Catalog(error) => catalog(error),
            Self::Role(SessionError::Stack(StackError::Refused { message, .. })) => Problem::new(
                403,
                ErrorCode::StackRefused,
                format!("the role was not switched: {message}"),
            )
            .with_hint("quiltctl role list"),
            Self::Search(SessionError::Stack(
                error @ (StackError::Refused { .. }
                | StackError::Input { .. }
                | StackError::TooLong { .. }),
            )) => Problem {
                hint: Some("quiltctl search --help".into()),
                ..stack(error)
            },
            Self::Login(error, how) => session_by(error, how.command()),
            Self::OtherCatalog { asked, named } => {
                let detail = format!(
                    "{asked} says that it is another catalog, {named}: nothing is configured"
                );
                let hint = Command::of("quiltctl config").operand(named);
                Problem {
                    catalog_url: Some(Box::new(named.clone())),
                    ..Problem::new(409, ErrorCode::OtherCatalog, detail).with_hint(hint)
                }
            }
            Self::Session(error) | Self::Role(error) | Self::Search(error) => session(error),
            Self::Credential(error) => credential(error),
            Self::Config(error) => config(error),
            Self::Audit(error) => Problem::new(500, ErrorCode::Internal, error.to_string())
                .with_hint("quiltctl doctor"),
            Self::NotASecret(error) => {
                Problem::new(422, ErrorCode::InvalidInput, error.to_string())
                    .with_hint("quiltctl api-keys revoke --help")
            }
            Self::Key(error) => key(error),
            Self::Package(error) => package(error),
            Self::Name(error) => Problem::new(400, ErrorCode::InvalidInput, error.to_string()),
            Self::NotACatalog(error) => {
                let (status, code) = match error {
                    StackError::Unreachable { .. } => (503, ErrorCode::StackUnreachable),
                    _ => (422, ErrorCode::InvalidInput),
                };
                Problem::new(status, code, error.to_string()).with_hint(mend::CONFIGURE)
            }
            Self::Input(detail) => Problem::new(400, ErrorCode::InvalidInput, detail),
            Self::NoLoopback(why) => Problem::new(
                500,
                ErrorCode::Internal,
                format!("cannot listen on 127.0.0.1: {why}"),
            )
            .with_hint("quiltctl login"),
            Self::NoSuchLogin => {
                Problem::new(404, ErrorCode::NotFound, "there is no such login under way")
                    .with_hint("quiltctl login --web")
            }
            Self::Aws(error) => aws(error, error.to_string()),
            Self::Grant(error) => grant(error),
            Self::Gateway(error) => gateway(error),
            Self::Machine(detail) => {
                Problem::new(500, ErrorCode::Internal, detail).with_hint("quiltctl status")
            }
            Self::NoSuchGrant => Problem::new(404, ErrorCode::NotFound, "there is no such grant")
                .with_hint("quiltctl status"),
            Self::Streams(refused) => streams(*refused),
            Self::NoSuchPath => {
                Problem::new(404, ErrorCode::NotFound, "there is no such path in the API")
            }
            Self::NoSuchMethod => Problem::new(
                405,
                ErrorCode::InvalidInput,
                "this path does not take that method",
            ),
        }
    }
}

fn streams(refused: StreamRefused) -> Problem {
    let (status, whose) = match refused {
        StreamRefused::Caller => (429, "this program has"),
        StreamRefused::Total => (503, "programs have"),
    };
    let detail = format!("{whose} as many streams of events open as there may be");
    Problem::new(status, ErrorCode::Busy, detail).with_hint("quiltctl status")
}

fn catalog(error: &CatalogError) -> Problem {
    match error {
        CatalogError::Url(error) => Problem::new(
            422,
            ErrorCode::InvalidInput,
            format!("the catalog is unusable: {error}"),
        )
        .with_hint(mend::CONFIGURE),
        CatalogError::NotConfigured => {
            Problem::new(422, ErrorCode::InvalidInput, error.to_string()).with_hint(mend::CONFIGURE)
        }
        CatalogError::Config(error) => config(error),
    }
}

fn config(error: &ConfigError) -> Problem {
    let detail = error.to_string();
    match error {
        ConfigError::Io { path, reason, .. } => {
            Problem::new(500, ErrorCode::Internal, detail).with_hint(mend::look(path, reason))
        }
        ConfigError::Distrusted(distrust) => distrusted(distrust),
        ConfigError::BadValue { key, .. } if key == "navigator_url" => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint(mend::CONFIGURE)
        }
        ConfigError::Broken { .. } => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint(mend::CONFIGURE)
        }
        ConfigError::UnknownKey { .. } | ConfigError::BadValue { .. } => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint("quiltctl config")
        }
    }
}

/// A file that may be somebody else's doing.
fn distrusted(distrust: &Distrust) -> Problem {
    let what = format!("{distrust}: it is not used");
    Problem::new(500, ErrorCode::Internal, what).with_hint(distrust.remedy())
}

fn session(error: &SessionError) -> Problem {
    session_by(error, "quiltctl config".into())
}

/// `command` is what takes the user's word for another registry.
fn session_by(error: &SessionError, command: Command) -> Problem {
    let detail = error.to_string();
    match error {
        SessionError::RegistryChanged { catalog, named, .. }
        | SessionError::OtherRegistry { catalog, named, .. } => {
            let hint = mend::accept(command, catalog, named);
            Problem {
                registry_host: Some(named.clone()),
                ..Problem::new(409, ErrorCode::RegistryChanged, detail).with_hint(hint)
            }
        }
        SessionError::LoggedOut(catalog) | SessionError::Overtaken(catalog) => {
            Problem::new(401, ErrorCode::LoginRequired, detail).with_hint(mend::login(catalog))
        }
        SessionError::KeyForgotten(catalog) => {
            Problem::new(401, ErrorCode::LoginRequired, detail).with_hint(mend::new_key(catalog))
        }
        SessionError::Expired(catalog) => {
            Problem::new(401, ErrorCode::SessionExpired, detail).with_hint(mend::login(catalog))
        }
        SessionError::KeyRefused {
            catalog,
            login_beneath,
        } => {
            let hint = mend::refused_key(catalog, *login_beneath);
            Problem::new(403, ErrorCode::InvalidApiKey, detail).with_hint(hint)
        }

        SessionError::NotAccepted { .. } => {
            Problem::new(503, ErrorCode::StackUnreachable, detail).with_hint("quiltctl doctor")
        }
        SessionError::NotACode => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint("quiltctl login")
        }
        SessionError::NoConnect(catalog) => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint(mend::login(catalog))
        }
        SessionError::NoOwners(catalog) => {
            Problem::new(403, ErrorCode::Denied, detail).with_hint(mend::login(catalog))
        }
        SessionError::WebLoginDenied => {
            Problem::new(403, ErrorCode::StackRefused, detail).with_hint("quiltctl login --web")
        }
        SessionError::WebLoginLate | SessionError::WebLoginReplaced => {
            Problem::new(401, ErrorCode::LoginRequired, detail).with_hint("quiltctl login --web")
        }
        SessionError::NoRandomness => Problem::new(500, ErrorCode::Internal, detail),
        SessionError::Stack(error) => stack(error),
        SessionError::Store(error) => store(error),
        SessionError::Slow(_) => {
            Problem::new(504, ErrorCode::StackUnreachable, detail).with_hint("quiltctl status")
        }
        SessionError::ClockSkew { .. } => clock_skew(detail),
        SessionError::HalfLoggedOut(_) => {
            Problem::new(507, ErrorCode::StoreFailed, detail).with_hint("quiltctl logout")
        }
        SessionError::Stopping => stopping(detail),
    }
}

fn grant(error: &GrantError) -> Problem {
    Problem::new(503, ErrorCode::Internal, error.to_string()).with_hint("quiltctl status")
}

fn gateway(error: &GatewayError) -> Problem {
    let detail = error.to_string();
    match error {
        GatewayError::Session(error) => session(error),
        GatewayError::NoOwnLogin(_) => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint("quiltctl login")
        }
        GatewayError::NotTakenOver { catalog, source } => Problem {
            detail,
            ..session(source).with_hint(mend::login(catalog))
        },
        GatewayError::RecordLost | GatewayError::Itself(_) => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint(mend::CONFIGURE)
        }
        GatewayError::Grant(error) => grant(error),
        GatewayError::Files(SdkFileError::Config(error)) => config(error),
        GatewayError::Files(SdkFileError::Distrusted(distrust)) => distrusted(distrust),
        GatewayError::Files(SdkFileError::Io { path, reason, .. }) => {
            Problem::new(500, ErrorCode::Internal, detail).with_hint(mend::look(path, reason))
        }
        GatewayError::Files(SdkFileError::Broken(path)) => {
            Problem::new(422, ErrorCode::InvalidInput, detail)
                .with_hint(mend::away(path, ".broken"))
        }
    }
}

fn stopping(detail: String) -> Problem {
    Problem::new(503, ErrorCode::Internal, detail).with_hint("quiltctl daemon start")
}

fn stack(error: &StackError) -> Problem {
    let detail = error.to_string();
    match error {
        StackError::Unreachable { .. } => {
            Problem::new(503, ErrorCode::StackUnreachable, detail).with_hint("quiltctl status")
        }
        StackError::Unauthorized { .. }
        | StackError::Forbidden { .. }
        | StackError::TokenRejected { .. }
        | StackError::Refused { .. } => {
            Problem::new(403, ErrorCode::StackRefused, detail).with_hint("quiltctl login")
        }
        StackError::Input { .. } | StackError::TooLong { .. } => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint("quiltctl --help")
        }
        StackError::Invalid { .. } => {
            Problem::new(502, ErrorCode::StackInvalid, detail).with_hint("quiltctl status")
        }
        StackError::Credentials { .. } => {
            Problem::new(502, ErrorCode::AwsInvalid, detail).with_hint("quiltctl doctor")
        }
    }
}

fn store(error: &StoreError) -> Problem {
    Problem::new(507, ErrorCode::StoreFailed, error.to_string()).with_hint(mend::store(error))
}

fn clock_skew(detail: String) -> Problem {
    Problem::new(500, ErrorCode::ClockSkew, detail).with_hint(mend::SET_CLOCK)
}

fn credential(error: &CredentialError) -> Problem {
    let detail = error.to_string();
    match error {
        CredentialError::Session(error) => session(error),
        CredentialError::Catalog(error) => catalog(error),
        CredentialError::OtherCatalog { .. } => {
            Problem::new(403, ErrorCode::Denied, detail).with_hint("quiltctl profiles")
        }
        CredentialError::ClockSkew { .. } => clock_skew(detail),
        CredentialError::Aws { source, .. } => aws(source, detail),
        CredentialError::SlowAws(_) => {
            Problem::new(504, ErrorCode::AwsUnreachable, detail).with_hint("quiltctl profiles")
        }
        CredentialError::UnknownProfile { .. } => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint("quiltctl profiles")
        }
        CredentialError::Slow(_) => {
            Problem::new(504, ErrorCode::StackUnreachable, detail).with_hint("quiltctl status")
        }
        CredentialError::Stopping => stopping(detail),
    }
}

fn key(error: &KeyError) -> Problem {
    let detail = error.to_string();
    let problem = |status, code, hint: &'static str| {
        let detail = detail.clone();
        Problem::new(status, code, detail).with_hint(hint)
    };
    match error {
        KeyError::NotSet(SessionError::KeyRefused { catalog, .. }) => {
            Problem::new(403, ErrorCode::InvalidApiKey, detail).with_hint(mend::new_key(catalog))
        }
        KeyError::Session(error) | KeyError::NotSet(error) => session(error),
        KeyError::Name(NameError::ApiKeyId | NameError::ApiKeyIdIsSecret) => {
            problem(422, ErrorCode::InvalidInput, "quiltctl api-keys list")
        }
        KeyError::Name(_) => problem(422, ErrorCode::InvalidInput, "quiltctl login --api-key"),
        KeyError::NoName | KeyError::Lifetime => problem(
            422,
            ErrorCode::InvalidInput,
            "quiltctl api-keys create --help",
        ),
        KeyError::NotFound | KeyError::Unidentified => {
            problem(404, ErrorCode::NotFound, "quiltctl api-keys list")
        }
        KeyError::NoKey(catalog) => Problem::new(404, ErrorCode::NotFound, detail)
            .with_hint(Command::of("quiltctl login --api-key").option("--catalog", catalog)),
        KeyError::NotAdmin(catalog) => Problem::new(403, ErrorCode::StackRefused, detail)
            .with_hint(Command::of("quiltctl whoami").option("--catalog", catalog)),
        KeyError::Twins { ids, .. } => {
            let id = ids.first().map_or("ID", String::as_str);
            Problem::new(409, ErrorCode::InvalidInput, detail)
                .with_hint(Command::of("quiltctl api-keys revoke").operand(id))
        }
        KeyError::Useless(error) => {
            let below = stack(error);
            problem(below.status, below.code, "quiltctl api-keys list")
        }
        KeyError::PerhapsMade { source, .. } => {
            let below = stack(source);
            problem(below.status, below.code, "quiltctl api-keys list")
        }
    }
}

fn package(error: &PackageError) -> Problem {
    const LIST: &str = "quiltctl packages list s3://YOUR-BUCKET";
    let detail = error.to_string();
    match error {
        PackageError::Registry(_) | PackageError::NoRegistry => {
            Problem::new(400, ErrorCode::InvalidInput, detail).with_hint(LIST)
        }
        PackageError::Config(error) => config(error),
        PackageError::Catalog(error) => catalog(error),
        PackageError::NoSuchPackage { registry, .. } => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint(mend::list(registry))
        }
        PackageError::NoSuchVersion { name, registry }
        | PackageError::NoMatch { name, registry, .. } => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint(mend::versions(name, registry))
        }
        PackageError::ManyMatches { name, registry, .. } => {
            Problem::new(422, ErrorCode::InvalidInput, detail)
                .with_hint(mend::versions(name, registry))
        }
        PackageError::Store(error) => object(error),
        PackageError::HalfDeleted(half) => Problem {
            detail,
            hint: Some(mend::delete_again(half)),
            ..object(&half.cause)
        },
    }
}

fn object(error: &ObjectError) -> Problem {
    const LIST: &str = "quiltctl packages list s3://YOUR-BUCKET";
    let detail = error.to_string();
    match error {
        ObjectError::Missing(_) | ObjectError::NoSuchBucket(_) => {
            Problem::new(404, ErrorCode::NotFound, detail).with_hint(LIST)
        }
        ObjectError::Refused { .. } => {
            Problem::new(403, ErrorCode::AwsRefused, detail).with_hint("quiltctl role list")
        }
        ObjectError::Denied { path, reason } => Problem::new(403, ErrorCode::Denied, detail)
            .with_hint(mend::look(Path::new(path), reason)),
        ObjectError::Stale { .. } | ObjectError::WrongRegion { .. } => {
            Problem::new(403, ErrorCode::AwsRefused, detail).with_hint("quiltctl doctor")
        }
        ObjectError::Unreachable { .. } => {
            Problem::new(503, ErrorCode::AwsUnreachable, detail).with_hint("quiltctl doctor")
        }
        ObjectError::Garbled { .. } => {
            Problem::new(502, ErrorCode::AwsInvalid, detail).with_hint("quiltctl doctor")
        }
        ObjectError::Credentials(error) => credential(error),
        ObjectError::Invalid { .. } => {
            Problem::new(422, ErrorCode::InvalidInput, detail).with_hint(LIST)
        }
        ObjectError::Io { path, reason, .. } => Problem::new(500, ErrorCode::Internal, detail)
            .with_hint(mend::look(Path::new(path), reason)),
    }
}

fn aws(error: &AwsError, detail: String) -> Problem {
    let (status, code) = match error {
        AwsError::Unreachable { .. } => (503, ErrorCode::AwsUnreachable),
        AwsError::Refused { .. } => (403, ErrorCode::AwsRefused),
        AwsError::Invalid { .. } => (502, ErrorCode::AwsInvalid),
    };
    Problem::new(status, code, detail).with_hint("quiltctl profiles")
}
