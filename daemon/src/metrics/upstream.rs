//! Requests to stacks and to AWS.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use quilt_proto::wire::AuditEntry;

use super::Labels;

/// Requests to one service, by outcome. Cheap to clone; the default one counts
/// for nobody.
#[derive(Clone, Debug, Default)]
pub struct UpstreamMeter {
    service: &'static str,
    requests: Family<Labels<2>, Counter>,
}

impl UpstreamMeter {
    /// Notes a request: `ok`, or the kind of its failure.
    pub fn note<T, E>(&self, outcome: &Result<T, E>, kind: impl FnOnce(&E) -> &'static str) {
        let outcome = outcome.as_ref().map_or_else(kind, |_| AuditEntry::OK);
        let labels = [("service", self.service), ("outcome", outcome)];
        self.requests.get_or_create(&labels).inc();
    }
}

/// The meters of those the daemon asks.
#[derive(Debug, Default)]
pub struct Upstream {
    /// Quilt stacks.
    pub stack: UpstreamMeter,
    /// AWS STS.
    pub sts: UpstreamMeter,
    /// The AWS sign-in service.
    pub sign_in: UpstreamMeter,
}

impl Upstream {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let requests = Family::default();
        registry.register(
            "upstream_requests",
            "Requests to Quilt stacks and to AWS by how they ended",
            requests.clone(),
        );
        let meter = |service| UpstreamMeter {
            service,
            requests: requests.clone(),
        };
        Self {
            stack: meter("stack"),
            sts: meter("sts"),
            sign_in: meter("sign_in"),
        }
    }
}
