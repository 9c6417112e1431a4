//! Packages of a registry, and search.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Action;
use crate::wire::{DeletedPackage, PackageVersion, Search};
use crate::{PackageName, TopHash};

/// Which registry.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RegistryQuery {
    /// The registry, `s3://…` or `file://…`; the configured local one when
    /// absent.
    pub registry: Option<String>,
    /// The registry's layout, 1 or 2; as configured, or as it turns out to be,
    /// when absent.
    pub layout: Option<u8>,
}

/// What to delete of a package.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct DeletePackageQuery {
    /// The registry, `s3://…` or `file://…`; the configured local one when
    /// absent.
    pub registry: Option<String>,
    /// The registry's layout, 1 or 2; as configured, or as it turns out to be,
    /// when absent.
    pub layout: Option<u8>,
    /// The one version to delete, by its hash or how that begins (6 to 64 hex
    /// digits); all of them when absent.
    #[cfg_attr(feature = "schema", schemars(with = "Option<String>"))]
    pub top_hash: Option<TopHash>,
}

endpoints! {
    /// The packages of a registry.
    ListPackages(query: RegistryQuery): Get "/v1/packages" -> Vec<String> {
        const DESCRIPTION: Option<&'static str> = Some(
            "As `application/x-ndjson`, for whoever accepts that, every line is such a value.",
        );
        const LINES: bool = true;
    }

    /// Delete a package or one version of it.
    ///
    /// Data is never deleted.
    DeletePackage(path: PackageName, query: DeletePackageQuery):
        Delete "/v1/packages/{namespace}/{name}" -> DeletedPackage
    {
        const DESCRIPTION: Option<&'static str> = Some(
            "Removes pointers and manifests, never data. After an interruption, do it again.",
        );
        const AUDIT: Option<Action> = Some(Action::new("package_delete"));
    }

    /// The versions of a package.
    ///
    /// `latest` first, then the newest.
    ReadPackageVersions(path: PackageName, query: RegistryQuery):
        Get "/v1/packages/{namespace}/{name}/versions" -> Vec<PackageVersion> {}

    /// Search; the hits as the search service gives them.
    RunSearch(body: Search): Post "/v1/search" -> Vec<Value> {}
}
