//! Tokens in files, for SDKs that read `AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE`
//! alone (object_store, and with it polars and deltalake).

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use quilt_proto::Secret;
use tempfile::TempPath;

/// Where the token files of one daemon lie: beside its socket, in a directory
/// that only its user can enter.
#[derive(Clone, Debug)]
pub(super) struct TokenFiles {
    dir: PathBuf,
    prefix: OsString,
}

impl TokenFiles {
    /// Beside `socket`. Removes what an earlier daemon of that socket left
    /// when it was killed: its grants ended with it.
    pub(super) fn beside(socket: &Path) -> Self {
        let mut prefix = OsString::from(".");
        prefix.push(socket.file_name().unwrap_or_default());
        prefix.push("-token-");
        let files = Self {
            dir: socket.parent().unwrap_or(Path::new("/")).to_owned(),
            prefix,
        };
        files.sweep();
        files
    }

    fn sweep(&self) {
        let prefix = self.prefix.as_encoded_bytes();
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().as_encoded_bytes().starts_with(prefix) {
                // The token in it opens nothing any more.
                let _ = fs::remove_file(entry.path());
            }
        }
    }

    /// A new file, for its owner alone, with the token and nothing else in it.
    /// It is gone when the answer is dropped.
    pub(super) fn write(&self, token: &Secret) -> io::Result<TempPath> {
        let mut file = tempfile::Builder::new()
            .prefix(&self.prefix)
            .tempfile_in(&self.dir)?;
        file.write_all(token.expose().as_bytes())?;
        Ok(file.into_temp_path())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_token_file_is_private_and_goes_with_its_grant_or_at_the_next_start() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("quiltd.sock");
        let files = TokenFiles::beside(&socket);
        let count = || fs::read_dir(dir.path()).unwrap().count();
        let written = files.write(&Secret::new("t0k")).unwrap();
        assert_eq!(fs::read(&written).unwrap(), b"t0k");
        let mode = fs::metadata(&written).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(written);
        assert_eq!(count(), 0);

        fs::write(dir.path().join("another's"), "").unwrap();
        let left = files.write(&Secret::new("t")).unwrap().keep().unwrap();
        TokenFiles::beside(&dir.path().join("other.sock"));
        assert!(left.exists());
        TokenFiles::beside(&socket);
        assert!(!left.exists());
        assert_eq!(count(), 1);
    }
}
