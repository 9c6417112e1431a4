//! Which requests the gateway carries, and what the audit log says of them.

use http::Method;

use crate::stack::paths::{GRAPHQL, PACKAGE_NAME, SEARCH};

/// How much of a path the audit log keeps, in characters.
const MAX_NOTED: usize = 200;

/// What of the registry is carried beside GraphQL: all that its public clients
/// ask for and that is not answered here. The rest is about logins, keys and
/// users, or may be: what it answers would be worth something off this machine.
const CARRIED: &[&str] = &[PACKAGE_NAME, SEARCH, GRAPHQL];

/// Whether a request is one for the gateway: of a usual method, and of what is
/// carried, exactly as it is written there.
pub(super) fn is_proxied(method: &Method, path: &str) -> bool {
    let usual = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
    ];
    usual.contains(method) && CARRIED.contains(&path)
}

/// What the audit log says of a request: never its query, which may hold what
/// was searched for.
pub(super) fn noted(method: &Method, path: &str) -> String {
    let cut: String = path.chars().take(MAX_NOTED).collect();
    let more = if cut.len() < path.len() { "…" } else { "" };
    format!("{method} {cut}{more}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_ask_for_is_carried_and_nothing_else() {
        for path in CARRIED {
            assert!(is_proxied(&Method::GET, path), "{path}");
            for other in [
                format!("{path}/"),
                format!("{path}/x"),
                format!("{path};x"),
                format!("{path}%20"),
                format!("/{path}"),
                format!("/x/..{path}"),
                path.to_uppercase(),
                path.replace('a', "%61"),
            ] {
                assert!(!is_proxied(&Method::GET, &other), "{other}");
            }
        }
        for path in [
            "/api/",
            "/api/code",
            "/api/connect/authorize",
            "/api/graphql",
            "/api/v1/graphql",
            "/api/me/api-keys",
            "/api/nowhere",
            "/api/users/reset_password",
            "/login",
            "/mcp/platform/mcp",
        ] {
            assert!(!is_proxied(&Method::GET, path), "{path}");
        }
        assert!(!is_proxied(&Method::TRACE, "/api/search"));
    }
}
