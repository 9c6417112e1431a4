//! What every part of the stack shares.

use serde_json::Value;
use tokio::sync::watch;
use url::Url;

use super::administration::Administration;
use super::aws::credentials::Credentials;
use super::aws::roles::AwsRoles;
use super::clock::Clock;
use super::config::StackConfig;
use super::counts::Counter;
use super::endpoint::Host;
use super::faults::Faults;
use super::identity::jwt::Jwt;
use super::identity::keys::ApiKeys;
use super::identity::refresh_tokens::Sessions;
use super::identity::users::Directory;
use super::oauth::Grants;
use super::registry::login::Tickets;
use super::s3::store::Buckets;
use super::seen::Requests;
use super::settings::Settings;
use super::shared::Shared;

/// The state of one deployment.
#[derive(Debug)]
pub(crate) struct Core {
    pub(crate) urls: Urls,
    pub(crate) region: String,
    pub(crate) clock: Clock,
    pub(crate) settings: Shared<Settings>,
    pub(crate) users: Shared<Directory>,
    pub(crate) sessions: Shared<Sessions>,
    pub(crate) keys: Shared<ApiKeys>,
    pub(crate) tickets: Shared<Tickets>,
    pub(crate) grants: Shared<Grants>,
    pub(crate) credentials: Shared<Credentials>,
    pub(crate) aws_roles: Shared<AwsRoles>,
    pub(crate) buckets: Shared<Buckets>,
    pub(crate) administration: Shared<Administration>,
    pub(crate) jwt: Jwt,
    pub(crate) faults: Faults,
    pub(crate) counts: Counter,
    pub(crate) requests: Requests,
    pub(crate) refusing: Refusals,
}

/// Where everything listens. No URL ends in a slash.
#[derive(Debug, Clone)]
pub(crate) struct Urls {
    pub(crate) catalog: String,
    pub(crate) registry: String,
    pub(crate) s3: String,
    pub(crate) sts: String,
    pub(crate) control: String,
}

/// Which hosts refuse connections.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    catalog: watch::Sender<bool>,
    registry: watch::Sender<bool>,
    s3: watch::Sender<bool>,
    sts: watch::Sender<bool>,
}

impl Refusals {
    pub(crate) fn of(&self, host: Host) -> &watch::Sender<bool> {
        match host {
            Host::Catalog => &self.catalog,
            Host::Registry => &self.registry,
            Host::S3 => &self.s3,
            Host::Sts => &self.sts,
        }
    }
}

impl Core {
    pub(crate) fn new(config: StackConfig, urls: Urls) -> Self {
        let clock = config.clock;
        Self {
            urls,
            region: config.region,
            settings: Shared::new(config.settings),
            users: Shared::new(Directory::new(&config.users, &config.roles, clock.now())),
            sessions: Shared::default(),
            keys: Shared::default(),
            tickets: Shared::default(),
            grants: Shared::default(),
            credentials: Shared::new(Credentials::new(&config.iam_users)),
            aws_roles: Shared::new(AwsRoles::new(config.aws_roles)),
            buckets: Shared::new(Buckets::new(&config.buckets, clock.now())),
            administration: Shared::new(Administration::new(&config.buckets)),
            clock,
            jwt: Jwt::new(),
            faults: Faults::default(),
            counts: Counter::default(),
            requests: Requests::default(),
            refusing: Refusals::default(),
        }
    }

    /// `config.json`, overrides applied.
    pub(crate) fn config_json(&self) -> Value {
        let registry = &self.urls.registry;
        let mut config = serde_json::json!({
            "registryUrl": registry,
            "region": self.region,
            "apiGatewayEndpoint": format!("{registry}/gateway"),
            "s3Proxy": format!("{registry}/s3-proxy"),
            "serviceBucket": "quilt-service-bucket",
            "analyticsBucket": "quilt-analytics-bucket",
            "stackVersion": "1.67.0",
            "mode": "PRODUCT",
            "alwaysRequiresAuth": true,
            "passwordAuth": "ENABLED",
            "ssoAuth": "DISABLED",
            "ssoProviders": "",
            "noDownload": false,
            "mixpanelToken": "",
        });
        let overrides = self.settings.lock().config_overrides.clone();
        if let Some(config) = config.as_object_mut() {
            for (key, value) in overrides {
                if value.is_null() {
                    config.remove(&key);
                } else {
                    config.insert(key, value);
                }
            }
        }
        config
    }

    /// The catalog's own origin, as browsers write it.
    pub(crate) fn catalog_origin(&self) -> String {
        Url::parse(&self.urls.catalog).map_or_else(
            |_| self.urls.catalog.clone(),
            |url| url.origin().ascii_serialization(),
        )
    }
}
