//! A shell whose way to the network is not the daemon's: what is exported after
//! the daemon was started does not count for it.

use std::collections::BTreeMap;
use std::path::Path;

use quilt_proto::api::ComparePasswords;
use quilt_proto::network_variables::{
    ALL_PROXY, CERTIFICATE_VARIABLES, HTTP_PROXY, HTTPS_PROXY, NO_PROXY, environment,
    proxies_with_passwords,
};
use quilt_proto::wire::{Finding, FindingCode, NetworkStatus, ProxyPasswords};
use quilt_proto::{Command, quoted};

use super::daemon::Daemon;
use super::remedy;
use crate::commands::setup::service;
use crate::context::Context;

/// Compares this shell with the daemon. A daemon that a service manager starts
/// gets no shell's variables: what it needs is for its settings.
pub(super) fn check(context: &Context, asked: &Daemon) -> Option<Finding> {
    let daemon = asked.network.as_ref()?;
    let mut differing = differing(&environment(), daemon);
    differing.extend(passwords(context, daemon));
    let first = differing.first()?;
    let others = match differing.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    let what =
        format!("{first}{others}: the daemon reaches the network differently from this shell");
    let hint = match asked.settings().filter(|_| service::is_managed()) {
        Some(settings) => Command::edit(&settings),
        None => remedy::quiltctl(context, "daemon restart"),
    };
    Some(Finding::warning(FindingCode::NetworkDiffers, what, hint))
}

/// One sentence for each proxy that the daemon knows by another password, which
/// only the daemon can tell. One of an older version cannot.
fn passwords(context: &Context, daemon: &NetworkStatus) -> Vec<String> {
    let mut variables = proxies_with_passwords();
    variables.retain(|name, _| name != HTTP_PROXY[0] && daemon.environment.contains_key(name));
    if variables.is_empty() || daemon.proxy.is_some() {
        return Vec::new();
    }
    let comparison = context.send(&ComparePasswords(ProxyPasswords { variables }));
    let differing = comparison.unwrap_or_default().differing.into_iter();
    let in_words = |name| format!("{name} has another password here than for the daemon");
    differing.map(in_words).collect()
}

/// One sentence for each variable that is not as the daemon has it.
fn differing(here: &BTreeMap<String, String>, daemon: &NetworkStatus) -> Vec<String> {
    let there = &daemon.environment;
    let names = here
        .keys()
        .chain(there.keys().filter(|name| !here.contains_key(*name)));
    let counts = |name: &str, value: Option<&String>| {
        if CERTIFICATE_VARIABLES.contains(&name) {
            // Named there already, by another name perhaps; and what is named
            // there alone is trusted beside the rest.
            value.is_some_and(|value| !knows(daemon, value))
        } else {
            match name {
                // The daemon speaks plain HTTP on loopback alone.
                _ if name == HTTP_PROXY[0] => false,
                _ if name == NO_PROXY[0] => {
                    daemon.no_proxy.is_none() && (asks(here) || asks(there))
                }
                _ => daemon.proxy.is_none(),
            }
        }
    };
    names
        .filter(|name| here.get(*name) != there.get(*name) && counts(name, here.get(*name)))
        .map(|name| {
            let value = |of: &BTreeMap<String, String>| match of.get(name) {
                Some(value) => quoted::name(value).to_string(),
                None => "not set".to_owned(),
            };
            let (here, there) = (value(here), value(there));
            format!("{name} is {here} here and {there} for the daemon")
        })
        .collect()
}

/// Whether a proxy is asked for what matters to the daemon.
fn asks(environment: &BTreeMap<String, String>) -> bool {
    [HTTPS_PROXY[0], ALL_PROXY[0]]
        .iter()
        .any(|name| environment.contains_key(*name))
}

fn knows(daemon: &NetworkStatus, bundle: &str) -> bool {
    let named = daemon.ca_bundle.iter();
    let set = CERTIFICATE_VARIABLES
        .iter()
        .filter_map(|name| daemon.environment.get(*name));
    named
        .chain(set)
        .any(|known| Path::new(known) == Path::new(bundle))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(set: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |text: &str| text.to_owned();
        set.iter()
            .map(|(name, value)| (own(name), own(value)))
            .collect()
    }

    fn daemon(set: &[(&str, &str)]) -> NetworkStatus {
        NetworkStatus {
            environment: map(set),
            ..NetworkStatus::default()
        }
    }

    #[test]
    fn only_what_counts_is_told() {
        let corp = [("REQUESTS_CA_BUNDLE", "/corp.pem")];
        let proxy = [("HTTPS_PROXY", "http://proxy:3128")];
        assert_eq!(differing(&map(&corp), &daemon(&corp)), [""; 0]);
        assert_eq!(
            differing(&map(&corp), &daemon(&[])),
            ["REQUESTS_CA_BUNDLE is /corp.pem here and not set for the daemon"]
        );
        assert_eq!(
            differing(&map(&[]), &daemon(&proxy)),
            [format!(
                "HTTPS_PROXY is not set here and {} for the daemon",
                quoted::name(proxy[0].1)
            )]
        );
        assert_eq!(
            differing(&map(&corp), &daemon(&[("CURL_CA_BUNDLE", "/corp.pem")])),
            [""; 0]
        );
        let idle = [("HTTP_PROXY", "http://p:1"), ("NO_PROXY", "127.0.0.1")];
        assert_eq!(differing(&map(&idle), &daemon(&[])), [""; 0]);
        let set = NetworkStatus {
            ca_bundle: vec!["/corp.pem".to_owned()],
            proxy: Some("http://other:1".to_owned()),
            ..NetworkStatus::default()
        };
        assert_eq!(differing(&map(&corp), &set), [""; 0]);
        assert_eq!(differing(&map(&proxy), &set), [""; 0]);
    }
}
