//! Where an API key can be taken from.

use std::env;
use std::io::ErrorKind;
use std::path::Path;

use quilt_proto::{ApiKeySecret, Secret, quoted};

use crate::exit::{self, Failure};
use crate::{files, secret_prompt};

/// The variable the guide names.
pub(crate) const VARIABLE: &str = quilt_proto::locations::API_KEY_ENV;

/// The largest `.env` file read, in bytes.
const MAX_FILE: u64 = 1024 * 1024;

/// Whether the environment has a key under the guide's name.
pub(crate) fn is_at_hand() -> bool {
    env::var_os(VARIABLE).is_some_and(|key| !key.is_empty())
}

/// Typed without echo, or piped.
pub(crate) fn prompted() -> Result<ApiKeySecret, Failure> {
    checked(&secret_prompt::secret("API key: ")?)
}

/// From a variable of the environment.
pub(crate) fn environment(name: &str) -> Result<ApiKeySecret, Failure> {
    let unset = || {
        let what = format!("{} environment variable not set", quoted::name(name));
        Failure::new(exit::INPUT, what).hint("quiltctl login --api-key")
    };
    match env::var(name) {
        Ok(value) => {
            let value = Secret::from(value);
            if value.expose().trim().is_empty() {
                return Err(unset());
            }
            checked(&value)
        }
        Err(env::VarError::NotPresent) => Err(unset()),
        Err(env::VarError::NotUnicode(_)) => {
            let what = format!(
                "the environment variable {} is not text",
                quoted::name(name)
            );
            Err(Failure::new(exit::INPUT, what))
        }
    }
}

/// From the variable [`VARIABLE`] of a `.env` file. Of several settings the
/// last counts, as for python-dotenv. Lines that are not understood are passed
/// over, and never quoted: one of them may hold the key.
pub(crate) fn dotenv(path: &Path) -> Result<ApiKeySecret, Failure> {
    let shown = quoted::path(path);
    let unreadable = |error: std::io::Error| {
        let code = match error.kind() {
            ErrorKind::NotFound => exit::NOT_FOUND,
            _ => exit::INPUT,
        };
        Failure::new(code, format!("cannot read {shown}: {error}"))
    };
    let bytes = files::read_named(path, MAX_FILE + 1).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        let what = format!("{shown} is too large to be a .env file");
        return Err(Failure::new(exit::INPUT, what));
    }
    dotenv_of(&bytes, &shown.to_string())
}

/// The same of what is in a file that is shown under this name.
pub(crate) fn dotenv_of(bytes: &[u8], shown: &str) -> Result<ApiKeySecret, Failure> {
    let found = dotenvy::from_read_iter(bytes)
        .filter_map(Result::ok)
        .map(|(name, value)| (name, Secret::from(value)))
        .filter(|(name, _)| name == VARIABLE)
        .last();
    match found {
        Some((_, value)) if !value.expose().trim().is_empty() => checked(&value),
        _ => {
            let what = format!("{VARIABLE} environment variable not set in {shown}");
            Err(Failure::new(exit::INPUT, what).hint("quiltctl login --api-key"))
        }
    }
}

fn checked(secret: &Secret) -> Result<ApiKeySecret, Failure> {
    secret
        .expose()
        .parse()
        .map_err(|error| Failure::new(exit::INPUT, error).hint("quiltctl login --api-key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8]) -> Result<String, String> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".env");
        std::fs::write(&path, text).unwrap();
        match dotenv(&path) {
            Ok(key) => Ok(key.secret().expose().to_owned()),
            Err(failure) => Err(failure.to_string()),
        }
    }

    #[test]
    fn env_files_as_people_write_them() {
        for text in [
            "QUILT_API_KEY=qk_abc",
            "# a comment\nexport QUILT_API_KEY=qk_abc # another\n",
            "OTHER=x\nQUILT_API_KEY=\"qk_abc\"\r\n",
            "QUILT_API_KEY='qk_abc'",
            "QUILT_API_KEY=qk_old\nQUILT_API_KEY=\" qk_abc \"\n",
            "this is no setting\nQUILT_API_KEY = qk_abc",
        ] {
            assert_eq!(read(text.as_bytes()), Ok("qk_abc".to_owned()), "{text}");
        }
    }

    #[test]
    fn other_files_are_refused_without_being_quoted() {
        for text in [
            &b""[..],
            b"OTHER=qk_canary",
            b"QUILT_API_KEY=",
            b"QUILT_API_KEY=canary",
            b"QUILT_API_KEY qk_canary",
            b"\xff\xfe\x00canary",
            &vec![b'x'; 10 << 20],
        ] {
            let error = read(text).unwrap_err();
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
