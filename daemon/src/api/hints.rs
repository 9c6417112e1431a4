//! The one map from what went wrong to the command that mends it, or shows why
//! it cannot.

mod shared;

use quilt_proto::suggested_command::{EXAMPLE_CATALOG, first_login};
use std::io::ErrorKind;
use std::path::Path;

use quilt_network::{Failure, SET_CLOCK};
use quilt_proto::locations::{self, CATALOG_ENV, NoHome};
use quilt_proto::{Command, NameError, python_sdk};
use quilt_trust::Distrust;

use self::shared::{accept, away, bind, delete_again, list, login, look, refused_key, versions};
pub(super) use self::shared::{ask, file, key as key_notice, note, store};
use super::error::ApiError;
use crate::aws::AwsError;
use crate::catalog_resolver::CatalogError;
use crate::credential::CredentialError;
use crate::files::FileError;
use crate::gateway::GatewayError;
use crate::grant::GrantError;
use crate::keys::{KeyError, new_key};
use crate::listen::{AcquireError, BindError};
use crate::package::{PackageError, StoreError as ObjectError};
use crate::quilt3::{ConfigError, SdkFileError};
use crate::session::{Session, SessionError};
use crate::stack::StackError;
use crate::state_dir_lock::InstanceError;
use crate::token_store::StoreError;

/// Shows a registry, whichever it is.
const LIST: &str = "quiltctl buckets";

/// What a daemon needs that could not start, where this is why.
pub fn start(cause: &(dyn std::error::Error + 'static)) -> Option<Command> {
    if let Some(error) = cause.downcast_ref() {
        return Some(match error {
            StoreError::NoKeyring(_) => "quiltd --token-store file".into(),
            error => store(error),
        });
    }
    if let Some(AcquireError::Bind(error)) = cause.downcast_ref() {
        return Some(bind(error));
    }
    if let Some(error) = cause.downcast_ref::<NoHome>() {
        return Some(error.hint());
    }
    if let Some(error) = cause.downcast_ref::<InstanceError>() {
        return Some(error.remedy());
    }
    if let Some(distrust) = cause.downcast_ref::<Distrust>() {
        return Some(distrust.remedy());
    }
    // The catalog of the key that it was given.
    Some(match cause.downcast_ref::<CatalogError>()? {
        CatalogError::NotConfigured => Command::of("export").variable(CATALOG_ENV, EXAMPLE_CATALOG),
        CatalogError::Url(_)
        | CatalogError::Name { .. }
        | CatalogError::KeyUnplaced
        | CatalogError::KeyOfSeveral(_) => {
            Command::of("quiltd").option("--catalog", EXAMPLE_CATALOG)
        }
        CatalogError::Config(error) => config(error),
    })
}

/// Whether a daemon could not start because another one runs.
pub fn is_second(cause: &(dyn std::error::Error + 'static)) -> bool {
    matches!(
        cause.downcast_ref(),
        Some(AcquireError::Bind(BindError::AlreadyRunning(_)))
    ) || matches!(cause.downcast_ref(), Some(InstanceError::Running { .. }))
}

/// What a caller of the API needs; `None` where no command helps.
pub(super) fn hint(error: &ApiError) -> Option<Command> {
    Some(match error {
        ApiError::Catalog(error) => catalog(error),
        ApiError::Role(SessionError::Stack(StackError::Refused { .. })) => {
            "quiltctl role list".into()
        }
        ApiError::Role(SessionError::Stack(error)) if error.may_have_been_heard() => {
            "quiltctl whoami".into()
        }
        ApiError::Search(SessionError::Stack(
            StackError::Refused { .. } | StackError::Input { .. } | StackError::TooLong { .. },
        )) => "quiltctl search --help".into(),
        ApiError::Login(error, how) => return session_by(error, how.command()),
        ApiError::Session(error) | ApiError::Role(error) | ApiError::Search(error) => {
            return session(error);
        }
        ApiError::OtherCatalog { named, .. } => Command::of("quiltctl config").operand(named),
        ApiError::Credential(error) => return credential(error),
        ApiError::Config(error) => config(error),
        ApiError::Audit(_) => "quiltctl doctor".into(),
        ApiError::NotASecret(_) => "quiltctl api-keys revoke --help".into(),
        ApiError::Key(error) => return key(error),
        ApiError::Package(error) => return package(error),
        // Most pages are of sites that are no catalog.
        ApiError::NotACatalog(StackError::Unreachable { host, failure })
            if !matches!(failure, Failure::CaptivePortal) =>
        {
            failure.remedy(Some(host))
        }
        ApiError::NotACatalog(_) => first_login(),
        ApiError::NoLoopback(_) => "quiltctl login".into(),
        ApiError::LeftToTheNext => "quiltctl daemon start".into(),
        ApiError::NoSuchLogin => "quiltctl login --web".into(),
        ApiError::Aws(error) => aws(error),
        ApiError::Gateway(error) => return gateway(error),
        ApiError::Grant(error) => grant(error),
        ApiError::Machine(_) | ApiError::Streams(_) => "quiltctl status".into(),
        ApiError::Body(problem) => return problem.hint.clone(),
        ApiError::NoSuchGrant => "quiltctl grants list".into(),
        ApiError::CodeRefused { catalog, .. } => login(catalog),
        ApiError::Name(_) | ApiError::Input(_) | ApiError::NoSuchPath | ApiError::NoSuchMethod => {
            return None;
        }
    })
}

fn catalog(error: &CatalogError) -> Command {
    match error {
        CatalogError::NotConfigured => first_login(),
        CatalogError::Name {
            broken: Some(broken),
            ..
        } => broken.remedy.clone(),
        CatalogError::KeyUnplaced | CatalogError::KeyOfSeveral(_) => {
            first_login().words("--api-key")
        }
        // It names those that there are.
        CatalogError::Url(_) | CatalogError::Name { .. } => "quiltctl status".into(),
        CatalogError::Config(error) => config(error),
    }
}

fn config(error: &ConfigError) -> Command {
    match error {
        ConfigError::File(error) => file(error),
        ConfigError::BadValue { key, .. } if key == python_sdk::NAVIGATOR_URL => first_login(),
        ConfigError::Broken { .. } => first_login(),
        ConfigError::UnknownKey { .. } | ConfigError::BadValue { .. } => "quiltctl config".into(),
    }
}

fn session(error: &SessionError) -> Option<Command> {
    session_by(error, "quiltctl config".into())
}

/// What a session needs that does not work, or not as it did; the same as where
/// that is an error.
pub(super) fn of_session(asked: &Session) -> Option<Command> {
    if let Err(error) = asked.check() {
        return session(&error);
    }
    let unread = asked.unread_key().map(|unread| unread.remedy);
    let forgotten = || asked.is_key_forgotten().then(|| new_key(asked.catalog()));
    unread.or_else(forgotten)
}

/// `command` is what takes the user's word for another registry.
fn session_by(error: &SessionError, command: Command) -> Option<Command> {
    Some(match error {
        SessionError::RegistryChanged { catalog, named, .. }
        | SessionError::OtherRegistry { catalog, named, .. } => accept(command, catalog, named),
        SessionError::LoggedOut(catalog)
        | SessionError::Superseded(catalog)
        | SessionError::Expired(catalog)
        | SessionError::OtherUser { catalog, .. }
        | SessionError::NoConnect(catalog)
        | SessionError::NoOwners(catalog) => login(catalog),
        SessionError::KeyForgotten(catalog) => new_key(catalog),
        SessionError::KeyUnread(unread) => unread.remedy.clone(),
        SessionError::KeyRefused {
            catalog,
            key,
            login_beneath,
        } => refused_key(catalog, key.origin.as_ref(), *login_beneath),
        SessionError::NotAccepted { .. } => "quiltctl doctor".into(),
        SessionError::NotACode => "quiltctl login".into(),
        SessionError::RegistryIsHere(_) => first_login(),
        SessionError::WebLoginDenied
        | SessionError::WebLoginLate
        | SessionError::WebLoginReplaced => "quiltctl login --web".into(),
        SessionError::NoRandomness => return None,
        SessionError::Stack(error) => stack(error),
        SessionError::Store(error)
        | SessionError::HalfLoggedOut(
            error @ (StoreError::InKeyring { .. } | StoreError::File(FileError::Distrusted(_))),
        ) => store(error),
        SessionError::Slow(_) => "quiltctl status".into(),
        SessionError::ClockSkew(_) => SET_CLOCK.into(),
        SessionError::HalfLoggedOut(_) => "quiltctl logout".into(),
        SessionError::HalfSwitched(_) => "quiltctl role list".into(),
        SessionError::Stopping => "quiltctl daemon start".into(),
    })
}

fn gateway(error: &GatewayError) -> Option<Command> {
    Some(match error {
        GatewayError::Session(error) => return session(error),
        GatewayError::NoOwnLogin(_) => "quiltctl login".into(),
        GatewayError::NotTakenOver { catalog, .. } => login(catalog),
        GatewayError::RecordLost => first_login(),
        GatewayError::Grant(error) => grant(error),
        GatewayError::Files(SdkFileError::Config(error)) => config(error),
        GatewayError::Files(SdkFileError::File(error)) => file(error),
        GatewayError::Files(SdkFileError::Broken(path)) => away(path, ".broken"),
    })
}

fn grant(error: &GrantError) -> Command {
    let why = match error {
        GrantError::HalfRevoked { source, .. }
        | GrantError::NoTokenFile(source)
        | GrantError::Unsaved(source) => quilt_trust::behind(source),
        GrantError::TooMany | GrantError::System(_) => None,
    };
    if let Some(distrust) = why {
        return distrust.remedy();
    }
    match error {
        // Again: it is for good once there is room, or the lock is free.
        GrantError::HalfRevoked { id: Some(id), .. } => {
            Command::of("quiltctl grants revoke").operand(id)
        }
        GrantError::HalfRevoked { id: None, .. } => "quiltctl setup quilt3 --undo".into(),
        GrantError::NoTokenFile(error) | GrantError::Unsaved(error) => {
            match locations::state_dir() {
                Ok(dir) => look(&dir, error.kind()),
                Err(no_home) => no_home.hint(),
            }
        }
        GrantError::TooMany | GrantError::System(_) => "quiltctl status".into(),
    }
}

fn stack(error: &StackError) -> Command {
    match error {
        StackError::Unreachable { host, failure } => failure.remedy(Some(host)),
        StackError::Unauthorized { .. }
        | StackError::Forbidden { .. }
        | StackError::TokenRejected { .. } => "quiltctl login".into(),
        // By whom it knows, whom another login would not change.
        StackError::Refused { .. } => "quiltctl whoami".into(),
        StackError::Input { .. } | StackError::TooLong { .. } => "quiltctl --help".into(),
        StackError::Invalid { .. } => "quiltctl status".into(),
        StackError::Credentials { .. } => "quiltctl doctor".into(),
    }
}

fn credential(error: &CredentialError) -> Option<Command> {
    Some(match error {
        CredentialError::Session(error) => return session(error),
        CredentialError::Catalog(error) => catalog(error),
        CredentialError::ClockSkew(_) => SET_CLOCK.into(),
        CredentialError::Aws { source, .. } => aws(source),
        CredentialError::UnknownProfile { remedy, .. } => remedy.clone(),
        CredentialError::OtherCatalog { .. } | CredentialError::SlowAws(_) => {
            "quiltctl profiles".into()
        }
        CredentialError::Slow(_) => "quiltctl status".into(),
        CredentialError::Stopping => "quiltctl daemon start".into(),
    })
}

fn key(error: &KeyError) -> Option<Command> {
    Some(match error {
        KeyError::NotSet(SessionError::KeyRefused { catalog, .. }) | KeyError::NoKey(catalog) => {
            new_key(catalog)
        }
        KeyError::Session(error) | KeyError::NotSet(error) => return session(error),
        KeyError::Name(NameError::ApiKeyId | NameError::ApiKeyIdIsSecret)
        | KeyError::NotFound
        | KeyError::Unidentified
        | KeyError::Useless(_)
        | KeyError::Meanwhile(_)
        | KeyError::PerhapsMade { .. } => "quiltctl api-keys list".into(),
        KeyError::Name(_) => "quiltctl login --api-key".into(),
        KeyError::NoName | KeyError::Lifetime => "quiltctl api-keys create --help".into(),
        KeyError::NotAdmin(catalog) => Command::of("quiltctl whoami").option("--catalog", catalog),
        KeyError::LeftBehind { id, .. } => Command::of("quiltctl api-keys revoke").operand(id),
        KeyError::SameName { ids, .. } => {
            let id = ids.first().map_or("ID", String::as_str);
            Command::of("quiltctl api-keys revoke").operand(id)
        }
    })
}

fn package(error: &PackageError) -> Option<Command> {
    Some(match error {
        PackageError::Registry(_) | PackageError::NoRegistry | PackageError::NoLayout => {
            LIST.into()
        }
        PackageError::Config(error) => config(error),
        PackageError::Catalog(error) => catalog(error),
        PackageError::NoSuchPackage(wanted) => list(&wanted.registry),
        PackageError::NoSuchVersion(wanted)
        | PackageError::NoMatch(_, wanted)
        | PackageError::ManyMatches(_, wanted) => versions(&wanted.name, &wanted.registry),
        PackageError::Store(error) => return object(error),
        PackageError::HalfDeleted(half) => delete_again(half),
    })
}

fn object(error: &ObjectError) -> Option<Command> {
    Some(match error {
        ObjectError::Missing(_) | ObjectError::NoSuchBucket(_) | ObjectError::Invalid { .. } => {
            LIST.into()
        }
        ObjectError::Refused { .. } => "quiltctl role list".into(),
        ObjectError::Denied { path, .. } => look(Path::new(path), ErrorKind::PermissionDenied),
        ObjectError::Io { path, kind, .. } => look(Path::new(path), *kind),
        ObjectError::Unreachable {
            origin, failure, ..
        } => failure.remedy(origin.as_ref()),
        ObjectError::Stale { .. }
        | ObjectError::WrongRegion { .. }
        | ObjectError::Garbled { .. } => "quiltctl doctor".into(),
        ObjectError::Credentials(error) => return credential(error),
    })
}

fn aws(error: &AwsError) -> Command {
    match error {
        AwsError::Unreachable {
            origin, failure, ..
        } => failure.remedy(origin.as_ref()),
        AwsError::Odd { .. } | AwsError::Refused { .. } | AwsError::Invalid { .. } => {
            "quiltctl profiles".into()
        }
    }
}
