//! Which requests the gateway carries, and what the audit log says of them.

use http::{HeaderMap, Method, header};

/// How much of a path the audit log keeps, in characters.
const MAX_NOTED: usize = 200;

/// Parts of the registry, by the first word after `/api/`, that make, take or
/// end logins. What they answer would be worth something off this machine.
/// GraphQL is not among them: it is carried where it is known to be.
const KEPT_BACK: &[&str] = &[
    "activate",
    "api-keys",
    "api_keys",
    "auth",
    "change_password",
    "code",
    "connect",
    "disconnect",
    "graphql",
    "login",
    "logout",
    "oauth",
    "oauth2",
    "password",
    "refresh",
    "register",
    "reset_password",
    "saml",
    "sessions",
    "sso",
    "sso_login",
    "token",
    "users",
];

/// Whether a request is one for the gateway: plainly written, of a usual
/// method, and of none of the parts that are about logins.
pub(super) fn is_proxied(method: &Method, path: &str) -> bool {
    let usual = [
        Method::GET,
        Method::HEAD,
        Method::POST,
        Method::PUT,
        Method::DELETE,
    ];
    let plain = |c: u8| c.is_ascii_alphanumeric() || b"-._~/".contains(&c);
    let mut words = path.split('/').skip(1);
    let allowed = match words.next() {
        Some("graphql") => true,
        Some("api") => words.next().is_some_and(|word| {
            !word.is_empty() && !KEPT_BACK.contains(&word.to_ascii_lowercase().as_str())
        }),
        _ => false,
    };
    usual.contains(method) && path.bytes().all(plain) && !path.contains("//") && allowed
}

/// Whether a body is something else than it looks like.
pub(super) fn is_encoded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::CONTENT_ENCODING).iter();
    codings.any(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

/// What the audit log says of a request: never its query, which may hold what
/// was searched for. A path that is carried is plain ASCII.
pub(super) fn noted(method: &Method, path: &str) -> String {
    let cut: String = path.chars().take(MAX_NOTED).collect();
    let more = if cut.len() < path.len() { "…" } else { "" };
    format!("{method} {cut}{more}")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn what_is_about_logins_is_not_carried_however_it_is_written() {
        for path in [
            "/graphql",
            "/api/search",
            "/api/package_list/x/y",
            "/api/codes",
        ] {
            assert!(is_proxied(&Method::GET, path), "{path}");
        }
        for path in [
            "/api/code",
            "/api/Code/",
            "/api/connect/authorize",
            "/api/users/reset_password",
            "/api/graphql",
            "/api/auth/get_credentials/",
            "/api/auth/get_credential%73",
            "/api/%74oken",
            "/api/refresh;x",
            "/api//refresh",
            "/api/",
            "/login",
        ] {
            assert!(!is_proxied(&Method::GET, path), "{path}");
        }
        assert!(!is_proxied(&Method::TRACE, "/api/search"));
    }

    #[test]
    fn encoded_bodies_are_told() {
        for (codings, encoded) in [
            (&["gzip"][..], true),
            (&["identity", "br"], true),
            (&["identity, gzip"], true),
            (&["Identity"], false),
            (&[], false),
        ] {
            let mut headers = HeaderMap::new();
            for coding in codings {
                let coding = HeaderValue::from_static(coding);
                headers.append(header::CONTENT_ENCODING, coding);
            }
            assert_eq!(is_encoded(&headers), encoded, "{codings:?}");
        }
    }
}
