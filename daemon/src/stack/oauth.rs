//! The stack's OAuth 2.1 server, "Connect": where it is, and what a public
//! client asks of it.

use quilt_proto::{CatalogUrl, Secret, Timestamp, catalog as urls};
use serde::Deserialize;
use serde_json::json;
use url::{Host, Url};

use super::{StackClient, StackError, Tokens, http, tokens};

/// The one scope a stack knows.
const SCOPE: &str = "platform";

/// What users read on the page that asks for their consent.
const CLIENT_NAME: &str = "quiltd";

/// The longest id of a client that is taken, in bytes.
const LONGEST_CLIENT_ID: usize = 1024;

/// An OAuth server's endpoints (RFC 8414).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthServer {
    /// Its name, an origin without default port.
    pub issuer: String,
    /// Where codes and refresh tokens become access tokens.
    pub token_endpoint: String,
    /// Where clients register (RFC 7591).
    pub registration_endpoint: String,
    /// Where tokens are revoked (RFC 7009), if anywhere.
    pub revocation_endpoint: Option<String>,
}

/// What the browser is sent to the stack with.
#[derive(Debug)]
pub struct Authorization<'a> {
    /// The registered client.
    pub client_id: &'a str,
    /// Where the browser is sent back to.
    pub redirect_uri: &'a str,
    /// PKCE, S256 (RFC 7636).
    pub challenge: &'a str,
    /// Comes back with the code, and ties it to this login.
    pub state: &'a str,
}

/// A stack's usual OAuth host: the first label of the catalog's and `-connect`.
/// On loopback, and for bare addresses, it is the catalog's own origin. There is
/// none where that name could belong to somebody else: `lab-connect.bio` has
/// nothing to do with `lab.bio`.
pub fn usual_connect_url(catalog: &CatalogUrl) -> Option<CatalogUrl> {
    let mut url = Url::parse(catalog.as_str()).ok()?;
    if !urls::is_loopback(&url)
        && let Some(Host::Domain(name)) = url.host()
        && let Some((first, rest)) = name.split_once('.')
    {
        if is_registered_below(rest) {
            return None;
        }
        let host = format!("{first}-connect.{rest}");
        url.set_host(Some(&host)).ok()?;
    }
    url.origin().ascii_serialization().parse().ok()
}

/// Whether anybody can have a name directly below a domain: a top level, or one of
/// those on the Public Suffix List, of countries (`co.uk`) and of hosts of others'
/// programs (`azurewebsites.net`).
fn is_registered_below(domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    psl::suffix_str(domain).is_none_or(|suffix| suffix == domain)
}

/// The page on which the user lets this installation in.
pub fn authorize_url(catalog: &CatalogUrl, wish: &Authorization<'_>) -> Option<String> {
    let query = [
        ("client_id", wish.client_id),
        ("redirect_uri", wish.redirect_uri),
        ("code_challenge", wish.challenge),
        ("code_challenge_method", "S256"),
        ("response_type", "code"),
        ("scope", SCOPE),
        ("state", wish.state),
    ];
    let page = catalog.join("/connect/authorize");
    Some(Url::parse_with_params(&page, query).ok()?.into())
}

/// The origin of a URL, without a default port: `:443` says nothing.
pub fn origin(url: &str) -> Option<String> {
    let origin = Url::parse(url).ok()?.origin();
    origin.is_tuple().then(|| origin.ascii_serialization())
}

/// Reads the metadata of the OAuth server at `connect` (RFC 8414). Its
/// issuer has to be that very server, and its endpoints lie there or at
/// the catalog: codes and tokens go nowhere else.
pub async fn find_server(
    stack: &StackClient,
    connect: &CatalogUrl,
    catalog: &CatalogUrl,
) -> Result<OAuthServer, StackError> {
    #[derive(Deserialize)]
    struct Metadata {
        issuer: String,
        token_endpoint: String,
        registration_endpoint: Option<String>,
        revocation_endpoint: Option<String>,
    }
    let url = connect.join("/.well-known/oauth-authorization-server");
    let answer = stack
        .send(stack.passing_client(&url)?.get(&url), &[])
        .await?;
    let metadata: Metadata = answer.json()?;
    let here = origin(connect.as_str());
    let ours = |url: &String| {
        if url.len() > urls::MAX_URL {
            return false;
        }
        let at = origin(url);
        at.is_some() && (at == here || at == origin(catalog.as_str()))
    };
    let issuer = origin(&metadata.issuer)
        .filter(|issuer| Some(issuer) == here.as_ref())
        .ok_or_else(|| answer.invalid("its OAuth server calls itself by another name"))?;
    let registration_endpoint = metadata
        .registration_endpoint
        .ok_or_else(|| answer.invalid("its OAuth server takes no registrations"))?;
    let endpoints = [&metadata.token_endpoint, &registration_endpoint];
    if !endpoints
        .into_iter()
        .chain(&metadata.revocation_endpoint)
        .all(ours)
    {
        return Err(answer.invalid("an endpoint of its OAuth server is elsewhere"));
    }
    Ok(OAuthServer {
        issuer,
        token_endpoint: metadata.token_endpoint,
        registration_endpoint,
        revocation_endpoint: metadata.revocation_endpoint,
    })
}

/// Registers a public client (RFC 7591) that can be sent back to several
/// places, and answers with its id.
pub async fn register(
    stack: &StackClient,
    server: &OAuthServer,
    redirect_uris: &[&str],
) -> Result<String, StackError> {
    #[derive(Deserialize)]
    struct Registered {
        client_id: String,
    }
    let endpoint = &server.registration_endpoint;
    let request = stack.passing_client(endpoint)?.post(endpoint).json(&json!({
        "client_name": CLIENT_NAME,
        "redirect_uris": redirect_uris,
        "token_endpoint_auth_method": "none",
        "grant_types": ["authorization_code", "refresh_token"],
        "response_types": ["code"],
    }));
    let answer = stack.send(request, &[]).await?;
    let Registered { client_id } = answer.json()?;
    let legal = |b: u8| b.is_ascii_graphic();
    if !(1..=LONGEST_CLIENT_ID).contains(&client_id.len()) || !client_id.bytes().all(legal) {
        return Err(answer.invalid("its OAuth server gave no client_id"));
    }
    Ok(client_id)
}

/// Exchanges an authorization code that a client got at a redirect URI (RFC 6749,
/// section 4.1.3, with PKCE).
pub async fn redeem(
    stack: &StackClient,
    server: &OAuthServer,
    (client_id, redirect_uri): (&str, &str),
    code: &Secret,
    verifier: &Secret,
    now: Timestamp,
) -> Result<(Tokens, Secret), StackError> {
    let form = [
        ("grant_type", "authorization_code"),
        ("client_id", client_id),
        ("redirect_uri", redirect_uri),
        ("code", code.expose()),
        ("code_verifier", verifier.expose()),
    ];
    let endpoint = &server.token_endpoint;
    let mut tokens = tokens::grant(stack, endpoint, &form, &[code, verifier], now).await?;
    let missing = || StackError::invalid(http::host(endpoint), "a refresh token is missing");
    let refresh_token = tokens.refresh_token.take().ok_or_else(missing)?;
    Ok((tokens, refresh_token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_connect_host_follows_from_the_catalogs() {
        for (catalog, connect) in [
            (
                "https://demo.quilt.example",
                "https://demo-connect.quilt.example",
            ),
            (
                "https://demo.quilt.example:443/x",
                "https://demo-connect.quilt.example",
            ),
            (
                "https://d.q.example:8443",
                "https://d-connect.q.example:8443",
            ),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("http://localhost:4000/x", "http://localhost:4000"),
            ("https://10.1.2.3", "https://10.1.2.3"),
        ] {
            let derived = usual_connect_url(&catalog.parse().unwrap()).unwrap();
            assert_eq!(derived.as_str(), connect);
        }
    }

    #[test]
    fn a_connect_host_that_may_be_somebody_elses_is_none() {
        for catalog in [
            "https://lab.bio",
            "https://lab.bio.:8443",
            "https://lab.co.uk",
            "https://lab.com.au/x",
            "https://intranet.",
            "https://lab.azurewebsites.net:8443",
            "https://lab.herokuapp.com",
            "https://lab.fly.dev.",
            "https://lab.s3.eu-west-1.amazonaws.com",
        ] {
            assert_eq!(
                usual_connect_url(&catalog.parse().unwrap()),
                None,
                "{catalog}"
            );
        }
        for catalog in [
            "https://quilt.lab.bio",
            "https://quilt.lab.co.uk",
            "https://quilt.lab.corp",
            "https://quilt.lab.azurewebsites.net",
        ] {
            let derived = usual_connect_url(&catalog.parse().unwrap()).unwrap();
            assert!(derived.as_str().starts_with("https://quilt-connect."));
        }
    }

    #[test]
    fn a_default_port_says_nothing() {
        assert_eq!(
            origin("https://x.example:443/a"),
            origin("https://x.example")
        );
        assert_ne!(origin("https://x.example:444"), origin("https://x.example"));
        assert_ne!(origin("http://x.example:443"), origin("https://x.example"));
        assert_eq!(origin("data:x"), None);
    }
}
