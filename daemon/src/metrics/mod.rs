//! What the daemon counts, for operators: OpenMetrics text.
//!
//! Every module is handed the one meter it fills and knows nothing of the rest.
//! Labels are of fixed sets, of the daemon's own routes and settings, or the
//! host of a catalog: never a secret, a user, a whole URL, or a text that a
//! caller can choose.

mod connections;
mod gauges;
mod refresh;
mod requests;
#[cfg(test)]
mod tests;
mod upstream;
mod vended;

use std::fmt;

use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;
use quilt_proto::Timestamp;
use quilt_proto::wire::Status;

pub use self::connections::{ConnectionMeter, Connections};
pub use self::refresh::{RefreshMeter, RefreshOutcome, Refreshes};
pub use self::requests::{OTHER, Request, Requests};
pub use self::upstream::{Upstream, UpstreamMeter};
pub use self::vended::{Vended, Via};

/// What every name begins with, but for those that Prometheus itself defines.
const PREFIX: &str = "quiltd";

/// Names of labels, and what they are.
type Labels<const N: usize, V = &'static str> = [(&'static str, V); N];

/// Every meter, and the text they make together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Connections to the listeners.
    pub connections: Connections,
    /// Requests to the API.
    pub requests: Requests,
    /// AWS credentials handed out.
    pub vended: Vended,
    /// Tokens and credentials replaced.
    pub refreshes: Refreshes,
    /// Requests to stacks and AWS.
    pub upstream: Upstream,
}

impl Metrics {
    /// Everything at zero, for a daemon of this version that started then.
    pub fn new(version: &'static str, started_at: Timestamp) -> Self {
        let mut registry = Registry::default();
        registry.register(
            "process_start_time_seconds",
            "Start time of the process since unix epoch in seconds",
            ConstGauge::new(started_at.unix()),
        );
        let ours = registry.sub_registry_with_prefix(PREFIX);
        ours.register(
            "build",
            "The daemon's version",
            Info::new([("version", version)]),
        );
        Self {
            connections: Connections::register(ours),
            requests: Requests::register(ours),
            vended: Vended::register(ours),
            refreshes: Refreshes::register(ours),
            upstream: Upstream::register(ours),
            registry,
        }
    }

    /// Everything counted so far, and what the daemon holds `now`.
    pub fn text(
        &self,
        status: &Status,
        audit_dropped: u64,
        now: Timestamp,
    ) -> Result<String, fmt::Error> {
        let held = gauges::registry(status, audit_dropped, now);
        let mut text = String::new();
        encode_registry(&mut text, &self.registry)?;
        encode_registry(&mut text, &held)?;
        encode_eof(&mut text)?;
        Ok(text)
    }
}
