//! The registry as people type it.

use std::fmt::Write;
use std::os::unix::ffi::OsStrExt;
use std::path;

use crate::exit::{self, Failure};

/// A registry's URL. A path becomes one, as in the Python SDK: the daemon
/// works in another directory.
pub(super) fn url(typed: Option<&String>) -> Result<Option<String>, Failure> {
    typed.map(|typed| absolute(typed)).transpose()
}

fn absolute(typed: &str) -> Result<String, Failure> {
    if typed.contains("://") {
        return Ok(typed.to_owned());
    }
    let path = path::absolute(typed).map_err(|error| Failure::new(exit::USAGE, error))?;
    let mut url = "file://".to_owned();
    for byte in path.as_os_str().as_bytes() {
        if byte.is_ascii_alphanumeric() || b"/-._~".contains(byte) {
            url.push(char::from(*byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_urls() {
        let url = |typed: &str| absolute(typed).unwrap();
        assert_eq!(url("s3://lake/x y"), "s3://lake/x y");
        assert_eq!(url("/srv/a b/é%"), "file:///srv/a%20b/%C3%A9%25");
        assert!(url("relative").starts_with("file:///"));
    }
}
