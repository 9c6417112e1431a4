//! Whether what was named for the way to the network is of use: certificates and
//! proxies.

use quilt_network::Network;

use super::Diagnostic;

/// What was named for the way to the network, and is of no use.
pub fn check(network: &Network) -> Vec<Diagnostic> {
    let (unusable, failure) = network.check();
    let certificates = unusable.into_iter().map(Diagnostic::Certificates);
    certificates
        .chain(failure.map(Diagnostic::Network))
        .collect()
}
