//! Programs that want AWS credentials.

use std::time::Duration;

use http::Method;
use quilt_proto::{ProfileName, Timestamp};

use super::{Client, text};
use crate::credential::CredentialError;
use crate::simulation::daemon::{Answer, Daemon};
use crate::simulation::judge::{self, Look};
use crate::simulation::model::{FORGIVEN, Variant};
use crate::simulation::stack::{Issue, SITES, catalog};

/// What is given while all is well has more than this left, in seconds: the
/// least that a profile asks for here.
const FRESH: i64 = 15 * 60;

/// That credentials are what the profile `lake` was said to give.
fn is_lake(issue: &Issue, meant: &[Variant]) -> Result<(), String> {
    let is_meant =
        |variant: &Variant| variant.lake.0 == issue.site && issue.arn == Some(variant.arn());
    if meant.iter().any(is_meant) {
        return Ok(());
    }
    Err(format!("{issue:?} is not what lake is: {meant:?}"))
}

impl Client {
    /// Whether AWS credentials are given, without a word of anybody else.
    pub(in crate::simulation) async fn is_vended(&self, daemon: &Daemon, site: usize) -> bool {
        let before = self.world.seen().vends;
        self.vend(daemon, site, "default").await;
        self.world.seen().vends > before
    }

    /// AWS credentials of a profile that is of the stack asked for.
    pub(in crate::simulation) async fn vend(&self, daemon: &Daemon, site: usize, profile: &str) {
        let look = Look::begin(&self.world, daemon, site);
        let path = format!(
            "/v1/aws/credentials?profile={profile}&catalog={}",
            catalog(site)
        );
        let answer = self.ask(daemon, (Method::GET, path, None), 4).await;
        let allowed = look.end(&self.world, daemon);
        let Some(answer) = answer else { return };
        let is_profile = |variant: &Variant| profile == "default" || variant.has_plain;
        let mut settings = look.settings(&self.world).into_iter();
        if answer.code == "not_found" {
            if settings.all(|variant| is_profile(&variant)) {
                self.world.breach("the profile is there");
            }
        } else if answer.is_ok() {
            let (id, at) = (text(&answer.body, "AccessKeyId"), answer.at);
            let issue = judge::credentials(&self.world, &look, &allowed, &id, at);
            let issue = issue.and_then(|issue| match issue.arn {
                Some(arn) => Err(format!("{arn} was assumed for {profile}")),
                None => Ok(()),
            });
            self.world.seen().vends += 1;
            self.holds(issue);
            self.is_worth(&answer, at);
        } else {
            let problem = judge::problem(&self.world, daemon, &look, &allowed, &answer);
            self.holds(problem);
        }
    }

    /// What is given says itself when it ends, which is not now.
    fn is_worth(&self, answer: &Answer, at: Timestamp) {
        let ends: Option<Timestamp> =
            serde_json::from_value(answer.body["Expiration"].clone()).unwrap_or_default();
        let is_calm = (0..SITES).all(|site| self.world.calm(site) > FORGIVEN);
        let least = if is_calm && !self.world.was_set() {
            FRESH
        } else {
            0
        };
        if ends.is_none_or(|ends| ends.seconds_since(at) <= least) {
            self.world
                .breach(format!("credentials until {ends:?} were given at {at}"));
        }
    }

    /// AWS credentials of a profile that names stack and role.
    pub(in crate::simulation) async fn vend_lake(&self, daemon: &Daemon) {
        let looks = [0, 1].map(|site| Look::begin(&self.world, daemon, site));
        let path = "/v1/aws/credentials?profile=lake".to_owned();
        let answer = self.ask(daemon, (Method::GET, path, None), 4).await;
        let allowed = [0, 1].map(|site: usize| looks[site].end(&self.world, daemon));
        let Some(answer) = answer else { return };
        let meant = looks[0].settings(&self.world);
        if answer.is_ok() {
            let (id, at) = (text(&answer.body, "AccessKeyId"), answer.at);
            let issued = self
                .world
                .stacks()
                .issues
                .get(&id)
                .map_or(0, |issue| issue.site);
            let (look, allowed) = (&looks[issued], &allowed[issued]);
            let issue = judge::credentials(&self.world, look, allowed, &id, at);
            self.world.seen().vends += 1;
            self.holds(issue.and_then(|issue| is_lake(&issue, &meant)));
            self.is_worth(&answer, at);
        } else {
            let judged = meant.iter().map(|variant| {
                let (look, allowed) = (&looks[variant.lake.0], &allowed[variant.lake.0]);
                judge::problem(&self.world, daemon, look, allowed, &answer)
            });
            let judged: Vec<_> = judged.collect();
            if !judged.iter().any(Result::is_ok) {
                self.holds(judged.into_iter().next().unwrap_or(Ok(())));
            }
        }
    }

    /// A right to what `lake` is at a stack, as grants have it.
    pub(super) async fn hold(&self, daemon: &Daemon, site: usize) {
        let look = Look::begin(&self.world, daemon, site);
        daemon.app.sync_with_store().await;
        let session = daemon.app.session(Some(&catalog(site))).unwrap();
        let profile: ProfileName = "lake".parse().unwrap();
        let patience = Duration::from_millis(900);
        let vended = daemon
            .app
            .vault
            .credentials(&session, &profile, patience)
            .await;
        let allowed = look.end(&self.world, daemon);
        if daemon.is_dead() {
            return;
        }
        let meant = look.settings(&self.world);
        let judged = match vended {
            Ok(vended) => {
                let (id, at) = (vended.access_key_id.to_string(), self.world.wall());
                let issue = judge::credentials(&self.world, &look, &allowed, &id, at);
                issue.and_then(|issue| is_lake(&issue, &meant))
            }
            Err(CredentialError::OtherCatalog { .. })
                if meant.iter().all(|variant| variant.lake.0 == site) =>
            {
                Err("lake is of that catalog".to_owned())
            }
            Err(_) => Ok(()),
        };
        self.world
            .note(format!("client {}: held right at {site}", self.name));
        self.holds(judged);
    }
}
