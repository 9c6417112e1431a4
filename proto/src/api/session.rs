//! Sessions: logging in and out, the bearer token, the role.

use serde::{Deserialize, Serialize};

use super::Action;
use crate::RegistryHost;
use crate::wire::{
    ApiKeyHandover, Bucket, LoggedOut, LoginCode, Me, RegistryAcceptance, Session, Token, WebLogin,
    WebLoginState,
};

/// What to find out of a login.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SessionQuery {
    /// Asks the catalog where its login page is.
    #[serde(default)]
    pub login_url: bool,
    /// The host of the registry, where it is another one than before and the
    /// user agreed to that.
    pub accept_registry: Option<RegistryHost>,
}

impl SessionQuery {
    /// Where the login page is; `accept_registry` is the host that the user
    /// agreed to.
    pub fn login_page(accept_registry: Option<RegistryHost>) -> Self {
        Self {
            login_url: true,
            accept_registry,
        }
    }
}

/// Which sessions to forget.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LogoutQuery {
    /// Log out of every catalog.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub all: bool,
}

/// How to log in through the browser.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct WebLoginQuery {
    /// The stack's OAuth server, if it is not in its usual place.
    pub connect_url: Option<String>,
    /// The host of the registry, where it is another one than before and the
    /// user agreed to that.
    pub accept_registry: Option<RegistryHost>,
}

/// Which role to make active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct RoleChoice {
    /// The role to make active.
    pub role: String,
}

endpoints! {
    /// Where the login stands.
    ///
    /// And where the login page is, where that is asked for.
    ReadSession(query: SessionQuery): Get "/v1/session" -> Session {}

    /// Log in with the code of the stack's login page.
    Login(body: LoginCode): Post "/v1/session" -> Session {
        const AUDIT: Option<Action> = Some(Action::LOGIN);
        const SECRET: bool = true;
    }

    /// Forget session and API key, revoke where the stack can.
    Logout(query: LogoutQuery): Delete "/v1/session" -> LoggedOut {
        const AUDIT: Option<Action> = Some(Action::new("logout"));
        const FORGETS_KEYS: bool = true;
    }

    /// Begin a login through the browser.
    StartWebLogin(query: WebLoginQuery): Post "/v1/session/web" -> WebLogin {
        const AUDIT: Option<Action> = Some(Action::new("web_login"));
    }

    /// Wait some seconds for the end of such a login.
    ///
    /// Of one through the browser. In the path is what [`StartWebLogin`] called it.
    AwaitWebLogin(path: String): Get "/v1/session/web/{id}" -> WebLoginState {}

    /// Agree to where the catalog says that its registry is now.
    AcceptRegistry(body: RegistryAcceptance): Put "/v1/session/registry" -> Session {
        const DESCRIPTION: Option<&'static str> = Some(
            "A login or key goes to another registry than the one before only after this, or with \
             `accept_registry` in its own request. What is logged in stays where it is.",
        );
        const AUDIT: Option<Action> = Some(Action::new("registry_accept"));
    }

    /// Use an API key instead of the login.
    UseApiKey(body: ApiKeyHandover): Put "/v1/session/api-key" -> Session {
        const AUDIT: Option<Action> = Some(Action::API_KEY_SET);
        const CHANGES_KEYS: bool = true;
        const SECRET: bool = true;
        const LAST: bool = true;
    }

    /// Drop the API key, fall back to the login.
    ClearApiKey: Delete "/v1/session/api-key" -> () {
        const AUDIT: Option<Action> = Some(Action::new("api_key_clear"));
        const FORGETS_KEYS: bool = true;
    }

    /// A bearer token, fresh for at least a minute.
    ReadToken: Get "/v1/token" -> Token {
        const AUDIT: Option<Action> = Some(Action::new("token"));
        const SECRET: bool = true;
        const LAST: bool = true;
    }

    /// Who the stack says you are.
    ReadMe: Get "/v1/me" -> Me {}

    /// The buckets of the catalog that you may see.
    ListBuckets: Get "/v1/buckets" -> Vec<Bucket> {}

    /// Make another Quilt role active.
    ///
    /// Answers with the user as it is then.
    SwitchRole(body: RoleChoice): Put "/v1/me/role" -> Me {
        const DESCRIPTION: Option<&'static str> =
            Some("Every AWS credential of that stack is stale before this answers.");
        const AUDIT: Option<Action> = Some(Action::new("role_switch"));
    }
}
