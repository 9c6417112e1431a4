//! Whose certificates are trusted: the system's, and what variables and
//! settings name beside them.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quilt_proto::network::CERTIFICATE_VARIABLES;
use quilt_proto::quoted;
use reqwest::ClientBuilder;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Failure;

/// Names the settings beside the variables.
const SETTING: &str = "ca_bundle under [network]";

/// Where systems keep their certificates, in one file.
#[cfg(not(target_os = "macos"))]
const SYSTEM_FILES: [&str; 7] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/ssl/cert.pem",
    "/usr/local/share/certs/ca-root-nss.crt",
];

/// Certificates that were named and cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unusable {
    /// The variable, or the setting.
    pub named_by: &'static str,
    /// What it names.
    pub path: PathBuf,
    /// Why it is of no use.
    pub reason: String,
}

impl Unusable {
    /// Whether the settings named it.
    pub fn is_setting(&self) -> bool {
        self.named_by == SETTING
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = quoted::path(&self.path);
        write!(f, "{} names {path}, and {}", self.named_by, self.reason)
    }
}

/// What is trusted, and what of it could not be read; nothing where this
/// machine has no TLS.
pub(crate) fn load(settings: &[PathBuf]) -> Option<(ClientConfig, Vec<Unusable>)> {
    let (mut roots, unusable) = read_named(settings);
    roots.add_parsable_certificates(system());
    Some((config(roots)?, unusable))
}

/// What variables and settings name, and what of it is of no use.
pub(crate) fn read_named(settings: &[PathBuf]) -> (RootCertStore, Vec<Unusable>) {
    let mut roots = RootCertStore::empty();
    let mut unusable = Vec::new();
    for (named_by, path) in named(settings) {
        let added = read(&path).and_then(|certificates| {
            let (added, _) = roots.add_parsable_certificates(certificates);
            if added > 0 {
                Ok(())
            } else {
                Err("it holds no certificate in PEM".to_owned())
            }
        });
        if let Err(reason) = added {
            unusable.push(Unusable {
                named_by,
                path,
                reason,
            });
        }
    }
    (roots, unusable)
}

/// For connections without TLS.
pub(crate) fn none() -> Result<ClientConfig, Failure> {
    config(RootCertStore::empty()).ok_or(Failure::NoTls)
}

pub(crate) fn apply(builder: ClientBuilder, config: &ClientConfig) -> ClientBuilder {
    builder.tls_backend_preconfigured(config.clone())
}

fn config(roots: RootCertStore) -> Option<ClientConfig> {
    let versions = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions();
    let config = versions.ok()?.with_root_certificates(roots);
    Some(config.with_no_client_auth())
}

/// The system's own. Its library reads `SSL_CERT_FILE` and `SSL_CERT_DIR` in
/// place of them, and here they are meant to be read beside them.
fn system() -> Vec<CertificateDer<'static>> {
    #[cfg(not(target_os = "macos"))]
    if ["SSL_CERT_FILE", "SSL_CERT_DIR"]
        .iter()
        .any(|name| env::var_os(name).is_some())
    {
        let mut files = SYSTEM_FILES.iter().map(Path::new);
        return files.find_map(|file| read(file).ok()).unwrap_or_default();
    }
    rustls_native_certs::load_native_certs().certs
}

/// Every place that is named, and by what.
fn named(settings: &[PathBuf]) -> Vec<(&'static str, PathBuf)> {
    let set = |name: &&str| env::var_os(name).filter(|value: &OsString| !value.is_empty());
    let variables = CERTIFICATE_VARIABLES
        .iter()
        .filter_map(|name| Some((*name, set(name)?)));
    let of_variables = variables.flat_map(|(name, value)| match name {
        "SSL_CERT_DIR" => env::split_paths(&value).map(|dir| (name, dir)).collect(),
        _ => vec![(name, PathBuf::from(value))],
    });
    let of_settings = settings.iter().map(|path| (SETTING, path.clone()));
    of_variables.chain(of_settings).collect()
}

/// The certificates of a file in PEM, or of all such files of a directory.
fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let is_dir = fs::metadata(path).is_ok_and(|it| it.is_dir());
    if !is_dir {
        let text =
            fs::read(path).map_err(|error| format!("it cannot be read: {}", error.kind()))?;
        return Ok(of_pem(&text));
    }
    let entries =
        fs::read_dir(path).map_err(|error| format!("it cannot be read: {}", error.kind()))?;
    let files = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|it| it.is_file());
    Ok(files
        .filter_map(|file| fs::read(file).ok())
        .flat_map(|text| of_pem(&text))
        .collect())
}

fn of_pem(text: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(text)
        .filter_map(Result::ok)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_that_are_none_are_told_of() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        let made = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
        fs::write(at("good.pem"), made.cert.pem()).unwrap();
        fs::write(at("words.pem"), "no certificate\n").unwrap();
        fs::create_dir(at("empty")).unwrap();
        let all = ["good.pem", "words.pem", "missing.pem", "empty"].map(at);
        let (_, unusable) = read_named(&all);
        let said: Vec<_> = unusable.iter().map(|it| it.reason.as_str()).collect();
        assert_eq!(
            said,
            [
                "it holds no certificate in PEM",
                "it cannot be read: entity not found",
                "it holds no certificate in PEM"
            ]
        );
        assert!(unusable.iter().all(Unusable::is_setting));
        // A directory with a good one among others is one.
        assert_eq!(read_named(&[dir.path().to_owned()]).1, []);
    }
}
