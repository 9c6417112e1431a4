//! Requests to the API.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Registry, Unit};

use super::Labels;

/// The label that everything outside a fixed set shares: whoever names ever
/// new paths or methods shall not fill the memory.
pub const OTHER: &str = "other";

/// What became of a request that got no answer: its caller hung up, or its time
/// was over.
const ABORTED: &str = "aborted";

/// In seconds: from an answer out of memory to one that waits for a stack.
const BUCKETS: [f64; 10] = [
    0.000_25, 0.000_5, 0.001, 0.002_5, 0.01, 0.05, 0.25, 1.0, 5.0, 30.0,
];

type Durations = Family<Labels<2, Cow<'static, str>>, Histogram, fn() -> Histogram>;

/// Requests by route, method and class of status, and how long they took.
#[derive(Debug)]
pub struct Requests {
    answered: Family<Labels<3, Cow<'static, str>>, Counter>,
    durations: Durations,
}

impl Requests {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let answered = Family::default();
        registry.register(
            "api_requests",
            "Requests to the API by route, method and class of status; \
             aborted ones got no answer",
            answered.clone(),
        );
        let durations = Durations::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register_with_unit(
            "api_request_duration",
            "Time until an answer began",
            Unit::Seconds,
            durations.clone(),
        );
        Self {
            answered,
            durations,
        }
    }

    /// A request that is being answered. `route` is a template of the router's,
    /// and `method` one it knows, or either is [`OTHER`].
    pub fn start(&self, route: &str, method: &'static str) -> Request<'_> {
        Request {
            meter: self,
            route: route.to_owned(),
            method,
            status: ABORTED,
            started: Instant::now(),
        }
    }

    fn record(&self, route: String, method: &'static str, status: &'static str, took: Duration) {
        let asked = [("route", route.into()), ("method", method.into())];
        let durations = self.durations.get_or_create(&asked);
        durations.observe(took.as_secs_f64());
        drop(durations);
        let [route, method] = asked;
        let answered = [route, method, ("status", status.into())];
        self.answered.get_or_create(&answered).inc();
    }
}

/// A request under way; counted when it is dropped, answered or not.
#[derive(Debug)]
pub struct Request<'a> {
    meter: &'a Requests,
    route: String,
    method: &'static str,
    status: &'static str,
    started: Instant,
}

impl Request<'_> {
    /// It was answered with this HTTP status.
    pub fn answered(mut self, status: u16) {
        self.status = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        let route = std::mem::take(&mut self.route);
        self.meter
            .record(route, self.method, self.status, self.started.elapsed());
    }
}
