//! The one map from what went wrong to status and code.

use quilt_network::Failure;
use quilt_proto::suggested_command::clause;
use quilt_proto::{ErrorCode, NetworkFailure, Problem};

use super::ApiError;
use crate::aws::AwsError;
use crate::catalog_resolver::CatalogError;
use crate::credential::CredentialError;
use crate::files::FileError;
use crate::gateway::GatewayError;
use crate::grant::GrantError;
use crate::keys::KeyError;
use crate::listen::StreamRefused;
use crate::package::{PackageError, StoreError as ObjectError};
use crate::quilt3::{ConfigError, SdkFileError};
use crate::session::SessionError;
use crate::stack::StackError;
use crate::token_store::StoreError;

/// The problem, without the command that mends it.
pub(super) fn of(error: &ApiError) -> Problem {
    match error {
        ApiError::Catalog(error) => catalog(error),
        ApiError::Role(SessionError::Stack(StackError::Refused { message, .. })) => Problem::new(
            403,
            ErrorCode::StackRefused,
            format!("the role was not switched: {message}"),
        ),
        ApiError::Role(SessionError::Stack(error)) if error.may_have_been_heard() => Problem {
            detail: format!("{}; the role may have been switched", clause(error)),
            ..stack(error)
        },
        ApiError::CodeRefused { why, .. } => Problem::new(
            403,
            ErrorCode::StackRefused,
            format!(
                "the code was not accepted: {}; a code works once, and at the catalog whose page showed it: copy a new one whole",
                clause(why)
            ),
        ),
        ApiError::OtherCatalog { asked, named } => {
            let detail =
                format!("{asked} says that it is another catalog, {named}: nothing is configured");
            Problem {
                catalog_url: Some(Box::new(named.clone())),
                ..Problem::new(409, ErrorCode::OtherCatalog, detail)
            }
        }
        ApiError::Session(error)
        | ApiError::Login(error, _)
        | ApiError::Role(error)
        | ApiError::Search(error) => session(error),
        ApiError::Credential(error) => credential(error),
        ApiError::Config(error) => config(error),
        ApiError::Audit(error) => internal(error.to_string()),
        ApiError::NotASecret(error) => invalid(error.to_string()),
        ApiError::Key(error) => key(error),
        ApiError::Package(error) => package(error),
        ApiError::Name(error) => Problem::new(400, ErrorCode::InvalidInput, error.to_string()),
        ApiError::NotACatalog(error) => {
            let odd = invalid(error.to_string());
            match error {
                // Most pages are of sites that are no catalog.
                StackError::Unreachable {
                    failure: Failure::CaptivePortal,
                    ..
                } => Problem {
                    network: Some(NetworkFailure::CaptivePortal),
                    ..odd
                },
                StackError::Unreachable { .. } => stack(error),
                _ => odd,
            }
        }
        ApiError::Input(detail) => Problem::new(400, ErrorCode::InvalidInput, detail),
        ApiError::NoLoopback(why) => internal(format!("cannot listen on 127.0.0.1: {why}")),
        ApiError::LeftToTheNext => {
            let detail = "quiltd is about to end, and left this to the next one";
            Problem::new(503, ErrorCode::Busy, detail)
        }
        ApiError::NoSuchLogin => not_found("there is no such login under way"),
        ApiError::Aws(error) => aws(error, error.to_string()),
        ApiError::Grant(error) => grant(error),
        ApiError::Gateway(error) => gateway(error),
        ApiError::Machine(detail) => internal(detail),
        ApiError::NoSuchGrant => not_found("there is no such grant"),
        ApiError::Streams(refused) => streams(*refused),
        ApiError::Body(problem) => (**problem).clone(),
        ApiError::NoSuchPath => not_found("there is no such path in the API"),
        ApiError::NoSuchMethod => Problem::new(
            405,
            ErrorCode::InvalidInput,
            "this path does not take that method",
        ),
    }
}

fn invalid(detail: impl Into<String>) -> Problem {
    Problem::new(422, ErrorCode::InvalidInput, detail)
}

fn not_found(detail: impl Into<String>) -> Problem {
    Problem::new(404, ErrorCode::NotFound, detail)
}

fn internal(detail: impl Into<String>) -> Problem {
    Problem::new(500, ErrorCode::Internal, detail)
}

fn streams(refused: StreamRefused) -> Problem {
    let (status, whose) = match refused {
        StreamRefused::Caller => (429, "this program has"),
        StreamRefused::Total => (503, "programs have"),
    };
    let detail = format!("{whose} as many streams of events open as there may be");
    Problem::new(status, ErrorCode::Busy, detail)
}

fn catalog(error: &CatalogError) -> Problem {
    match error {
        CatalogError::Url(error) => invalid(format!("the catalog is unusable: {error}")),
        CatalogError::Name { .. }
        | CatalogError::NotConfigured
        | CatalogError::KeyUnplaced
        | CatalogError::KeyOfSeveral(_) => invalid(error.to_string()),
        CatalogError::Config(error) => config(error),
    }
}

fn file(error: &FileError) -> Problem {
    match error {
        FileError::Io { .. } | FileError::Pinned { .. } => internal(error.to_string()),
        FileError::Distrusted(distrust) => internal(format!("{distrust}: it is not used")),
    }
}

fn config(error: &ConfigError) -> Problem {
    let detail = error.to_string();
    match error {
        ConfigError::File(error) => file(error),
        ConfigError::UnknownKey { .. }
        | ConfigError::BadValue { .. }
        | ConfigError::Broken { .. } => invalid(detail),
    }
}

fn session(error: &SessionError) -> Problem {
    let detail = error.to_string();
    match error {
        SessionError::RegistryChanged { named, .. } | SessionError::OtherRegistry { named, .. } => {
            Problem {
                registry_host: Some(named.clone()),
                ..Problem::new(409, ErrorCode::RegistryChanged, detail)
            }
        }
        SessionError::Expired(_) | SessionError::OtherUser { .. } => {
            Problem::new(401, ErrorCode::SessionExpired, detail)
        }
        SessionError::KeyRefused { .. } => Problem::new(403, ErrorCode::InvalidApiKey, detail),
        SessionError::NotAccepted { .. } => Problem::new(503, ErrorCode::StackUnreachable, detail),
        SessionError::NotACode | SessionError::RegistryIsHere(_) => invalid(detail),
        SessionError::NoConnect(_) => not_found(detail),
        SessionError::NoOwners(_) => Problem::new(403, ErrorCode::Denied, detail),
        SessionError::WebLoginDenied => Problem::new(403, ErrorCode::StackRefused, detail),
        SessionError::LoggedOut(_)
        | SessionError::Superseded(_)
        | SessionError::KeyForgotten(_)
        | SessionError::KeyUnread(_)
        | SessionError::WebLoginLate
        | SessionError::WebLoginReplaced => Problem::new(401, ErrorCode::LoginRequired, detail),
        SessionError::NoRandomness => internal(detail),
        SessionError::Stack(error) => stack(error),
        SessionError::Store(error) => store(error),
        SessionError::Slow(_) => Problem::new(504, ErrorCode::StackUnreachable, detail),
        SessionError::ClockSkew(_) => clock_skew(detail),
        SessionError::HalfLoggedOut(_) | SessionError::HalfSwitched(_) => {
            Problem::new(507, ErrorCode::StoreFailed, detail)
        }
        SessionError::Stopping => stopping(detail),
    }
}

fn grant(error: &GrantError) -> Problem {
    let code = match error {
        GrantError::TooMany => ErrorCode::Busy,
        GrantError::HalfRevoked { .. } => {
            return Problem::new(507, ErrorCode::StoreFailed, error.to_string());
        }
        GrantError::System(_) | GrantError::NoTokenFile(_) | GrantError::Unsaved(_) => {
            ErrorCode::Internal
        }
    };
    Problem::new(503, code, error.to_string())
}

fn gateway(error: &GatewayError) -> Problem {
    let detail = error.to_string();
    match error {
        GatewayError::Session(error) => session(error),
        GatewayError::NoOwnLogin(_) => not_found(detail),
        GatewayError::NotTakenOver { source, .. } => Problem {
            detail,
            ..session(source)
        },
        GatewayError::RecordLost | GatewayError::Files(SdkFileError::Broken(_)) => invalid(detail),
        GatewayError::Grant(error) => grant(error),
        GatewayError::Files(SdkFileError::Config(error)) => config(error),
        GatewayError::Files(SdkFileError::File(error)) => file(error),
    }
}

fn stopping(detail: String) -> Problem {
    Problem::new(503, ErrorCode::Internal, detail)
}

fn stack(error: &StackError) -> Problem {
    let detail = error.to_string();
    match error {
        StackError::Unreachable { failure, .. } => Problem {
            network: Some(failure.kind()),
            ..Problem::new(503, ErrorCode::StackUnreachable, detail)
        },
        StackError::Unauthorized { .. }
        | StackError::Forbidden { .. }
        | StackError::TokenRejected { .. }
        | StackError::Refused { .. } => Problem::new(403, ErrorCode::StackRefused, detail),
        StackError::Input { .. } | StackError::TooLong { .. } => invalid(detail),
        StackError::Invalid { .. } => Problem::new(502, ErrorCode::StackInvalid, detail),
        StackError::Credentials { .. } => Problem::new(502, ErrorCode::AwsInvalid, detail),
    }
}

fn store(error: &StoreError) -> Problem {
    Problem::new(507, ErrorCode::StoreFailed, error.to_string())
}

fn clock_skew(detail: String) -> Problem {
    Problem::new(500, ErrorCode::ClockSkew, detail)
}

fn credential(error: &CredentialError) -> Problem {
    let detail = error.to_string();
    match error {
        CredentialError::Session(error) => session(error),
        CredentialError::Catalog(error) => catalog(error),
        CredentialError::OtherCatalog { .. } => Problem::new(403, ErrorCode::Denied, detail),
        CredentialError::ClockSkew(_) => clock_skew(detail),
        CredentialError::Aws { source, .. } => aws(source, detail),
        CredentialError::SlowAws(_) => Problem::new(504, ErrorCode::AwsUnreachable, detail),
        CredentialError::UnknownProfile { .. } => not_found(detail),
        CredentialError::Slow(_) => Problem::new(504, ErrorCode::StackUnreachable, detail),
        CredentialError::Stopping => stopping(detail),
    }
}

fn key(error: &KeyError) -> Problem {
    let detail = error.to_string();
    match error {
        KeyError::NotSet(SessionError::KeyRefused { .. }) => {
            Problem::new(403, ErrorCode::InvalidApiKey, detail)
        }
        KeyError::Session(error) | KeyError::NotSet(error) => session(error),
        KeyError::Name(_) | KeyError::NoName | KeyError::Lifetime => invalid(detail),
        KeyError::NotFound | KeyError::Unidentified | KeyError::NoKey(_) => not_found(detail),
        KeyError::NotAdmin(_) => Problem::new(403, ErrorCode::StackRefused, detail),
        KeyError::SameName { .. } | KeyError::Meanwhile(_) => {
            Problem::new(409, ErrorCode::InvalidInput, detail)
        }
        KeyError::Useless(source) | KeyError::PerhapsMade { source, .. } => Problem {
            detail,
            ..stack(source)
        },
        KeyError::LeftBehind { cause, .. } => Problem {
            detail,
            ..key(cause)
        },
    }
}

fn package(error: &PackageError) -> Problem {
    let detail = error.to_string();
    match error {
        PackageError::Registry(_) | PackageError::NoRegistry | PackageError::NoLayout => {
            Problem::new(400, ErrorCode::InvalidInput, detail)
        }
        PackageError::Config(error) => config(error),
        PackageError::Catalog(error) => catalog(error),
        PackageError::NoSuchPackage { .. }
        | PackageError::NoSuchVersion { .. }
        | PackageError::NoMatch { .. } => not_found(detail),
        PackageError::ManyMatches { .. } => invalid(detail),
        PackageError::Store(error) => object(error),
        PackageError::HalfDeleted(half) => Problem {
            detail,
            ..object(&half.cause)
        },
    }
}

fn object(error: &ObjectError) -> Problem {
    let detail = error.to_string();
    match error {
        ObjectError::Missing(_) | ObjectError::NoSuchBucket(_) => not_found(detail),
        ObjectError::Refused { .. } => Problem::new(403, ErrorCode::AwsRefused, detail),
        ObjectError::Denied { .. } => Problem::new(403, ErrorCode::Denied, detail),
        ObjectError::Stale { .. } | ObjectError::WrongRegion { .. } => {
            Problem::new(403, ErrorCode::AwsRefused, detail)
        }
        ObjectError::Unreachable { failure, .. } => Problem {
            network: Some(failure.kind()),
            ..Problem::new(503, ErrorCode::AwsUnreachable, detail)
        },
        ObjectError::Garbled { .. } => Problem::new(502, ErrorCode::AwsInvalid, detail),
        ObjectError::Credentials(error) => credential(error),
        ObjectError::Invalid { .. } => invalid(detail),
        ObjectError::Io { .. } => internal(detail),
    }
}

fn aws(error: &AwsError, detail: String) -> Problem {
    match error {
        AwsError::Unreachable { failure, .. } => Problem {
            network: Some(failure.kind()),
            ..Problem::new(503, ErrorCode::AwsUnreachable, detail)
        },
        AwsError::Odd { .. } => Problem::new(503, ErrorCode::AwsUnreachable, detail),
        AwsError::Refused { .. } => Problem::new(403, ErrorCode::AwsRefused, detail),
        AwsError::Invalid { .. } => Problem::new(502, ErrorCode::AwsInvalid, detail),
    }
}
