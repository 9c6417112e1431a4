//! The paths of a registry, as Quilt's registry serves them. The gateway serves
//! the same ones.

/// Exchanges a code or a refresh token.
pub const TOKEN: &str = "/api/token";
/// AWS credentials of the user's role.
pub const CREDENTIALS: &str = "/api/auth/get_credentials";
/// Searches the catalog.
pub const SEARCH: &str = "/api/search";
/// Answers documents of GraphQL.
pub const GRAPHQL: &str = "/graphql";
/// Whether a package may have a name.
pub const PACKAGE_NAME: &str = "/api/package_name_valid";
