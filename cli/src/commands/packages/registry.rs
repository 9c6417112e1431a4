//! The registry as people type it.

use std::os::unix::ffi::OsStrExt;
use std::path;

use crate::exit::{self, Failure};
use crate::look;

/// A registry's URL. A path becomes one, as in the Python SDK: the daemon
/// works in another directory.
pub(super) fn url(typed: Option<&String>) -> Result<Option<String>, Failure> {
    typed.map(|typed| absolute(typed)).transpose()
}

/// Whether somebody may have meant a bucket and left `s3://` out: what looks
/// like one, and is no directory.
pub(super) fn may_be_bucket(typed: &str) -> bool {
    let name = typed.trim_end_matches('/');
    let bucket = name.split('/').next().unwrap_or_default();
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    (3..=63).contains(&bucket.len())
        && bucket.bytes().all(fits)
        && bucket.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !path::Path::new(name).exists()
}

fn absolute(typed: &str) -> Result<String, Failure> {
    if typed.contains("://") {
        return Ok(typed.to_owned());
    }
    let path = path::absolute(typed).map_err(|error| Failure::new(exit::USAGE, error))?;
    let path = look::percent_encoded(path.as_os_str().as_bytes(), b"/-._~");
    Ok(format!("file://{path}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_without_a_scheme_are_told_from_paths() {
        for bucket in ["my-bucket", "my.bucket/", "lake-1/folder"] {
            assert!(may_be_bucket(bucket), "{bucket}");
        }
        for path in ["s3://b", "/srv/x", "./lake", "..", "src", "My_Dir", "a", ""] {
            assert!(!may_be_bucket(path), "{path}");
        }
    }

    #[test]
    fn paths_become_urls() {
        let url = |typed: &str| absolute(typed).unwrap();
        assert_eq!(url("s3://lake/x y"), "s3://lake/x y");
        assert_eq!(url("/srv/a b/é%"), "file:///srv/a%20b/%C3%A9%25");
        assert!(url("relative").starts_with("file:///"));
    }
}
