//! What the Python SDK 8 calls its files, and the keys of its configuration
//! that more than one program here reads.

/// The file of its configuration, in its directory.
pub const CONFIG_FILE: &str = "config.yml";
/// The file of its logins.
pub const AUTH_FILE: &str = "auth.json";
/// The file of its AWS credentials.
pub const CREDENTIALS_FILE: &str = "credentials.json";

/// The key of the catalog's address.
pub const NAVIGATOR_URL: &str = "navigator_url";
/// The key of the registry's address.
pub const REGISTRY_URL: &str = "registryUrl";
/// The key of the registry of packages on S3.
pub const DEFAULT_REMOTE_REGISTRY: &str = "default_remote_registry";
/// The key of the registry of packages on this machine.
pub const DEFAULT_LOCAL_REGISTRY: &str = "default_local_registry";
/// The key of the directory that packages are installed to.
pub const DEFAULT_INSTALL_LOCATION: &str = "default_install_location";

/// The key of whether its use is told to nobody.
pub const TELEMETRY_DISABLED: &str = "telemetry_disabled";

/// The key of the layout of registries, 1 or 2.
pub const DEFAULT_REGISTRY_VERSION: &str = "default_registry_version";

/// What its `config` says to an address that comes together with values.
pub const ADDRESS_AND_VALUES: &str =
    "Expected either an auto-config URL or key=value pairs, but got both.";
