//! Where a registry is: `s3://bucket[/folder]` or `file:///directory`.

use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

use super::PackageError;

/// The root of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// A bucket and a folder in it, without slashes around; empty for the bucket itself.
    S3 { bucket: String, folder: String },
    /// A directory.
    Local(PathBuf),
}

impl FromStr for Address {
    type Err = PackageError;

    fn from_str(text: &str) -> Result<Self, PackageError> {
        let bad = |why| PackageError::Registry(why);
        let url = Url::parse(text).map_err(|_| bad("it is not a URL"))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has a query"));
        }
        match url.scheme() {
            "s3" => s3(&url),
            "file" => local(&url),
            _ => Err(bad("it begins with neither s3:// nor file://")),
        }
    }
}

fn s3(url: &Url) -> Result<Address, PackageError> {
    let bad = |why| Err(PackageError::Registry(why));
    let bucket = url.host_str().unwrap_or_default();
    let legal = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    if !(3..=255).contains(&bucket.len()) || !bucket.bytes().all(legal) || bucket.contains("..") {
        return bad("that is no bucket's name");
    }
    if !url.username().is_empty() || url.password().is_some() || url.port().is_some() {
        return bad("a bucket has neither user nor port");
    }
    let Ok(folder) = percent_encoding::percent_decode_str(url.path()).decode_utf8() else {
        return bad("its folder is not text");
    };
    let folder = folder.trim_matches('/');
    let illegal = |part: &str| matches!(part, "" | "." | "..") || part.contains(char::is_control);
    if !folder.is_empty() && folder.split('/').any(illegal) {
        return bad("its folder cannot be a folder");
    }
    Ok(Address::S3 {
        bucket: bucket.to_owned(),
        folder: folder.to_owned(),
    })
}

fn local(url: &Url) -> Result<Address, PackageError> {
    let here = match url.host() {
        None => true,
        Some(Host::Domain(name)) => name == "localhost",
        Some(_) => false,
    };
    if !here {
        return Err(PackageError::Registry("a file:// URL has no host"));
    }
    let mut url = url.clone();
    // "localhost" is as good as nothing, but not to the conversion.
    let _ = url.set_host(None);
    url.to_file_path()
        .map(Address::Local)
        .map_err(|()| PackageError::Registry("it is not the URL of a directory"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_and_directories_are_told_apart() {
        let s3 = |bucket: &str, folder: &str| Address::S3 {
            bucket: bucket.to_owned(),
            folder: folder.to_owned(),
        };
        assert_eq!("s3://lake".parse::<Address>().unwrap(), s3("lake", ""));
        assert_eq!(
            "s3://my.lake/a%20b/c/".parse::<Address>().unwrap(),
            s3("my.lake", "a b/c")
        );
        for (text, path) in [
            ("file:///srv/a%20b/", "/srv/a b/"),
            ("file://localhost/srv", "/srv"),
        ] {
            let Address::Local(found) = text.parse().unwrap() else {
                panic!("{text} is local");
            };
            assert_eq!(found, PathBuf::from(path));
        }
    }

    #[test]
    fn what_is_no_registry_is_refused() {
        for text in [
            "",
            "lake",
            "/srv",
            "https://lake",
            "s3://",
            "s3://a",
            "s3://user@lake",
            "s3://lake:80",
            "s3://lake/a//b",
            "s3://lake/a%0Ab",
            "s3://lake/x?versionId=1",
            "file://elsewhere/srv",
        ] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "(s3|file)?(://)?\\PC{0,40}") {
            let _ = text.parse::<Address>();
        }
    }
}
