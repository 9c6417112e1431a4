//! Commands that mend something, or show why they cannot.

use std::path::Path;

use quilt_proto::state_files::NEWER;
use quilt_proto::wire::DEFAULT_KEY_LIFETIME_DAYS;
use quilt_proto::{CatalogUrl, Command, PackageName, RegistryHost};
pub(in crate::api) use quilt_trust::look;

use crate::files::FileError;
use crate::keys::{KeyDiagnostic, new_key};
use crate::listen::BindError;
use crate::package::HalfDeleted;
use crate::session::KeyOrigin;
use crate::state_dir_lock;
use crate::token_store::{StoreError, StoreNote};

/// What a file needs.
pub(in crate::api) fn file(error: &FileError) -> Command {
    match error {
        FileError::Distrusted(distrust) => distrust.remedy(),
        FileError::Io { path, kind, .. } => look(path, *kind),
        FileError::Pinned { path, pin, .. } => pin.remedy(path),
    }
}

/// What the token store needs.
pub(in crate::api) fn store(error: &StoreError) -> Command {
    match error {
        StoreError::Newer(path) => away(path, NEWER),
        StoreError::File(error) => file(error),
        StoreError::TooLarge(_) => Command::of("quiltctl logout --all"),
        StoreError::Busy(_) => Command::of("quiltctl doctor"),
        // A new daemon takes the keyring if it answers, else the file.
        StoreError::Keyring(_) | StoreError::NoKeyring(_) | StoreError::InKeyring { .. } => {
            Command::of("quiltctl daemon restart")
        }
    }
}

/// What comes after a note of the token store.
pub(in crate::api) fn note(note: &StoreNote) -> Command {
    match note {
        StoreNote::SetAside { .. } | StoreNote::EntrySetAside { .. } => {
            Command::of("quiltctl login")
        }
        StoreNote::WasReadable { .. } => Command::of("quiltctl logout --all"),
        StoreNote::Unkept { error, .. } | StoreNote::Unread(error) => store(error),
    }
}

/// What a control socket needs that cannot be bound.
pub(in crate::api) fn bind(error: &BindError) -> Command {
    match error {
        BindError::AlreadyRunning(path) => state_dir_lock::stop(Some(path)),
        // A directory that is there for the socket; any other one, such as
        // /etc or /tmp, has to stay as it is.
        BindError::DirectoryLoose { dir, .. } if is_ours(dir) => Command::of("chmod 700").path(dir),
        BindError::Distrusted(why) => why.remedy(),
        // Another socket, for the daemon and its clients alike.
        _ => Command::of("export QUILTD_SOCKET=\"$HOME/.quilt/quiltd.sock\""),
    }
}

fn is_ours(dir: &Path) -> bool {
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    name.trim_start_matches('.').starts_with("quilt")
}

/// Moves a file away that is not what it should be.
pub(in crate::api) fn away(path: &Path, suffix: &str) -> Command {
    let mut aside = path.as_os_str().to_owned();
    aside.push(suffix);
    Command::of("mv").path(path).path(Path::new(&aside))
}

/// Logs in to a catalog.
pub(in crate::api) fn login(catalog: &CatalogUrl) -> Command {
    Command::of("quiltctl login").operand(catalog)
}

/// What a refused key needs: a login does not help while the key overrides it,
/// and one that each start reads is back with the next.
pub(super) fn refused_key(
    catalog: &CatalogUrl,
    origin: Option<&KeyOrigin>,
    login_beneath: bool,
) -> Command {
    if let Some(replace) = origin.and_then(KeyOrigin::replace_key) {
        replace
    } else if login_beneath {
        Command::of("quiltctl clear-api-key").option("--catalog", catalog)
    } else {
        new_key(catalog)
    }
}

/// A command of `quiltctl` with the user's word for a registry.
pub(in crate::api) fn accept(
    command: Command,
    catalog: &CatalogUrl,
    host: &RegistryHost,
) -> Command {
    command
        .option("--catalog", catalog)
        .option("--accept-registry", host)
}

/// Shows whether a catalog answers.
pub(in crate::api) fn ask(catalog: &CatalogUrl) -> Command {
    Command::of(quilt_network::HEAD).operand(catalog.join("/config.json"))
}

/// What an API key needs.
pub(in crate::api) fn key(notice: &KeyDiagnostic) -> Command {
    match notice {
        // One that has ended cannot make its own successor.
        KeyDiagnostic::Ends {
            catalog,
            origin,
            login_beneath,
            is_over: true,
            ..
        } => refused_key(catalog, origin.as_ref(), *login_beneath),
        KeyDiagnostic::Ends {
            catalog,
            is_short_lived,
            ..
        } => {
            let longer = is_short_lived.then_some(DEFAULT_KEY_LIFETIME_DAYS);
            Command::of("quiltctl api-keys rotate --current")
                .option_if("--expires-in-days", longer)
                .option("--catalog", catalog)
        }
        KeyDiagnostic::Forgotten { catalog } => new_key(catalog),
        KeyDiagnostic::UntrustedRegistry { catalog, named, .. } => {
            accept("quiltctl config".into(), catalog, named)
        }
        KeyDiagnostic::Unfinished { id, catalog, .. } => Command::of("quiltctl api-keys revoke")
            .operand(id)
            .option("--catalog", catalog),
        // Which of the two is used, its owner knows.
        KeyDiagnostic::Left { name, catalog } => Command::of("quiltctl api-keys list")
            .option("--name", name)
            .option("--catalog", catalog),
    }
}

/// Shows what there is of a package.
pub(in crate::api) fn versions(name: &PackageName, registry: &str) -> Command {
    Command::of("quiltctl packages versions")
        .operand(name)
        .option("--registry", registry)
}

/// Shows what there is in a registry.
pub(in crate::api) fn list(registry: &str) -> Command {
    Command::of("quiltctl packages list").operand(registry)
}

/// Finishes a deletion that stopped halfway.
pub(in crate::api) fn delete_again(half: &HalfDeleted) -> Command {
    Command::of("quiltctl packages delete")
        .operand(&half.name)
        .option("--registry", &half.registry)
        .option_if("--top-hash", half.top_hash.as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deletion_goes_on_with_the_same_version() {
        let half = HalfDeleted {
            progress: crate::package::Progress::default(),
            cause: crate::package::StoreError::NoSuchBucket("lake".to_owned()),
            name: "ns/name".parse().unwrap(),
            registry: "file:///x; run: y".to_owned(),
            top_hash: Some("-abc".to_owned()),
        };
        assert_eq!(
            delete_again(&half),
            "quiltctl packages delete ns/name --registry 'file:///x;'' run: y' --top-hash=-abc"
        );
    }

    #[test]
    fn no_directory_of_the_system_is_to_be_closed() {
        let loose = |dir: &str| {
            bind(&BindError::DirectoryLoose {
                dir: dir.into(),
                mode: rustix::fs::Mode::from(0o755),
            })
        };
        assert_eq!(loose("/home/me/.quilt"), "chmod 700 /home/me/.quilt");
        assert_eq!(loose("/x; run: y/quilt"), "chmod 700 '/x;'' run: y/quilt'");
        for dir in ["/etc", "/tmp", "/", "/home/me"] {
            assert!(loose(dir).to_string().starts_with("export "), "{dir}");
        }
    }
}
