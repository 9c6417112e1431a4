//! Whose certificates are trusted: the system's, and what variables and
//! settings name beside them.

use std::env;
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use quilt_proto::network_variables::CERTIFICATE_VARIABLES;
use quilt_proto::{Command, quoted};
use quilt_trust::Distrust;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Failure;

/// Names the settings beside the variables.
const SETTING: &str = "ca_bundle under [network]";

/// The largest file of certificates, in bytes: all that the world trusts take a
/// quarter of a megabyte.
const MOST_BYTES: u64 = 16 * 1024 * 1024;

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
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
#[display("{named_by} names {}, and {reason}", quoted::path(path))]
pub struct Unusable {
    /// The variable, or the setting.
    pub named_by: &'static str,
    /// What it names.
    pub path: PathBuf,
    /// Why it is of no use.
    pub reason: WhyUnusable,
}

/// Why certificates that were named are of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WhyUnusable {
    /// The system does not let us.
    #[error("it cannot be read: {0}")]
    Unreadable(io::ErrorKind),
    /// A pipe would be waited for.
    #[error("it is no file")]
    NoFile,
    /// It would take the daemon's memory.
    #[error("it is too large to hold certificates")]
    TooLarge,
    /// None is in it.
    #[error("it holds no certificate in PEM")]
    Empty,
    /// Others could have put them there.
    #[error("{0}")]
    Distrusted(Distrust),
}

impl Unusable {
    /// The command that mends it, or shows why it cannot be, where that is not
    /// another name in the settings.
    pub fn remedy(&self) -> Option<Command> {
        match &self.reason {
            WhyUnusable::Distrusted(distrust) => Some(distrust.remedy()),
            _ if self.named_by == SETTING => None,
            _ => Some(Command::of("ls -ld").path(&self.path)),
        }
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
        let added = read_kept(&path).and_then(|certificates| {
            let (added, _) = roots.add_parsable_certificates(certificates);
            (added > 0).then_some(()).ok_or(WhyUnusable::Empty)
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
        let read = |file| fs::read(file).ok().map(|text| of_pem(&text));
        return files.find_map(read).unwrap_or_default();
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
/// Another user may keep them for all, as whoever installs programs does; what
/// anybody could have put there is not believed: who names an authority can read
/// what is sent to anybody.
fn read_kept(path: &Path) -> Result<Vec<CertificateDer<'static>>, WhyUnusable> {
    if !look(path)?.is_dir() {
        return read(path);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(&error))?;
    let files = entries.flatten().map(|entry| entry.path());
    let read = files.filter_map(|file| read(&file).ok());
    Ok(read.flatten().collect())
}

fn read(path: &Path) -> Result<Vec<CertificateDer<'static>>, WhyUnusable> {
    if !look(path)?.is_file() {
        return Err(WhyUnusable::NoFile);
    }
    let file = quilt_trust::open_at_once(path).map_err(|error| unreadable(&error))?;
    if !file.metadata().is_ok_and(|found| found.is_file()) {
        return Err(WhyUnusable::NoFile);
    }
    let mut text = Vec::new();
    let read = file.take(MOST_BYTES + 1).read_to_end(&mut text);
    read.map_err(|error| unreadable(&error))?;
    if text.len() as u64 > MOST_BYTES {
        return Err(WhyUnusable::TooLarge);
    }
    Ok(of_pem(&text))
}

/// What is there, where only one other user can have put it there at most.
fn look(path: &Path) -> Result<Metadata, WhyUnusable> {
    let found = fs::metadata(path).map_err(|error| unreadable(&error))?;
    quilt_trust::check_kept(path, found.uid()).map_err(WhyUnusable::Distrusted)?;
    Ok(found)
}

fn unreadable(error: &io::Error) -> WhyUnusable {
    WhyUnusable::Unreadable(error.kind())
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
        let said: Vec<_> = unusable.iter().map(|it| it.reason.to_string()).collect();
        assert_eq!(
            said,
            [
                "it holds no certificate in PEM",
                "it cannot be read: entity not found",
                "it holds no certificate in PEM"
            ]
        );
        assert!(unusable.iter().all(|it| it.named_by == SETTING));
        // A directory with a good one among others is one.
        assert_eq!(read_named(&[dir.path().to_owned()]).1, []);
    }

    #[test]
    fn a_file_of_any_size_is_not_read_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("large.pem");
        let file = fs::File::create(&path).unwrap();
        file.set_len(MOST_BYTES + 1).unwrap();
        let line = read_named(&[path]).1.pop().unwrap().to_string();
        assert!(line.ends_with("too large to hold certificates"), "{line}");
    }

    /// Who opens it waits until the lease is given back, or for 45 s.
    #[cfg(target_os = "linux")]
    #[test]
    fn who_holds_a_lease_keeps_nobody_waiting() {
        use std::io::{BufRead, BufReader};
        use std::process::{Command, Stdio};

        const HOLD: &str = "import fcntl, signal, sys\n\
            signal.signal(signal.SIGIO, signal.SIG_IGN)\n\
            file = open(sys.argv[1], 'r+')\n\
            fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_WRLCK)\n\
            print('held', flush=True)\n\
            sys.stdin.read()";
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.pem");
        let issued = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
        fs::write(&path, issued.cert.pem()).unwrap();
        assert_eq!(read_named(std::slice::from_ref(&path)).1, []);
        let mut holder = Command::new("python3")
            .args(["-c", HOLD])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        let mut said = BufReader::new(holder.stdout.take().unwrap());
        said.read_line(&mut line).unwrap();
        assert_eq!(line, "held\n");
        let unusable = read_named(std::slice::from_ref(&path)).1;
        drop(holder.stdin.take());
        holder.wait().unwrap();
        assert!(
            matches!(
                unusable[..],
                [Unusable {
                    reason: WhyUnusable::Unreadable(_),
                    ..
                }]
            ),
            "{unusable:?}"
        );
    }

    #[test]
    fn what_anybody_could_have_put_there_is_not_believed_nor_waited_for() {
        use std::os::unix::fs::PermissionsExt;

        let dir = tempfile::tempdir().unwrap();
        let bundle = dir.path().join("bundle.pem");
        let issued = rcgen::generate_simple_self_signed(["x.example".to_owned()]).unwrap();
        fs::write(&bundle, issued.cert.pem()).unwrap();
        let chmod = |path: &Path, mode| {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        };
        let says = |path: &Path| {
            let unusable = read_named(&[path.to_owned()]).1.pop()?;
            Some((unusable.to_string(), unusable.remedy().unwrap().to_string()))
        };
        chmod(&bundle, 0o644);
        assert_eq!(says(&bundle), None);
        for (path, closed) in [(bundle.as_path(), 0o644), (dir.path(), 0o755)] {
            chmod(path, closed | 0o022);
            for named in [&bundle, dir.path()] {
                // Of a directory, a file is left out that is not believed.
                if (path, named) == (&bundle, dir.path()) {
                    assert!(read_kept(named).unwrap().is_empty());
                    continue;
                }
                let (line, remedy) = says(named).unwrap();
                assert!(line.contains("can be written by other users"), "{line}");
                let mends = if path.is_dir() {
                    "chmod go-w "
                } else {
                    "install -m 600 "
                };
                assert!(remedy.starts_with(mends), "{remedy}");
            }
            chmod(path, closed);
            assert_eq!(read_kept(dir.path()).unwrap().len(), 1);
        }
        let pipe = dir.path().join("pipe.pem");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        chmod(&pipe, 0o600);
        let line = read_named(&[pipe]).1.pop().unwrap().to_string();
        assert!(line.ends_with("and it is no file"), "{line}");
        assert_eq!(read_kept(dir.path()).unwrap().len(), 1, "beside a pipe");
    }
}
