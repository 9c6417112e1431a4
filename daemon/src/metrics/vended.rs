//! AWS credentials handed out.

use std::borrow::Cow;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;
use quilt_proto::ErrorCode;
use quilt_proto::wire::AuditEntry;

use super::Labels;

/// The way credentials were asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// `credential_process` and other clients of the socket.
    Socket,
    /// A grant, over loopback.
    Grant,
}

impl Via {
    fn labels(self, outcome: Cow<'static, str>) -> Labels<2, Cow<'static, str>> {
        let via = match self {
            Self::Socket => "socket",
            Self::Grant => "grant",
        };
        [("via", via.into()), ("outcome", outcome)]
    }
}

/// Requests for AWS credentials by their outcome.
#[derive(Debug)]
pub struct Vended(Family<Labels<2, Cow<'static, str>>, Counter>);

impl Vended {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let vended = Self(Family::default());
        registry.register(
            "aws_credentials_vended",
            "Requests for AWS credentials by how they were asked for and what they got: \
             ok, or the code of the error",
            vended.0.clone(),
        );
        // From the start: what has never happened is zero.
        for via in [Via::Socket, Via::Grant] {
            drop(vended.0.get_or_create(&via.labels(AuditEntry::OK.into())));
        }
        vended
    }

    /// Notes a request: what it failed with, if it failed.
    pub fn record(&self, via: Via, failure: Option<&ErrorCode>) {
        let outcome = failure.map_or(Cow::Borrowed(AuditEntry::OK), |code| {
            Cow::Owned(code.as_str().to_owned())
        });
        self.0.get_or_create(&via.labels(outcome)).inc();
    }
}
