//! The daemon that is asked here, and what it says of itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Duration;

use quilt_client::Error;
use quilt_client::blocking::Client;
use quilt_proto::api::{
    ReadConfig, ReadDiagnosis, ReadGateway, ReadHealth, ReadProfiles, ReadSession, ReadStatus,
    SessionQuery,
};
use quilt_proto::wire::{ConfigValues, Finding, FindingCode, NetworkStatus, ProfileStatus};
use quilt_proto::{CatalogUrl, ErrorCode, ProfileName, RegistryUrl, locations, python_sdk, quoted};

use super::aws_profile::AwsProfile;
use super::remedy;
use super::report::Report;
use crate::commands::config;
use crate::context::Context;
use crate::exit::Failure;
use crate::{catalog_variable, lock_holder, version};

/// How long a daemon that is well may take to say so.
const ALIVE: Duration = Duration::from_secs(3);
/// How long it may take to look at itself and at one stack.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What a daemon that answers said. Catalogs are by the name they were asked
/// about with; nothing is the configured one.
#[derive(Debug, Default)]
pub(super) struct Daemon {
    profiles: BTreeMap<Option<String>, Vec<ProfileStatus>>,
    config: ConfigValues,
    /// The registry of the configured catalog, where that is known.
    pub(super) registry: Option<RegistryUrl>,
    /// Whether the Python SDK was led to it, be it astray since.
    pub(super) leads_quilt3: bool,
    settings: Option<PathBuf>,
    /// How it reaches the network.
    pub(super) network: Option<NetworkStatus>,
    /// The catalogs that there is a session of.
    pub(super) sessions: Vec<CatalogUrl>,
}

/// Asks about every catalog that is used: here, and by profiles.
pub(super) fn examine(
    context: &Context,
    aws: &[AwsProfile],
    is_astray: bool,
    report: &mut Report,
) -> Result<Option<Daemon>, Failure> {
    let client = context.client()?;
    let health = client.clone().with_timeout(ALIVE).send(&ReadHealth);
    let health = match health {
        Ok(health) => health,
        // Nobody is to be started, or mended, where nobody is to be asked.
        Err(_) if is_astray => return Ok(None),
        Err(error) => {
            report.add([unreachable(context, &client, error)]);
            return Ok(None);
        }
    };
    if let Some(what) = version::difference(&health.version) {
        let hint = remedy::quiltctl(context, "daemon restart");
        report.add([Finding::error(FindingCode::DaemonVersion, what, hint)]);
    }
    let bare = Client::new(client.socket()).with_timeout(TIMEOUT);
    let status = bare.send(&ReadStatus).ok();
    let sessions = status.iter().flat_map(|status| &status.catalogs);
    let mut daemon = Daemon {
        sessions: sessions.map(|it| it.catalog_url.clone()).collect(),
        config: bare.send(&ReadConfig).unwrap_or_default(),
        // Files of its that cannot be read are what the diagnosis tells of.
        leads_quilt3: !bare
            .send(&ReadGateway)
            .is_ok_and(|gateway| gateway.catalog_url.is_none()),
        network: status.map(|status| status.network),
        ..Daemon::default()
    };
    // First: what else there is to say of catalogs may all be due to it.
    report.add(super::catalog_variable::check(context, &daemon));
    let mut left: BTreeSet<Option<String>> = aws
        .iter()
        .filter_map(AwsProfile::call)
        .map(|call| call.asked_catalog())
        .chain([context.catalog()?])
        .collect();
    let of_variable = match catalog_variable::named(context) {
        Some(Err(_)) => context.catalog()?,
        _ => None,
    };
    if of_variable.is_some() {
        // What is there without it is looked at all the same.
        left.insert(None);
    }
    while let Some(catalog) = left.pop_first() {
        // What the variable names, and is no catalog, is told as that.
        if catalog.is_some() && catalog == of_variable {
            continue;
        }
        let client = match &catalog {
            Some(catalog) => bare.clone().with_catalog(catalog),
            None => bare.clone(),
        };
        let settings = diagnose(context, &client, &health.version, report);
        daemon.settings = settings.or(daemon.settings);
        let profiles = client.send(&ReadProfiles).unwrap_or_default();
        // A profile of quiltd.toml may be of a catalog of its own.
        let used = |profile: &&ProfileStatus| {
            let mut calls = aws.iter().filter_map(AwsProfile::call);
            calls.any(|call| call.recipe.as_ref() == Some(&profile.name))
        };
        let others: Vec<_> = profiles
            .iter()
            .filter(used)
            .filter_map(|profile| profile.catalog_url.as_ref().map(ToString::to_string))
            .collect();
        daemon.profiles.insert(catalog, profiles);
        let known = |other: &String| daemon.is_known(other);
        left.extend(others.into_iter().filter(|other| !known(other)).map(Some));
    }
    // Last: looking at the stack is how a session comes to know it.
    let session = ReadSession(SessionQuery::default());
    let session = daemon
        .configured_catalog()
        .and_then(|catalog| bare.with_catalog(catalog.as_str()).send(&session).ok());
    daemon.registry = session.and_then(|session| session.registry_url);
    Ok(Some(daemon))
}

/// Lets it look at itself; answers where its settings are.
fn diagnose(
    context: &Context,
    client: &Client,
    version: &str,
    report: &mut Report,
) -> Option<PathBuf> {
    match client.send(&ReadDiagnosis) {
        Ok(diagnosis) => {
            report.add(diagnosis.findings);
            for line in diagnosis.proven {
                report.prove(line);
            }
            return diagnosis.settings.map(PathBuf::from);
        }
        // One of an older version cannot; that is a finding already.
        Err(Error::Problem(problem))
            if version::difference(version).is_some() && problem.code == ErrorCode::NotFound => {}
        Err(error) => report.add([deaf(context, error)]),
    }
    None
}

fn unreachable(context: &Context, client: &Client, error: Error) -> Finding {
    if error.is_absent() && !lock_holder::is_there(client.socket()) {
        let what = format!("no daemon answers on {}", quoted::path(client.socket()));
        let hint = remedy::quiltctl(context, "daemon start");
        return Finding::error(FindingCode::NoDaemon, what, hint);
    }
    deaf(context, error)
}

fn deaf(context: &Context, error: Error) -> Finding {
    let restart = remedy::quiltctl(context, "daemon restart");
    let (what, hint) = match error {
        Error::Problem(_)
        | Error::ForeignSocket { .. }
        | Error::Nobody { .. }
        | Error::Stopped { .. } => Failure::from(error).apart(),
        error => (error.to_string(), None),
    };
    Finding::error(FindingCode::DaemonDeaf, what, hint.unwrap_or(restart))
}

impl Daemon {
    /// A profile of quiltd.toml.
    pub(super) fn profile(&self, name: &ProfileName) -> Option<&ProfileStatus> {
        let mut all = self.profiles.values().flatten();
        all.find(|profile| profile.name == *name)
    }

    /// The region of a profile, where it is known.
    pub(super) fn region(&self, catalog: Option<&str>, name: &ProfileName) -> Option<&str> {
        let asked = self
            .profiles
            .iter()
            .filter(|(asked, _)| catalog.is_none() || asked.as_deref() == catalog);
        let mut regions = asked.flat_map(|(_, profiles)| profiles);
        regions.find_map(|profile| profile.region.as_deref().filter(|_| profile.name == *name))
    }

    /// Its quiltd.toml.
    pub(super) fn settings(&self) -> Option<PathBuf> {
        self.settings.clone().or_else(|| locations::settings().ok())
    }

    /// The catalog of whoever names none.
    pub(super) fn configured_catalog(&self) -> Option<CatalogUrl> {
        config::catalog(&self.config)
    }

    /// The registry that quilt3 is configured with.
    pub(super) fn configured_registry(&self) -> Option<RegistryUrl> {
        let registry = config::text(&self.config, python_sdk::REGISTRY_URL)?;
        registry.parse().ok()
    }

    fn is_known(&self, catalog: &str) -> bool {
        let configured = self.configured_catalog().map(|url| url.to_string());
        self.profiles.keys().any(|known| {
            let known = known.as_deref().or(configured.as_deref());
            known.is_some_and(|known| known.trim_end_matches('/') == catalog)
        })
    }
}
