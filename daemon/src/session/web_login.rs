//! Logging in through the browser: OAuth 2.1, authorization code with PKCE.

use std::sync::Arc;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use quilt_proto::{CatalogUrl, RegistryHost, RegistryUrl, Secret};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use url::Url;

use super::login;
use super::{Epoch, LoginOutcome, Session, SessionError, TrustedRegistry};
use crate::stack::{
    self, Authorization, OAuthServer, StackError, authorize_url, origin, usual_connect_url,
};
use crate::token_store::{LoginMethod, OAuthClient, Reservation};

/// A stack's OAuth server and the client registered there, if one is.
#[derive(Debug)]
pub struct Connect {
    server: OAuthServer,
    registered: Option<OAuthClient>,
    epoch: Epoch,
}

/// Where a login comes back to.
#[derive(Debug)]
pub struct Redirect {
    /// This time.
    pub uri: String,
    /// Later times, by the same registration.
    pub spare: Vec<String>,
}

impl Connect {
    /// The ports of redirects that are registered and that no login came back
    /// to. Listening there needs no new registration, whatever the stack thinks
    /// of other ports. A port is used once: other users can see it then, and
    /// what they serve there later can lie in wait in this user's browser for
    /// the next login (a service worker).
    pub fn unused_ports(&self) -> Vec<u16> {
        let client = self.registered.iter();
        let unused = client.flat_map(|client| &client.unused_redirect_uris);
        unused
            .filter_map(|uri| Url::parse(uri).ok()?.port())
            .collect()
    }
}

/// A login that waits for the browser to come back.
pub struct WebLogin {
    session: Arc<Session>,
    epoch: Epoch,
    server: OAuthServer,
    client: OAuthClient,
    trusted: TrustedRegistry,
    state: Secret,
    verifier: Secret,
    authorize_url: String,
}

/// Finds the stack's OAuth server: at `connect`, else in its usual place.
pub async fn find_connect(
    session: &Session,
    connect: Option<CatalogUrl>,
) -> Result<Connect, SessionError> {
    let (catalog, epoch) = (&session.catalog, session.epoch());
    let connect = match connect {
        Some(connect) => connect,
        None => usual_connect(session).await?,
    };
    let server =
        match stack::oauth::find_server(&session.dependencies.stack, &connect, catalog).await {
            Err(
                StackError::Refused { .. }
                | StackError::Unauthorized { .. }
                | StackError::Forbidden { .. }
                | StackError::Invalid { .. },
            ) => {
                return Err(SessionError::NoConnect(catalog.clone()));
            }
            server => server?,
        };
    let mut stored = session.dependencies.store.look().await?;
    Ok(Connect {
        registered: stored.oauth_clients.remove(&server.issuer),
        server,
        epoch,
    })
}

/// Where the OAuth server is as a rule. That name is the stack's own as far
/// as its registry has such a name, too: nobody else has the domain, then.
async fn usual_connect(session: &Session) -> Result<CatalogUrl, SessionError> {
    let none = || SessionError::NoConnect(session.catalog.clone());
    let usual = usual_connect_url(&session.catalog).ok_or_else(none)?;
    if origin(usual.as_str()) == origin(session.catalog.as_str()) {
        return Ok(usual);
    }
    let registry = match session.registry_trust().known().await? {
        Some(registry) => registry,
        None => session.registry_trust().published().await?.registry_url,
    };
    if are_siblings(&usual, &registry) {
        Ok(usual)
    } else {
        Err(none())
    }
}

/// Prepares a login that comes back to `redirect`, registering it
/// where that was not done before, at a registry the user has agreed to.
pub async fn begin(
    session: &Arc<Session>,
    connect: Connect,
    redirect: Redirect,
    accept: Option<&RegistryHost>,
) -> Result<WebLogin, SessionError> {
    let Connect {
        server,
        registered,
        epoch,
    } = connect;
    let trusted = session.registry_trust().verify(accept).await?;
    let client = match registered {
        Some(client) if client.unused_redirect_uris.contains(&redirect.uri) => {
            spend_redirect(session, &server, client, redirect.uri).await
        }
        _ => register(session, &server, redirect).await?,
    };
    let (state, verifier) = (random()?, random()?);
    let challenge = BASE64_URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.expose()));
    let request = Authorization {
        client_id: &client.client_id,
        redirect_uri: &client.redirect_uri,
        challenge: &challenge,
        state: state.expose(),
    };
    let authorize_url = authorize_url(&session.catalog, &request)
        .ok_or_else(|| SessionError::NoConnect(session.catalog.clone()))?;
    Ok(WebLogin {
        session: Arc::clone(session),
        epoch,
        server,
        client,
        trusted,
        state,
        verifier,
        authorize_url,
    })
}

async fn register(
    session: &Session,
    server: &OAuthServer,
    redirect: Redirect,
) -> Result<OAuthClient, SessionError> {
    let Redirect { uri, spare } = redirect;
    let all = spare.iter().chain([&uri]).map(String::as_str);
    let stack = &session.dependencies.stack;
    Ok(OAuthClient {
        client_id: stack::oauth::register(stack, server, &all.collect::<Vec<_>>()).await?,
        redirect_uri: uri,
        unused_redirect_uris: spare,
    })
}

/// Notes that a redirect is used now, and not again, however this ends.
async fn spend_redirect(
    session: &Session,
    server: &OAuthServer,
    client: OAuthClient,
    uri: String,
) -> OAuthClient {
    let spend = |document: &mut crate::token_store::Document| {
        let kept = document.oauth_clients.get_mut(&server.issuer)?;
        kept.unused_redirect_uris.retain(|unused| *unused != uri);
        kept.redirect_uri.clone_from(&uri);
        Some(())
    };
    let store = &session.dependencies.store;
    if let Err(error) = store.update(Reservation::default(), spend).await {
        tracing::warn!("cannot note the redirect of a login: {error}");
    }
    OAuthClient {
        redirect_uri: uri,
        ..client
    }
}

impl WebLogin {
    /// Where it is.
    pub fn catalog(&self) -> &CatalogUrl {
        self.session.catalog()
    }

    /// The session it is for.
    pub fn session(&self) -> &Arc<Session> {
        &self.session
    }

    /// Returns once a logout has ended this login.
    pub async fn ended(&self) -> SessionError {
        self.session.login_superseded(self.epoch).await
    }

    /// The page the browser has to open.
    pub fn authorize_url(&self) -> &str {
        &self.authorize_url
    }

    /// Whether an answer with this `state`, and this `iss` if it names one
    /// (RFC 9207), is to this login.
    pub fn is_answered_by(&self, state: &str, issuer: Option<&str>) -> bool {
        let ours = state.as_bytes().ct_eq(self.state.expose().as_bytes());
        let known = |issuer| {
            let issuer = origin(issuer);
            issuer.as_ref() == Some(&self.server.issuer)
                || issuer == origin(self.session.catalog.as_str())
        };
        bool::from(ours) && issuer.is_none_or(known)
    }

    /// Exchanges the code the browser brought and takes up the login. Runs in
    /// a task of its own: a browser that hangs up must not lose the tokens.
    pub async fn redeem(self: &Arc<Self>, code: Secret) -> Result<LoginOutcome, SessionError> {
        let login = Arc::clone(self);
        let tasks = &self.session.dependencies.tasks;
        let task = tasks.spawn(async move { login.exchange(code).await });
        tokio::select! {
            biased;
            ended = self.ended() => Err(ended),
            outcome = task => outcome.unwrap_or(Err(SessionError::Stopping)),
        }
    }

    async fn exchange(&self, code: Secret) -> Result<LoginOutcome, SessionError> {
        let dependencies = &self.session.dependencies;
        if self.session.epochs.is_login_superseded(self.epoch) {
            return Err(self.session.superseded());
        }
        self.session
            .registry_trust()
            .still_trusted(&self.trusted)
            .await?;
        let reservation = dependencies.store.reserve().await?;
        let now = dependencies.clock.now().wall;
        let redeemed = stack::oauth::redeem(
            &dependencies.stack,
            &self.server,
            (&self.client.client_id, &self.client.redirect_uri),
            &code,
            &self.verifier,
            now,
        )
        .await;
        if redeemed.as_ref().is_err_and(is_refusal) {
            self.forget_client().await;
        }
        let (tokens, refresh_token) = redeemed?;
        let method = LoginMethod::OAuth {
            client_id: self.client.client_id.clone(),
            token_endpoint: self.server.token_endpoint.clone(),
            revocation_endpoint: self.server.revocation_endpoint.clone(),
        };
        let record = login::granted(&self.trusted, method, refresh_token, tokens, now);
        let outcome = login::adopt(
            &self.session,
            self.epoch,
            &self.trusted,
            record,
            reservation,
        )
        .await?;
        self.keep_client().await;
        Ok(outcome)
    }

    /// Keeps the client for the next login. One that nobody ever logged in by
    /// is not kept: who registered it is not known to be the stack.
    async fn keep_client(&self) {
        let keep = |document: &mut crate::token_store::Document| {
            let kept = document.oauth_clients.get(&self.server.issuer);
            // What is kept knows what other logins used meanwhile.
            if kept.is_some_and(|kept| kept.client_id == self.client.client_id) {
                return None;
            }
            let (issuer, client) = (self.server.issuer.clone(), self.client.clone());
            document.oauth_clients.insert(issuer, client);
            Some(())
        };
        let store = &self.session.dependencies.store;
        if let Err(error) = store.update(Reservation::default(), keep).await {
            tracing::warn!("cannot keep the OAuth client: {error}");
        }
    }

    /// Registers anew the next time: the stack may have forgotten the client,
    /// which it tells the browser and not us.
    pub async fn forget_client(&self) {
        let forget = |document: &mut crate::token_store::Document| {
            let kept = document.oauth_clients.get(&self.server.issuer);
            let is_it = kept.is_some_and(|kept| kept.client_id == self.client.client_id);
            is_it.then(|| document.oauth_clients.remove(&self.server.issuer))
        };
        let store = &self.session.dependencies.store;
        if let Err(error) = store.update(Reservation::default(), forget).await {
            tracing::warn!("cannot forget the OAuth client: {error}");
        }
    }
}

/// Whether two hosts have names directly below one domain.
fn are_siblings(one: &CatalogUrl, other: &RegistryUrl) -> bool {
    let domain = |url: &str| {
        let host = Url::parse(url)
            .ok()?
            .host_str()?
            .trim_end_matches('.')
            .to_owned();
        host.split_once('.').map(|(_, domain)| domain.to_owned())
    };
    let domain_of_one = domain(one.as_str());
    domain_of_one.is_some() && domain_of_one == domain(other.as_str())
}

/// Whether the stack may have forgotten the client.
fn is_refusal(error: &StackError) -> bool {
    matches!(
        error,
        StackError::TokenRejected { .. }
            | StackError::Refused { .. }
            | StackError::Unauthorized { .. }
            | StackError::Forbidden { .. }
    )
}

/// 256 random bits, as text for a URL.
fn random() -> Result<Secret, SessionError> {
    let mut bytes = zeroize::Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|_| SessionError::NoRandomness)?;
    Ok(Secret::new(BASE64_URL_SAFE_NO_PAD.encode(*bytes)))
}
