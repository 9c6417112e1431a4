//! AWS itself, beside the stack: STS and console sign-in.
//!
//! Uses what it is given and nothing ambient: no profile, key or role of the
//! environment is ever read. Only where AWS is (`AWS_ENDPOINT_URL*`) and the
//! way there (certificates, proxies) come from there.

mod console;
mod error;
mod error_document;
mod sts;
mod sts_xml;
#[cfg(test)]
mod test_transport;

use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use quilt_network::aws::CONNECT_TIMEOUT;
use quilt_network::{Clients, Network};
use url::Url;

pub use self::console::SignIn;
pub use self::error::AwsError;
pub use self::error_document::text_of;
pub use self::sts::AssumeRole;
#[cfg(test)]
pub(crate) use self::test_transport::Calls;
use crate::metrics::{Upstream, UpstreamMeter};

/// Until the last byte of an answer of the sign-in service.
const SIGN_IN_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection waits for the next call; meanwhile its buffers hold
/// the session token that was last sent.
const IDLE: Duration = Duration::from_secs(30);

/// The way to AWS. Nothing is connected, and no certificate read, before the
/// first request.
#[derive(Debug)]
pub struct Aws {
    config: SdkConfig,
    console: Clients,
    sts_meter: UpstreamMeter,
    console_meter: UpstreamMeter,
}

impl Aws {
    /// Counts what it asks for.
    pub async fn new(network: &Arc<Network>, upstream: &Upstream) -> Self {
        let clients = Clients::new(network, |builder| {
            builder
                .connect_timeout(CONNECT_TIMEOUT)
                .pool_idle_timeout(IDLE)
        });
        Self {
            config: quilt_network::aws::config(&Arc::new(clients)).await,
            console: Clients::new(network, |builder| {
                // An idle connection's buffers hold what was last sent: the keys.
                builder.timeout(SIGN_IN_TIMEOUT).pool_max_idle_per_host(0)
            }),
            sts_meter: upstream.sts.clone(),
            console_meter: upstream.sign_in.clone(),
        }
    }

    /// Where a service is, if the standard variables name another place than
    /// AWS's own.
    pub fn endpoint(&self, service: &str) -> Option<Url> {
        quilt_network::aws::endpoint(&self.config, service)
    }
}
