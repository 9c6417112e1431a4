//! What the daemon holds, looked at when somebody asks: a catalog or a profile
//! that is gone leaves nothing behind.

use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};
use quilt_proto::wire::{SessionState, Status};
use quilt_proto::{CatalogUrl, Timestamp};
use url::Url;

use super::{Labels, PREFIX};

pub(super) fn registry(status: &Status, audit_dropped: u64, now: Timestamp) -> Registry {
    let mut registry = Registry::with_prefix(PREFIX);
    expiries(&mut registry, status, now);
    registry.register(
        "sessions",
        "Catalogs the daemon knows, by the state of their session",
        sessions(status),
    );
    registry.register(
        "grants",
        "Rights to fetch credentials over loopback that have not ended",
        ConstGauge::new(i64::try_from(status.grants.len()).unwrap_or(i64::MAX)),
    );
    registry.register(
        "audit_events_dropped",
        "Events that were too many at once to be noted in the audit log",
        ConstCounter::new(audit_dropped),
    );
    registry
}

/// Seconds are counted here and not left to the reader, whose clock may be
/// another. What has expired is negative.
fn expiries(registry: &mut Registry, status: &Status, now: Timestamp) {
    let tokens = Family::<Labels<1, String>, Gauge>::default();
    let keys = Family::<Labels<1, String>, Gauge>::default();
    let credentials = Family::<Labels<2, String>, Gauge>::default();
    for of in &status.catalogs {
        let catalog = host(&of.catalog_url);
        let session = [("catalog", catalog.clone())];
        soonest(&tokens, &session, of.session.access_token_expires_at, now);
        soonest(&keys, &session, of.session.api_key_expires_at, now);
        for held in &of.credentials {
            let profile = held.profile.to_string();
            let profile = [("catalog", catalog.clone()), ("profile", profile)];
            soonest(&credentials, &profile, held.expires_at, now);
        }
    }
    registry.register_with_unit(
        "access_token_remaining",
        "Time until the access token held for a catalog expires",
        Unit::Seconds,
        tokens,
    );
    registry.register_with_unit(
        "api_key_remaining",
        "Time until the API key in use for a catalog expires",
        Unit::Seconds,
        keys,
    );
    registry.register_with_unit(
        "aws_credentials_remaining",
        "Time until the AWS credentials held for a profile expire",
        Unit::Seconds,
        credentials,
    );
}

/// Catalogs that differ only in their path share a host, and so a line: the
/// one that ends first.
fn soonest<S>(family: &Family<S, Gauge>, labels: &S, expires_at: Option<Timestamp>, now: Timestamp)
where
    S: Clone + std::hash::Hash + Eq,
{
    let Some(expires_at) = expires_at else { return };
    let left = expires_at.seconds_since(now);
    let known = family.get(labels).map(|gauge| gauge.get());
    family
        .get_or_create(labels)
        .set(known.map_or(left, |known| known.min(left)));
}

fn sessions(status: &Status) -> Family<Labels<1>, Gauge> {
    let sessions = Family::<Labels<1>, Gauge>::default();
    for state in ["logged_out", "active", "expired"] {
        drop(sessions.get_or_create(&[("state", state)]));
    }
    for of in &status.catalogs {
        let state = match of.session.state {
            SessionState::LoggedOut => "logged_out",
            SessionState::Active => "active",
            SessionState::Expired => "expired",
        };
        sessions.get_or_create(&[("state", state)]).inc();
    }
    sessions
}

/// Host and port: what names a catalog, without its path.
fn host(catalog: &CatalogUrl) -> String {
    let url = Url::parse(catalog.as_str()).ok();
    url.map(|url| url.authority().to_owned())
        .unwrap_or_default()
}
