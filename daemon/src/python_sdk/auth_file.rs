//! `auth.json`: the bearer tokens of the Python SDK, by registry URL.
//!
//! The SDK rewrites it by truncation, but only when a token in it is about to
//! expire, and on login and logout.

use std::path::{Path, PathBuf};

use quilt_proto::Secret;
use serde_json::{Map, Value, json};

use super::SdkFileError;
use crate::files;

/// Largest file read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// The file. Every read looks at the disk: the SDK writes it too.
#[derive(Clone, Debug)]
pub(super) struct AuthFile(PathBuf);

/// A login the SDK keeps.
#[derive(Debug)]
pub(super) struct Login {
    pub(super) refresh_token: Secret,
    pub(super) access_token: Secret,
}

impl AuthFile {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self(dir.join("auth.json"))
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
        let mut all = self.read()?;
        let token = token.expose();
        let login = json!({
            "refresh_token": token, "access_token": token, "expires_at": expires_at,
        });
        all.insert(registry.to_owned(), login);
        self.write(&all)
    }

    /// Forgets the login for a registry; the file too, where it was the last.
    /// Answers whether there was one.
    pub(super) fn forget(&self, registry: &str) -> Result<bool, SdkFileError> {
        let mut all = self.read()?;
        if all.remove(registry).is_none() {
            return Ok(false);
        }
        if all.is_empty() {
            files::remove(&self.0).map_err(|error| SdkFileError::io("remove", &self.0, &error))?;
        } else {
            self.write(&all)?;
        }
        Ok(true)
    }

    fn read(&self) -> Result<Map<String, Value>, SdkFileError> {
        let text = files::read(&self.0, MAX_BYTES)
            .map_err(|error| SdkFileError::io("read", &self.0, &error))?;
        match text.map(|text| serde_json::from_str(&text)) {
            None => Ok(Map::new()),
            Some(Ok(Value::Object(all))) => Ok(all),
            Some(_) => Err(SdkFileError::Broken(self.0.clone())),
        }
    }

    fn write(&self, all: &Map<String, Value>) -> Result<(), SdkFileError> {
        let fail = |error: &std::io::Error| SdkFileError::io("write", &self.0, error);
        if let Some(dir) = self.0.parent() {
            std::fs::create_dir_all(dir).map_err(|error| fail(&error))?;
        }
        let text = zeroize::Zeroizing::new(serde_json::to_vec(all).unwrap_or_default());
        files::replace_private(&self.0, &text).map_err(|error| fail(&error))
    }
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
