//! Every request a client can make, as a value with a typed answer.
//!
//! A call knows its method, path, query and body; a transport (blocking or
//! async) knows how to send one. Neither knows the other.

mod gateway;
mod grants;
mod packages;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use self::gateway::{ReadGateway, SetUpGateway, UndoGateway};
pub use self::grants::{CreateGrant, ReadConsoleUrl, ReadProfiles, RevokeGrant};
use crate::wire::{
    ApiKey, ApiKeyFilter, ApiKeyHandover, ApiKeyRevocation, ApiKeyRotation, AuditEntry,
    ConfigUpdate, ConfigValues, CreatedApiKey, CredentialProcess, Diagnosis, Health, LoginCode, Me,
    NewApiKey, RegistryAcceptance, RoleChoice, RotatedApiKey, Session, Status, Token, WebLogin,
    WebLoginState,
};
use crate::{ApiKeyId, ProfileName, RegistryHost, Secret};

pub use packages::{DeletePackage, ListPackages, ReadPackageVersions, RunSearch};

/// HTTP methods the API uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The method as HTTP writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// A request with a typed answer.
pub trait Call {
    /// The JSON body of a successful answer; `()` where there is none.
    type Answer: DeserializeOwned;

    /// The HTTP method.
    const METHOD: Method;

    /// The path, percent-encoded, without query.
    fn path(&self) -> String;

    /// Query parameters besides `catalog`, not yet encoded.
    fn query(&self) -> Vec<(&'static str, String)> {
        Vec::new()
    }

    /// The JSON body, where the call has one. May hold secrets.
    fn body(&self) -> Option<Secret> {
        None
    }
}

/// Paths of the API, shared by the daemon's router and the calls.
pub mod path {
    /// Liveness.
    pub const HEALTH: &str = "/v1/health";
    /// What the daemon holds.
    pub const STATUS: &str = "/v1/status";
    /// Server-sent events: a line whenever something changes.
    pub const EVENTS: &str = "/v1/events";
    /// Counts and durations for operators, OpenMetrics text.
    pub const METRICS: &str = "/metrics";
    /// The OpenAPI document of all this.
    pub const OPENAPI: &str = "/v1/openapi.json";
    /// The configuration shared with the Python SDK.
    pub const CONFIG: &str = "/v1/config";
    /// Login, logout.
    pub const SESSION: &str = "/v1/session";
    /// A login through the browser.
    pub const WEB_LOGIN: &str = "/v1/session/web";
    /// Its progress.
    pub const WEB_LOGIN_ID: &str = "/v1/session/web/{id}";
    /// The registry the user agrees to.
    pub const SESSION_REGISTRY: &str = "/v1/session/registry";
    /// The API key over the login.
    pub const SESSION_API_KEY: &str = "/v1/session/api-key";
    /// The bearer token.
    pub const TOKEN: &str = "/v1/token";
    /// Who the stack says you are.
    pub const ME: &str = "/v1/me";
    /// The active role.
    pub const ME_ROLE: &str = "/v1/me/role";
    /// AWS credentials, `credential_process` document.
    pub const AWS_CREDENTIALS: &str = "/v1/aws/credentials";
    /// Which local process got what, when.
    pub const AUDIT: &str = "/v1/audit";
    /// The user's own API keys.
    pub const API_KEYS: &str = "/v1/api-keys";
    /// Revokes a key by its secret.
    pub const API_KEYS_REVOKE: &str = "/v1/api-keys/revoke";
    /// Makes a key's successor.
    pub const API_KEYS_ROTATE: &str = "/v1/api-keys/rotate";
    /// Everybody's API keys.
    pub const ADMIN_API_KEYS: &str = "/v1/admin/api-keys";
    /// Packages of a registry.
    pub const PACKAGES: &str = "/v1/packages";
    /// One package, as the router writes it.
    pub const PACKAGE: &str = "/v1/packages/{namespace}/{name}";
    /// The versions of one package, as the router writes it.
    pub const PACKAGE_VERSIONS: &str = "/v1/packages/{namespace}/{name}/versions";
    /// Search.
    pub const SEARCH: &str = "/v1/search";
    /// A URL that signs in to the AWS console.
    pub const AWS_CONSOLE: &str = "/v1/aws/console";
    /// Grants for loopback.
    pub const AWS_GRANTS: &str = "/v1/aws/grants";
    /// One grant.
    pub const AWS_GRANT: &str = "/v1/aws/grants/{id}";
    /// The registry gateway for the Python SDK.
    pub const GATEWAY: &str = "/v1/gateway";
    /// The profiles of the settings.
    pub const PROFILES: &str = "/v1/profiles";
    /// What is wrong, and what mends it.
    pub const DOCTOR: &str = "/v1/doctor";
    /// Ends the daemon.
    pub const SHUTDOWN: &str = "/v1/shutdown";
}

/// Writes a body; every wire type serialises without fail.
fn json(body: &impl Serialize) -> Option<Secret> {
    serde_json::to_string(body).ok().map(Secret::from)
}

/// Blanks before a body, more than the blocks in which HTTP parsers look for
/// the end of the head: the last block reaches into the body, and what is in it
/// can stay on a stack. JSON may begin with blanks (RFC 8259, section 2).
const APART: usize = 64;

/// Writes a body that holds an API key.
fn apart(body: &impl Serialize) -> Option<Secret> {
    let body = json(body)?;
    let mut text = String::with_capacity(APART + body.expose().len());
    text.extend(std::iter::repeat_n(' ', APART));
    text.push_str(body.expose());
    Some(Secret::from(text))
}

macro_rules! plain_call {
    ($(#[$doc:meta])* $name:ident, $method:ident, $path:expr => $answer:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name;

        impl Call for $name {
            type Answer = $answer;
            const METHOD: Method = Method::$method;

            fn path(&self) -> String {
                $path.to_owned()
            }
        }
    };
}

plain_call!(/** Is the daemon alive? */ ReadHealth, Get, path::HEALTH => Health);
plain_call!(/** What does the daemon hold? */ ReadStatus, Get, path::STATUS => Status);
plain_call!(/** The effective configuration. */ ReadConfig, Get, path::CONFIG => ConfigValues);
plain_call!(/** Where the login stands. */ ReadSession, Get, path::SESSION => Session);
plain_call!(/** Forget session and key, revoke where the stack can. */ Logout, Delete, path::SESSION => ());
plain_call!(/** A bearer token. */ ReadToken, Get, path::TOKEN => Token);
plain_call!(/** Who the stack says you are. */ ReadMe, Get, path::ME => Me);
plain_call!(/** Drop the API key, fall back to the login. */ ClearApiKey, Delete, path::SESSION_API_KEY => ());
plain_call!(/** What is wrong? */ ReadDiagnosis, Get, path::DOCTOR => Diagnosis);
plain_call!(/** Ask the daemon to end. */ Shutdown, Post, path::SHUTDOWN => ());

/// Forget every session and key of every catalog.
#[derive(Clone, Debug)]
pub struct LogoutAll;

impl Call for LogoutAll {
    type Answer = ();
    const METHOD: Method = Method::Delete;

    fn path(&self) -> String {
        path::SESSION.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("all", "true".to_owned())]
    }
}

/// Change the configuration; answers with the new one.
#[derive(Clone, Debug)]
pub struct UpdateConfig(pub ConfigUpdate);

impl Call for UpdateConfig {
    type Answer = ConfigValues;
    const METHOD: Method = Method::Put;

    fn path(&self) -> String {
        path::CONFIG.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// Where the login page is; asks the catalog.
#[derive(Clone, Debug)]
pub struct ReadLoginPage {
    /// The host the user agreed to, where the registry is another one than before.
    pub accept_registry: Option<RegistryHost>,
}

impl Call for ReadLoginPage {
    type Answer = Session;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::SESSION.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let mut query = vec![("login_url", "true".to_owned())];
        query.extend(accepting(self.accept_registry.as_ref()));
        query
    }
}

/// The query parameter by which a user agrees to a registry.
fn accepting(host: Option<&RegistryHost>) -> Option<(&'static str, String)> {
    host.map(|host| ("accept_registry", host.to_string()))
}

/// Agree to where the catalog says that its registry is now.
#[derive(Clone, Debug)]
pub struct AcceptRegistry(pub RegistryAcceptance);

impl Call for AcceptRegistry {
    type Answer = Session;
    const METHOD: Method = Method::Put;

    fn path(&self) -> String {
        path::SESSION_REGISTRY.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// Log in with the code from the stack's login page.
#[derive(Clone, Debug)]
pub struct Login(pub LoginCode);

impl Call for Login {
    type Answer = Session;
    const METHOD: Method = Method::Post;

    fn path(&self) -> String {
        path::SESSION.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// Start a login through the browser.
#[derive(Clone, Debug)]
pub struct StartWebLogin {
    /// The stack's OAuth server, where it is not in its usual place.
    pub connect_url: Option<String>,
    /// The host the user agreed to, where the registry is another one than before.
    pub accept_registry: Option<RegistryHost>,
}

impl Call for StartWebLogin {
    type Answer = WebLogin;
    const METHOD: Method = Method::Post;

    fn path(&self) -> String {
        path::WEB_LOGIN.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let connect_url = self.connect_url.iter();
        connect_url
            .map(|url| ("connect_url", url.clone()))
            .chain(accepting(self.accept_registry.as_ref()))
            .collect()
    }
}

/// Wait for the end of a login through the browser, some seconds at most.
#[derive(Clone, Debug)]
pub struct AwaitWebLogin {
    /// What [`StartWebLogin`] called it: letters and digits.
    pub id: String,
}

impl Call for AwaitWebLogin {
    type Answer = WebLoginState;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        let id: String = self
            .id
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .collect();
        path::WEB_LOGIN_ID.replace("{id}", &id)
    }
}

/// Which local process got what, when.
#[derive(Clone, Debug)]
pub struct ReadAudit {
    /// A time, or how long ago; everything there is without it.
    pub since: Option<String>,
}

impl Call for ReadAudit {
    type Answer = Vec<AuditEntry>;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::AUDIT.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let since = self.since.iter();
        since.map(|since| ("since", since.clone())).collect()
    }
}

/// Make another role active; answers with the user as it is then.
#[derive(Clone, Debug)]
pub struct SwitchRole(pub RoleChoice);

impl Call for SwitchRole {
    type Answer = Me;
    const METHOD: Method = Method::Put;

    fn path(&self) -> String {
        path::ME_ROLE.to_owned()
    }

    fn body(&self) -> Option<Secret> {
        json(&self.0)
    }
}

/// AWS credentials of a profile.
#[derive(Clone, Debug)]
pub struct ReadCredentials {
    /// The profile.
    pub profile: ProfileName,
}

impl Call for ReadCredentials {
    type Answer = CredentialProcess;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        path::AWS_CREDENTIALS.to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        vec![("profile", self.profile.to_string())]
    }
}

/// Whose keys a call is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// The user's own.
    Own,
    /// Everybody's; for admins.
    All,
}

impl KeyScope {
    fn path(self) -> &'static str {
        match self {
            Self::Own => path::API_KEYS,
            Self::All => path::ADMIN_API_KEYS,
        }
    }
}

macro_rules! body_call {
    ($(#[$doc:meta])* $name:ident($body:ty), $method:ident, $path:expr => $answer:ty) => {
        $(#[$doc])*
        #[derive(Clone, Debug)]
        pub struct $name(pub $body);

        impl Call for $name {
            type Answer = $answer;
            const METHOD: Method = Method::$method;

            fn path(&self) -> String {
                $path.to_owned()
            }

            fn body(&self) -> Option<Secret> {
                apart(&self.0)
            }
        }
    };
}

body_call!(/** Use an API key instead of the login. */ UseApiKey(ApiKeyHandover), Put, path::SESSION_API_KEY => Session);
body_call!(/** Make a key. */ CreateApiKey(NewApiKey), Post, path::API_KEYS => CreatedApiKey);
body_call!(/** Revoke a key by its secret. */ RevokeApiKeySecret(ApiKeyRevocation), Post, path::API_KEYS_REVOKE => ());
body_call!(/** Make a key's successor. */ RotateApiKey(ApiKeyRotation), Post, path::API_KEYS_ROTATE => RotatedApiKey);

/// List API keys.
#[derive(Clone, Debug)]
pub struct ListApiKeys {
    /// Whose.
    pub scope: KeyScope,
    /// Which of them.
    pub filter: ApiKeyFilter,
}

impl Call for ListApiKeys {
    type Answer = Vec<ApiKey>;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        self.scope.path().to_owned()
    }

    fn query(&self) -> Vec<(&'static str, String)> {
        let ApiKeyFilter {
            email,
            name,
            fingerprint,
            status,
        } = self.filter.clone();
        let status = status.map(|status| status.as_str().to_owned());
        [
            ("email", email),
            ("name", name),
            ("fingerprint", fingerprint),
            ("status", status),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name, value?)))
        .collect()
    }
}

/// Read one API key.
#[derive(Clone, Debug)]
pub struct ReadApiKey {
    /// Among whose.
    pub scope: KeyScope,
    /// Which.
    pub id: ApiKeyId,
}

impl Call for ReadApiKey {
    type Answer = ApiKey;
    const METHOD: Method = Method::Get;

    fn path(&self) -> String {
        format!("{}/{}", self.scope.path(), self.id)
    }
}

/// Revoke an API key by its id.
#[derive(Clone, Debug)]
pub struct RevokeApiKey {
    /// Among whose.
    pub scope: KeyScope,
    /// Which.
    pub id: ApiKeyId,
}

impl Call for RevokeApiKey {
    type Answer = ();
    const METHOD: Method = Method::Delete;

    fn path(&self) -> String {
        format!("{}/{}", self.scope.path(), self.id)
    }
}
