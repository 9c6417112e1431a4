//! Calls about packages and search.

use std::fmt::Write;

use serde_json::Value;

use super::{Call, Method, json, path};
use crate::wire::{DeletedPackage, PackageVersion, Search};
use crate::{PackageName, Secret, TopHash};

/// The packages of a registry.
#[derive(Clone, Debug, Default)]
pub struct ListPackages {
    /// The registry's URL; without it the configured local one.
    pub registry: Option<String>,
    /// Its layout, 1 or 2; without it as configured, or as it turns out to be.
    pub layout: Option<u8>,
}

/// The versions of a package: `latest` first, then the newest.
#[derive(Clone, Debug)]
pub struct ReadPackageVersions {
    /// The package.
    pub name: PackageName,
    /// The registry's URL; without it the configured local one.
    pub registry: Option<String>,
    /// Its layout, 1 or 2; without it as configured, or as it turns out to be.
    pub layout: Option<u8>,
}

/// Delete a package or one version of it; never the data.
#[derive(Clone, Debug)]
pub struct DeletePackage {
    /// The package.
    pub name: PackageName,
    /// The registry's URL; without it the configured local one.
    pub registry: Option<String>,
    /// Its layout, 1 or 2; without it as configured, or as it turns out to be.
    pub layout: Option<u8>,
    /// The version, by its hash or how that begins; without it all of them.
    pub top_hash: Option<TopHash>,
}

/// Search; answers with the hits as the search service gives them.
#[derive(Clone, Debug)]
pub struct RunSearch(pub Search);

impl Call for ListPackages {
    type Answer = Vec<String>;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::PACKAGES.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        registry(self.registry.as_ref(), self.layout)
    }
}

impl Call for ReadPackageVersions {
    type Answer = Vec<PackageVersion>;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        package(&self.name) + "/versions"
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        registry(self.registry.as_ref(), self.layout)
    }
}

impl Call for DeletePackage {
    type Answer = DeletedPackage;
    const METHOD: Method = Method::Delete;

    fn path(&self) -> String {
        package(&self.name)
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = registry(self.registry.as_ref(), self.layout);
        query.extend(
            self.top_hash
                .as_ref()
                .map(|hash| ("top_hash", hash.to_string())),
        );
        query
    }
}

impl Call for RunSearch {
    type Answer = Vec<Value>;
    const METHOD: Method = Method::Post;

    fn path(&self) -> String {
        path::SEARCH.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

fn registry(registry: Option<&String>, layout: Option<u8>) -> Vec<(&'static str, String)> {
    let registry = registry.map(|registry| ("registry", registry.clone()));
    let layout = layout.map(|layout| ("layout", layout.to_string()));
    registry.into_iter().chain(layout).collect()
}

/// The path of a package. Names may have letters of any script.
fn package(name: &PackageName) -> String {
    let mut path = path::PACKAGES.to_owned();
    for part in [name.namespace(), name.name()] {
        path.push('/');
        for byte in part.bytes() {
            if byte.is_ascii() {
                path.push(char::from(byte));
            } else {
                // Writing to a String cannot fail.
                let _ = write!(path, "%{byte:02X}");
            }
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_script_make_a_path() {
        let call = ReadPackageVersions {
            name: "né/b-1".parse().unwrap(),
            registry: None,
            layout: None,
        };
        assert_eq!(call.path(), "/v1/packages/n%C3%A9/b-1/versions");
    }

    #[test]
    fn a_deletion_names_its_version_in_the_query() {
        let call = DeletePackage {
            name: "a/b".parse().unwrap(),
            registry: Some("s3://lake".to_owned()),
            layout: None,
            top_hash: Some("abc123".parse().unwrap()),
        };
        let query = call.query();
        assert_eq!(query[0], ("registry", "s3://lake".to_owned()));
        assert_eq!(query[1], ("top_hash", "abc123".to_owned()));
    }
}
