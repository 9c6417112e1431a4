//! Files that people, other programs or an older daemon wrote.

use std::fs;
use std::path::Path;

use quilt_proto::wire::ConfigValues;
use tempfile::TempDir;

use super::is_a_line;
use crate::quilt3::{ConfigFile, SdkFiles};
use crate::settings::Settings;
use crate::token_store::Document;

pub(super) fn dir() -> TempDir {
    tempfile::Builder::new()
        .prefix("fuzz")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700))
        .tempdir()
        .expect("a directory")
}

fn put(dir: &Path, name: &str, data: &[u8]) {
    fs::create_dir_all(dir).expect("a directory");
    let path = dir.join(name);
    fs::write(&path, data).expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(path, mode).expect("its mode");
}

/// `quiltd.toml`.
pub(super) fn settings(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else {
        return;
    };
    match Settings::parse(text) {
        Ok(settings) => {
            for warning in settings.warnings() {
                is_a_line(&warning);
            }
            let _ = settings.profiles();
        }
        Err(error) => is_a_line(&error.to_string()),
    }
}

/// `config.yml`: what can be read can be added to, and read again.
pub(super) fn config_yml(data: &[u8]) {
    let dir = dir();
    put(dir.path(), "config.yml", data);
    let file = ConfigFile::new(dir.path().to_owned());
    match file.read() {
        Err(error) => is_a_line(&error.to_string()),
        Ok(before) => {
            let _ = file.catalog();
            let mut change = ConfigValues::default();
            change.insert("telemetry_disabled".to_owned(), true.into());
            if file.merge(&change).is_ok() {
                let after = file.read().expect("it can be read again");
                assert!(after.len() >= before.len());
                assert_eq!(after["telemetry_disabled"], true);
            }
        }
    }
}

/// `auth.json` and the record of how quilt3 was set up.
pub(super) fn auth_json(data: &[u8]) {
    let (sdk, state) = (dir(), dir());
    put(sdk.path(), "auth.json", data);
    put(state.path(), "python-sdk.json", data);
    let sdk_files = SdkFiles::new(sdk.path(), state.path());
    let _ = sdk_files.redirection();
    let registry = "https://registry.example".parse().expect("a registry");
    match sdk_files.own_login(&registry) {
        Ok(_) => {}
        Err(error) => is_a_line(&error.to_string()),
    }
}

/// `sessions.json`: what can be read can be written, and read again.
pub(super) fn sessions(data: &[u8]) {
    let Ok(document) = serde_json::from_slice::<Document>(data) else {
        return;
    };
    let text = serde_json::to_vec(&document).expect("it can be written");
    let again: Document = serde_json::from_slice(&text).expect("it can be read again");
    assert!(again == document);
}

/// `grants.json`, likewise.
pub(super) fn grants(data: &[u8]) {
    crate::grant::fuzz_kept(data);
}

/// `catalogs.json`, by way of the store that reads it.
pub(super) fn catalogs(data: &[u8]) {
    let dir = dir();
    put(dir.path(), "catalogs.json", data);
    crate::token_store::fuzz_known_catalogs(dir.path());
}

/// Pointers and hashes of a package registry.
pub(super) fn packages(data: &[u8]) {
    crate::package::fuzz_registry(data);
}
