//! Tokens and credentials replaced.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};
use quilt_proto::wire::AuditEntry;

use super::Labels;

/// In seconds; a stack is given 15 for an answer, and asked twice at most.
const BUCKETS: [f64; 8] = [0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// How an attempt to replace a value ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefreshOutcome {
    /// There is a new one.
    Ok,
    /// It may work later.
    Failed,
    /// The issuer said no for good.
    Refused,
}

/// Attempts to replace one kind of value. Cheap to clone; the default one counts
/// for nobody.
#[derive(Clone, Debug)]
pub struct RefreshMeter {
    ok: Counter,
    failed: Counter,
    refused: Counter,
    durations: Histogram,
}

impl Default for RefreshMeter {
    fn default() -> Self {
        Self {
            ok: Counter::default(),
            failed: Counter::default(),
            refused: Counter::default(),
            durations: Histogram::new(BUCKETS),
        }
    }
}

impl RefreshMeter {
    /// Notes an attempt.
    pub fn record(&self, outcome: RefreshOutcome, took: Duration) {
        match outcome {
            RefreshOutcome::Ok => &self.ok,
            RefreshOutcome::Failed => &self.failed,
            RefreshOutcome::Refused => &self.refused,
        }
        .inc();
        self.durations.observe(took.as_secs_f64());
    }
}

/// The meters of what the daemon keeps fresh.
#[derive(Debug)]
pub struct Refreshes {
    /// Access tokens of stacks.
    pub access_tokens: RefreshMeter,
    /// AWS credentials, of stacks and assumed roles.
    pub aws_credentials: RefreshMeter,
}

impl Refreshes {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let ended = Family::<Labels<2>, Counter>::default();
        registry.register(
            "refreshes",
            "Attempts to replace an access token or AWS credentials; \
             failed ones are tried again, refused ones end the login",
            ended.clone(),
        );
        let durations = Family::<Labels<1>, Histogram, _>::new_with_constructor(
            (|| Histogram::new(BUCKETS)) as fn() -> Histogram,
        );
        registry.register_with_unit(
            "refresh_duration",
            "Time an attempt to replace a value took",
            Unit::Seconds,
            durations.clone(),
        );
        // All of them from the start: what has never happened is zero.
        let meter = |kind| {
            let ended = |how| ended.get_or_create_owned(&[("kind", kind), ("outcome", how)]);
            RefreshMeter {
                ok: ended(AuditEntry::OK),
                failed: ended("failed"),
                refused: ended("refused"),
                durations: durations.get_or_create_owned(&[("kind", kind)]),
            }
        };
        Self {
            access_tokens: meter("access_token"),
            aws_credentials: meter("aws_credentials"),
        }
    }
}
