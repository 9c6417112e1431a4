//! The handle.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::fake_stack::aws::credentials::Principal;
use crate::fake_stack::aws::roles::AssumedRole;
use crate::fake_stack::clock::{self, Clock};
use crate::fake_stack::config::{AwsRoleConfig, BucketAccess};
use crate::fake_stack::counts::Counts;
use crate::fake_stack::endpoint::{Endpoint, EndpointSet, Host};
use crate::fake_stack::faults::{Fault, Planted};
use crate::fake_stack::identity::keys::{KeySeed, NewKey};
use crate::fake_stack::identity::users::DirectoryError;
use crate::fake_stack::s3::store::Object;
use crate::fake_stack::seen::Seen;
use crate::fake_stack::settings::Settings;
use crate::fake_stack::state::Core;

/// Steers and watches a running stack. Cheap to clone; every change counts from the next
/// request on.
#[derive(Debug, Clone)]
pub struct Control {
    core: Arc<Core>,
}

/// Changes to a user; what is not given stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserChange {
    /// Active role; any name, also one that is not among the user's.
    pub role: Option<String>,
    /// Roles that can be switched to.
    pub roles: Option<Vec<String>>,
    /// Whether the user can log in and be served.
    pub active: Option<bool>,
    /// Whether the admin part of GraphQL is open.
    pub admin: Option<bool>,
}

impl Control {
    pub(crate) fn new(core: Arc<Core>) -> Self {
        Self { core }
    }

    /// The settings in force.
    pub fn settings(&self) -> Settings {
        self.core.settings.lock().clone()
    }

    /// Changes settings.
    pub fn update(&self, change: impl FnOnce(&mut Settings)) {
        change(&mut self.core.settings.lock());
    }

    /// The stack's clock.
    pub fn clock(&self) -> &Clock {
        &self.core.clock
    }

    /// Plants a fault at one endpoint or a set of them; returns its number.
    pub fn plant(&self, endpoints: impl Into<EndpointSet>, fault: Fault) -> u64 {
        self.core.faults.plant(endpoints.into(), fault)
    }

    /// Faults that still have strikes left, or still hold calls.
    pub fn faults(&self) -> Vec<Planted> {
        self.core.faults.list()
    }

    /// Clears one fault, releasing the calls it holds; false if there is none of that number.
    pub fn clear_fault(&self, id: u64) -> bool {
        self.core.faults.clear(id)
    }

    /// Clears every fault.
    pub fn clear_faults(&self) {
        self.core.faults.clear_all();
    }

    /// Makes a host refuse connections (its listener is closed, open connections are dropped),
    /// or listen again.
    pub fn refuse(&self, host: Host, refused: bool) {
        self.core.refusing.of(host).send_replace(refused);
    }

    /// The last requests at the registry, oldest first.
    pub fn requests(&self) -> Vec<Seen> {
        self.core.requests.list()
    }

    /// Calls counted since the start or the last reset.
    pub fn counts(&self) -> Counts {
        self.core.counts.snapshot()
    }

    /// Calls of one endpoint since the start or the last reset.
    pub fn calls(&self, endpoint: Endpoint) -> u64 {
        self.counts().calls(endpoint)
    }

    /// Starts counting anew.
    pub fn reset_counts(&self) {
        self.core.counts.reset();
    }

    /// Waits until the counts look as wished.
    pub async fn wait_for_counts(&self, wished: impl FnMut(&Counts) -> bool) {
        self.core.counts.wait(wished).await;
    }

    /// Logs a user in without a browser: the code the `/code` page would show.
    pub fn login_code(&self, user: &str) -> Result<String, DirectoryError> {
        let unknown = || DirectoryError::UnknownUser(user.to_owned());
        self.core.login_code(user).ok_or_else(unknown)
    }

    /// Ends the sessions of one user, or of everyone; returns how many.
    pub fn revoke_sessions(&self, user: Option<&str>) -> usize {
        self.core.sessions.lock().revoke(user)
    }

    /// Number of sessions that are alive.
    pub fn live_sessions(&self) -> usize {
        self.core.sessions.lock().alive()
    }

    /// When a refresh token was last exchanged.
    pub fn last_exchange(&self) -> Option<Instant> {
        self.core.sessions.lock().last_exchange()
    }

    /// Makes every access token issued so far outdated, whatever it says of its own life.
    pub fn outdate_access_tokens(&self) {
        self.core.sessions.lock().outdate_access_tokens();
    }

    /// Ends the life of every temporary AWS credential now; returns how many there are.
    pub fn expire_credentials(&self) -> usize {
        self.core
            .credentials
            .lock()
            .expire_all(self.core.clock.now())
    }

    /// Temporary AWS credentials outside any session: access key id, secret, session token.
    pub fn issue_credentials(
        &self,
        role_arn: &str,
        session: &str,
        access: Vec<BucketAccess>,
        seconds: i64,
    ) -> (String, String, String) {
        let expires_at = clock::plus(self.core.clock.now(), seconds);
        let principal = Principal::role_session(role_arn, session, access);
        let issued = self.core.credentials.lock().issue(principal, expires_at);
        (
            issued.access_key_id,
            issued.secret_access_key,
            issued.session_token,
        )
    }

    /// Plants an API key with any history.
    pub fn add_key(&self, seed: &KeySeed) -> Result<NewKey, DirectoryError> {
        if self.core.users.lock().user(&seed.user).is_none() {
            return Err(DirectoryError::UnknownUser(seed.user.clone()));
        }
        let now = self.core.clock.now();
        let created_at = clock::plus(now, -seed.created_seconds_ago);
        let expires_at = clock::plus(now, seed.expires_in_seconds);
        let used_at = seed
            .used_seconds_ago
            .map(|seconds| clock::plus(now, -seconds));
        let (user, name) = (&seed.user, &seed.name);
        let mut keys = self.core.keys.lock();
        let (key, secret) = match &seed.secret {
            Some(secret) => {
                let key = keys.plant(secret, user, name, created_at, expires_at, used_at);
                (key, secret.clone())
            }
            None => keys.create(user, name, created_at, expires_at, used_at),
        };
        Ok(NewKey { id: key.id, secret })
    }

    /// Ends the life of a key now; false if there is none of that id.
    pub fn expire_key(&self, id: &str) -> bool {
        self.core.keys.lock().expire(id, self.core.clock.now())
    }

    /// Revokes a key; false if there is none of that id.
    pub fn revoke_key(&self, id: &str) -> bool {
        self.core.keys.lock().revoke(id)
    }

    /// Number of keys, expired ones included.
    pub fn key_count(&self) -> usize {
        self.core
            .keys
            .lock()
            .list(
                &crate::fake_stack::identity::keys::Filter::default(),
                self.core.clock.now(),
            )
            .len()
    }

    /// Changes a user.
    pub fn change_user(&self, name: &str, change: UserChange) -> Result<(), DirectoryError> {
        let mut users = self.core.users.lock();
        let user = users.user_mut(name)?;
        if let Some(role) = change.role {
            user.role = role;
        }
        if let Some(roles) = change.roles {
            user.roles = roles;
        }
        user.active = change.active.unwrap_or(user.active);
        user.admin = change.admin.unwrap_or(user.admin);
        Ok(())
    }

    /// The active role of a user.
    pub fn active_role(&self, name: &str) -> Option<String> {
        self.core
            .users
            .lock()
            .user(name)
            .map(|user| user.role.clone())
    }

    /// Adds an IAM role, or replaces the one of the same ARN.
    pub fn add_aws_role(&self, role: AwsRoleConfig) {
        self.core.aws_roles.lock().add(role);
    }

    /// Every successful AssumeRole so far.
    pub fn assumed_roles(&self) -> Vec<AssumedRole> {
        self.core.aws_roles.lock().assumed().to_vec()
    }

    /// Creates a bucket, unless it exists.
    pub fn create_bucket(&self, name: &str, versioned: bool) {
        self.core
            .buckets
            .lock()
            .create(name, versioned, self.core.clock.now());
    }

    /// Stores an object; false if there is no such bucket.
    pub fn put_object(&self, bucket: &str, key: &str, content: impl Into<Bytes>) -> bool {
        let now = self.core.clock.now();
        let mut buckets = self.core.buckets.lock();
        let bucket = buckets.get_mut(bucket);
        bucket
            .map(|bucket| bucket.put(key, Object::new(content.into()), now))
            .is_some()
    }

    /// Removes an object and its versions from a bucket without versioning, or hides it in one
    /// with; false if there is no such bucket.
    pub fn delete_object(&self, bucket: &str, key: &str) -> bool {
        let now = self.core.clock.now();
        let mut buckets = self.core.buckets.lock();
        let bucket = buckets.get_mut(bucket);
        bucket.map(|bucket| bucket.delete(key, None, now)).is_some()
    }

    /// The content of an object.
    pub fn object(&self, bucket: &str, key: &str) -> Option<Bytes> {
        let buckets = self.core.buckets.lock();
        let object = buckets.get(bucket)?.version(key, None)?.object.clone()?;
        Some(object.content.clone())
    }

    /// The keys of a bucket, in order.
    pub fn keys(&self, bucket: &str) -> Vec<String> {
        let buckets = self.core.buckets.lock();
        let keys = buckets
            .get(bucket)
            .map(|bucket| bucket.live().map(|(key, ..)| key.to_owned()));
        keys.map(Iterator::collect).unwrap_or_default()
    }

    /// Where everything is and who there is, as `GET /_control` shows it.
    pub fn overview(&self) -> serde_json::Value {
        let urls = &self.core.urls;
        let users = self.core.users.lock();
        let users: Vec<_> = users
            .users()
            .map(|user| {
                serde_json::json!({
                    "name": user.name, "email": user.email, "admin": user.admin,
                    "active": user.active, "role": user.role, "roles": user.roles,
                })
            })
            .collect();
        let roles = self.core.aws_roles.lock();
        let buckets = self.core.buckets.lock();
        serde_json::json!({
            "catalog_url": urls.catalog,
            "registry_url": urls.registry,
            "s3_url": urls.s3,
            "sts_url": urls.sts,
            "federation_url": format!("{}/federation", urls.sts),
            "control_url": urls.control,
            "region": self.core.region,
            "users": users,
            "buckets": buckets.iter().map(|(name, _)| name).collect::<Vec<_>>(),
            "aws_roles": roles.list().iter().map(|role| &role.arn).collect::<Vec<_>>(),
        })
    }
}
