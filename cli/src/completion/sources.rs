//! What could stand in an argument's place.

use quilt_proto::python_sdk;
use std::collections::BTreeSet;
use std::env;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use clap_complete::engine::{
    ArgValueCandidates, ArgValueCompleter, CompletionCandidate, PathCompleter, ValueCompleter,
};
use quilt_proto::api::{
    Endpoint, ListAllApiKeys, ListApiKeys, ListBuckets, ListPackages, ReadConfig, ReadMe,
    ReadProfiles, ReadStatus, RegistryQuery,
};
use quilt_proto::wire::{ApiKey, ApiKeyFilter};

use super::daemon_query::{ask, ask_all, option, words_before};
use crate::grant_text;
use crate::look::{host, name};

/// The most candidates of one kind.
const MOST: usize = 1000;

/// Catalogs, by their names and hosts.
pub(crate) fn catalogs() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let status = ask_all(&ReadStatus);
        let catalogs = status.into_iter().flat_map(|status| status.catalogs);
        candidates(catalogs.flat_map(|catalog| {
            let host = host(&catalog.catalog_url);
            let user = catalog.user.map(|user| name(&user.name).to_string());
            let alias = catalog.alias.map(|alias| (alias, Some(host.clone())));
            [Some((host, user)), alias].into_iter().flatten()
        }))
    })
}

/// Profiles of `quiltd.toml`.
pub(crate) fn profiles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let profiles = ask(&ReadProfiles).unwrap_or_default();
        candidates(profiles.into_iter().map(|profile| {
            let role = profile.role_arn.last().map(|role| name(role).to_string());
            let own = || "the stack's own credentials".to_owned();
            (profile.name.to_string(), Some(role.unwrap_or_else(own)))
        }))
    })
}

/// The user's roles.
pub(crate) fn roles() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let me = ask(&ReadMe);
        let active = me.as_ref().and_then(|me| me.role.clone());
        let roles = me.into_iter().flat_map(|me| me.roles);
        candidates(roles.map(|role| {
            let is_active = active.as_ref() == Some(&role);
            (role, is_active.then(|| "active".to_owned()))
        }))
    })
}

/// The user's API keys, by name and by id.
pub(crate) fn keys() -> ArgValueCandidates {
    ArgValueCandidates::new(|| keys_of(&ListApiKeys(ApiKeyFilter::default())))
}

/// Everybody's.
pub(crate) fn admin_keys() -> ArgValueCandidates {
    ArgValueCandidates::new(|| keys_of(&ListAllApiKeys(ApiKeyFilter::default())))
}

/// Names of the user's API keys.
pub(crate) fn key_names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| names_of(&ListApiKeys(ApiKeyFilter::default())))
}

/// Names of everybody's.
pub(crate) fn admin_key_names() -> ArgValueCandidates {
    ArgValueCandidates::new(|| names_of(&ListAllApiKeys(ApiKeyFilter::default())))
}

fn names_of<E: Endpoint<Answer = Vec<ApiKey>>>(request: &E) -> Vec<CompletionCandidate> {
    let keys = ask(request).unwrap_or_default();
    // Several keys may have one name.
    let names: BTreeSet<_> = keys.into_iter().map(|key| key.name).collect();
    candidates(names.into_iter().map(|name| (name, None)))
}

fn keys_of<E: Endpoint<Answer = Vec<ApiKey>>>(request: &E) -> Vec<CompletionCandidate> {
    let keys = ask(request).unwrap_or_default();
    // A name that several have says not which.
    let is_one = |name: &str| keys.iter().filter(|key| key.name == name).count() == 1;
    let names: Vec<_> = keys.iter().filter(|key| is_one(&key.name)).collect();
    let names = names.into_iter().map(|key| {
        let fingerprint = name(&key.fingerprint).to_string();
        (key.name.clone(), Some(fingerprint))
    });
    let ids = keys.iter().map(|key| {
        let called = format!("{} {}", name(&key.name), name(&key.fingerprint));
        (key.id.clone(), Some(called))
    });
    candidates(names.chain(ids))
}

/// Grants, by id.
pub(crate) fn grants() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let status = ask_all(&ReadStatus);
        let grants = status.into_iter().flat_map(|status| status.grants);
        candidates(grants.map(|grant| {
            let (what, holder) = (grant_text::opens(&grant), grant_text::holder(&grant));
            (grant.id, Some(format!("{what}, {holder}")))
        }))
    })
}

/// Packages of the registry on the line, else of the configured one.
pub(crate) fn packages() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let registry = option("--registry");
        let packages = ask(&ListPackages(RegistryQuery {
            registry,
            layout: None,
        }))
        .unwrap_or_default();
        candidates(packages.into_iter().map(|package| (package, None)))
    })
}

/// Registries that are configured, and the catalog's buckets.
pub(crate) fn registries() -> ArgValueCandidates {
    ArgValueCandidates::new(|| {
        let buckets = ask(&ListBuckets).unwrap_or_default().into_iter();
        let buckets = buckets.map(|bucket| {
            let title = bucket.title.map(|title| name(&title).to_string());
            (format!("s3://{}", bucket.name), title)
        });
        let config = ask_all(&ReadConfig).unwrap_or_default();
        let named = [
            python_sdk::DEFAULT_REMOTE_REGISTRY,
            python_sdk::DEFAULT_INSTALL_LOCATION,
        ]
        .into_iter()
        .filter_map(|key| config.get(key)?.as_str().map(str::to_owned));
        candidates(named.map(|registry| (registry, None)).chain(buckets))
    })
}

/// Programs on the path where one begins, files after it.
pub(crate) fn programs() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let before = words_before();
        let begins = before.last().is_some_and(|word| word == "--")
            && !before[..before.len() - 1].iter().any(|word| word == "--");
        if begins && !current.as_bytes().contains(&b'/') {
            on_path(current)
        } else {
            PathCompleter::any().complete(current)
        }
    })
}

/// Programs that begin like this.
fn on_path(current: &OsStr) -> Vec<CompletionCandidate> {
    let path = env::var_os("PATH").unwrap_or_default();
    let mut found = BTreeSet::new();
    for dir in env::split_paths(&path).filter(|dir| dir.is_absolute()) {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if !name.as_bytes().starts_with(current.as_bytes()) {
                continue;
            }
            let is_program = fs::metadata(entry.path())
                .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0);
            if is_program {
                found.insert(name);
            }
        }
    }
    found.into_iter().map(CompletionCandidate::new).collect()
}

/// Names from the daemon. One that reads as an option is none: it would be
/// obeyed.
fn candidates(named: impl Iterator<Item = (String, Option<String>)>) -> Vec<CompletionCandidate> {
    named
        .filter(|(value, _)| !value.starts_with('-'))
        .take(MOST)
        .map(|(value, help)| CompletionCandidate::new(value).help(help.map(Into::into)))
        .collect()
}
