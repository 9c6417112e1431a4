//! A registry on this machine in quilt3's `config.yml` that is nobody's: what
//! is left of a gateway whose daemon lost its state.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{CatalogUrl, Command, RegistryUrl};

use super::daemon::Daemon;

/// How long a port of this machine may take to answer.
const TIMEOUT: Duration = Duration::from_secs(1);

/// Where quilt3 is led to quiltd, quiltd itself looks after what it reads.
pub(super) fn check(daemon: &Daemon) -> Option<Finding> {
    if daemon.leads_quilt3 {
        return None;
    }
    judge(
        &daemon.configured_registry()?,
        daemon.registry.as_ref()?,
        &daemon.configured_catalog()?,
    )
}

fn judge(named: &RegistryUrl, published: &RegistryUrl, catalog: &CatalogUrl) -> Option<Finding> {
    let port = named.gateway_port()?;
    if named == published {
        return None;
    }
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let hint = Command::of("quiltctl config").operand(catalog);
    Some(if TcpStream::connect_timeout(&address, TIMEOUT).is_ok() {
        let what = format!(
            "quilt3's config.yml names the registry {named} on this machine, and {catalog} has \
             its at {published}"
        );
        Finding::warning(FindingCode::Quilt3Registry, what, hint)
    } else {
        let what = format!(
            "quilt3's config.yml names the registry {named}, where nobody listens; {catalog} has \
             its at {published}"
        );
        Finding::error(FindingCode::Quilt3Registry, what, hint)
    })
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::time::Instant;

    use quilt_proto::wire::Severity;

    use super::*;

    #[test]
    fn only_a_registry_of_this_machine_that_the_catalog_does_not_name() {
        let catalog = "https://demo.example".parse().unwrap();
        let judge = |named: &str, published: &str| {
            let found = judge(
                &named.parse().unwrap(),
                &published.parse().unwrap(),
                &catalog,
            );
            found.map(|found| (found.severity, found.hint))
        };
        let real = "https://registry.demo.example";
        let hint = Command::of("quiltctl config https://demo.example");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let here = format!("http://{}", listener.local_addr().unwrap());
        assert_eq!(judge(&here, &here), None);
        assert_eq!(judge(real, "https://other.example"), None);
        assert_eq!(judge(&here, real), Some((Severity::Warning, hint.clone())));
        drop(listener);
        // Programs that other tests start hold it until they are executed.
        let until = Instant::now() + Duration::from_secs(10);
        let dead = Some((Severity::Error, hint));
        while judge(&here, real) != dead {
            assert!(Instant::now() < until, "{:?}", judge(&here, real));
        }
    }
}
