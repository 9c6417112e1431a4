//! `auth.json`: the bearer tokens of the Python SDK, by registry URL.
//!
//! The SDK rewrites it by truncation, but only when a token in it is about to
//! expire, and on login and logout.

use std::path::{Path, PathBuf};

use quilt_proto::{RegistryUrl, Secret, python_sdk};
use quilt_trust::Role;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use super::SdkFileError;
use crate::{files, grant};

/// Largest file read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Before a catalog's name in its own address at a gateway.
pub(super) const CATALOGS: &str = "/catalogs/";

/// The file. Every read looks at the disk: the SDK writes it too.
#[derive(Clone, Debug)]
pub(super) struct AuthFile(PathBuf);

/// A login the SDK keeps.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) refresh_token: Secret,
    pub(super) access_token: Secret,
}

impl Login {
    /// A grant is both tokens in one, and no token of a stack looks like it.
    fn is_grant(&self) -> bool {
        self.access_token == self.refresh_token && grant::is_token(self.access_token.expose())
    }
}

impl AuthFile {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self(dir.join(python_sdk::AUTH_FILE))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// The login for a registry.
    pub(super) fn login(&self, registry: &str) -> Result<Option<Login>, SdkFileError> {
        let all = self.read()?;
        let text = |key: &str| all.get(registry)?.get(key)?.as_str().map(Secret::new);
        let login = text("refresh_token").zip(text("access_token"));
        Ok(login.map(|(refresh_token, access_token)| Login {
            refresh_token,
            access_token,
        }))
    }

    /// Sets the login for a registry to one token for everything, good until
    /// `expires_at`, in Unix seconds.
    pub(super) fn set(
        &self,
        registry: &str,
        token: &Secret,
        expires_at: i64,
    ) -> Result<(), SdkFileError> {
        let token = token.expose();
        let login = json!({
            "refresh_token": token, "access_token": token, "expires_at": expires_at,
        });
        let others = match self.without(registry)? {
            Some(others) => others,
            None => self.text()?.unwrap_or_default(),
        };
        let added = match others.rfind('}') {
            Some(end) if !parse(&others).is_some_and(|others| others.is_empty()) => {
                let (before, after) = others.split_at(end);
                Zeroizing::new([before, &member(registry, &login), after].concat())
            }
            _ => Zeroizing::new(format!("{{{}: {login}}}", Value::from(registry))),
        };
        super::write_private(&self.0, added.as_bytes())
    }

    /// Forgets the login for a registry; the file too, where it was the last.
    /// Answers whether there was one.
    pub(super) fn forget(&self, registry: &str) -> Result<bool, SdkFileError> {
        let Some(others) = self.without(registry)? else {
            return Ok(false);
        };
        if parse(&others).is_some_and(|others| others.is_empty()) {
            files::remove(&self.0).map_err(|error| SdkFileError::io("remove", &self.0, &error))?;
        } else {
            // No grant is added: it stays as private as it is.
            files::replace(&self.0, others.as_bytes(), files::PRIVATE)
                .map_err(|error| SdkFileError::io("write", &self.0, &error))?;
        }
        Ok(true)
    }

    /// Whether the login for a registry is a grant, by its looks.
    pub(super) fn holds_grant(&self, registry: &str) -> bool {
        let login = self.login(registry).ok().flatten();
        login.is_some_and(|login| login.is_grant())
    }

    /// Forgets what is held for a gateway: for its bare address, and for those
    /// of catalogs below it.
    pub(super) fn forget_at(&self, gateway: &RegistryUrl) -> Result<(), SdkFileError> {
        for registry in self.read()?.keys() {
            if is_at(registry, gateway) {
                self.forget(registry)?;
            }
        }
        Ok(())
    }

    /// Forgets every grant for a gateway on this machine but one gateway's.
    pub(super) fn forget_grants_but(&self, gateway: &RegistryUrl) -> Result<(), SdkFileError> {
        for registry in self.read()?.keys() {
            let bare = registry
                .split_once(CATALOGS)
                .map_or(&**registry, |(it, _)| it);
            let is_gateway = bare
                .parse()
                .is_ok_and(|url: RegistryUrl| url.gateway_port().is_some());
            if !is_at(registry, gateway) && is_gateway && self.holds_grant(registry) {
                self.forget(registry)?;
            }
        }
        Ok(())
    }

    /// The file's text without the login for a registry, if there is one. Where
    /// that stands as it was added, the rest stays to the byte.
    fn without(&self, registry: &str) -> Result<Option<Zeroizing<String>>, SdkFileError> {
        let mut all = self.read()?;
        let Some(login) = all.remove(registry) else {
            return Ok(None);
        };
        let text = self.text()?.unwrap_or_default();
        let cut = text.split_once(&*member(registry, &login));
        let others = match cut.map(|(before, after)| [before, after].concat()) {
            Some(others) => others,
            None => Value::Object(all).to_string(),
        };
        Ok(Some(Zeroizing::new(others)))
    }

    fn text(&self) -> Result<Option<Zeroizing<String>>, SdkFileError> {
        files::read(&self.0, Role::Shared, MAX_BYTES)
            .map_err(|error| SdkFileError::io("read", &self.0, &error))
    }

    fn read(&self) -> Result<Map<String, Value>, SdkFileError> {
        match self.text()? {
            None => Ok(Map::new()),
            Some(text) => parse(&text).ok_or_else(|| SdkFileError::Broken(self.0.clone())),
        }
    }
}

/// Whether an address is a gateway's: its bare one, or a catalog's below it.
fn is_at(address: &str, gateway: &RegistryUrl) -> bool {
    let below = address.strip_prefix(gateway.as_str());
    below.is_some_and(|below| below.is_empty() || below.starts_with(CATALOGS))
}

fn parse(text: &str) -> Option<Map<String, Value>> {
    serde_json::from_str(text).ok()
}

/// A login as it is added behind others.
fn member(registry: &str, login: &Value) -> Zeroizing<String> {
    Zeroizing::new(format!(", {}: {login}", Value::from(registry)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_login_is_set_and_forgotten_and_the_others_stay() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = AuthFile::in_dir(&dir.path().join("Quilt"));
        let token = Secret::new("t");
        file.set("http://127.0.0.1:1", &token, 5).unwrap();
        file.set("https://registry.example", &token, 5).unwrap();
        let login = file.login("http://127.0.0.1:1").unwrap().unwrap();
        assert_eq!(
            (login.access_token, login.refresh_token),
            (token.clone(), token)
        );
        assert!(file.login("https://other.example").unwrap().is_none());
        assert!(file.forget("http://127.0.0.1:1").unwrap());
        assert!(!file.forget("http://127.0.0.1:1").unwrap());
        assert!(file.login("https://registry.example").unwrap().is_some());
        assert!(file.forget("https://registry.example").unwrap());
        assert!(!file.path().exists());
    }

    #[test]
    fn what_the_sdk_wrote_stays_to_the_byte() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = AuthFile::in_dir(dir.path());
        // As Python writes it: in no order but its own, with spaces.
        let own = "{\"https://r.example\": {\"refresh_token\": \"\\u00e4}\", \
                   \"access_token\": \"a\", \"expires_at\": 5.50}}";
        std::fs::write(file.path(), own).unwrap();
        for gateway in ["http://127.0.0.1:1", "http://127.0.0.1:2"] {
            file.set(gateway, &Secret::new("t"), 5).unwrap();
            assert!(file.login(gateway).unwrap().is_some());
        }
        for gateway in ["http://127.0.0.1:1", "http://127.0.0.1:2"] {
            assert!(file.forget(gateway).unwrap());
        }
        assert_eq!(std::fs::read_to_string(file.path()).unwrap(), own);
    }

    #[test]
    fn a_broken_file_is_left_alone() {
        let dir = tempfile::TempDir::new().unwrap();
        let file = AuthFile::in_dir(dir.path());
        for broken in ["", "[]", "{"] {
            std::fs::write(file.path(), broken).unwrap();
            let error = file.set("x", &Secret::new("t"), 5).unwrap_err();
            assert!(matches!(error, SdkFileError::Broken(_)));
            assert_eq!(std::fs::read_to_string(file.path()).unwrap(), broken);
        }
    }
}
