//! Proxies: a request for credentials must not be sent to one, grant and all.

use std::env;
use std::process::Command;

use quilt_proto::network_variables::{ALL_PROXY, HTTP_PROXY, HTTPS_PROXY, NO_PROXY};

/// What the endpoint is reached by, however it is spelled.
const LOOPBACK: [&str; 3] = ["127.0.0.1", "localhost", "::1"];

/// Keeps loopback addresses from the proxy, where one is set.
pub(super) fn exempt_loopback(command: &mut Command) {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let mut proxies = [HTTP_PROXY, HTTPS_PROXY, ALL_PROXY].into_iter().flatten();
    if !proxies.any(|name| env::var_os(name).is_some()) {
        return;
    }
    let [upper, lower] = NO_PROXY;
    for (name, other) in [(upper, lower), (lower, upper)] {
        // Programs read the one or the other: one that is missing must not
        // hide what the user put into its twin.
        let exempt = set(name).or_else(|| set(other)).unwrap_or_default();
        command.env(name, with_loopback(&exempt));
    }
}

/// A list of exemptions, with those that it lacks.
fn with_loopback(exempt: &str) -> String {
    let listed: Vec<&str> = exempt.split(',').map(str::trim).collect();
    if listed.contains(&"*") {
        return exempt.to_owned();
    }
    let missing = LOOPBACK.into_iter().filter(|host| !listed.contains(host));
    let given = (!exempt.trim().is_empty()).then_some(exempt);
    given
        .into_iter()
        .chain(missing)
        .collect::<Vec<_>>()
        .join(",")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_exempt_already_stays_and_is_not_said_twice() {
        for (before, after) in [
            ("", "127.0.0.1,localhost,::1"),
            ("*", "*"),
            ("corp, *", "corp, *"),
            (
                ".corp.example,localhost",
                ".corp.example,localhost,127.0.0.1,::1",
            ),
            ("127.0.0.1,localhost,::1", "127.0.0.1,localhost,::1"),
        ] {
            assert_eq!(with_loopback(before), after);
        }
    }
}
