//! A proxy that would be asked for this machine's own endpoints.

use quilt_proto::network_variables::{ALL_PROXY, HTTP_PROXY, NO_PROXY};
use quilt_proto::wire::{Finding, FindingCode};

use super::variables::Variables;

/// Where both spellings are set, programs look at the small one.
const PROXIES: [&str; 4] = [HTTP_PROXY[1], HTTP_PROXY[0], ALL_PROXY[1], ALL_PROXY[0]];

pub(super) fn check(variables: &Variables) -> Option<Finding> {
    let set = variables.set(&PROXIES);
    let proxy = set.first()?;
    let exceptions = variables.set(&[NO_PROXY[1], NO_PROXY[0]]);
    let (name, value) = match exceptions.first() {
        Some(name) => (*name, variables.get(name).unwrap_or_default()),
        None => (NO_PROXY[0], ""),
    };
    if value.split([',', ' ']).any(is_loopback) {
        return None;
    }
    let what = format!(
        "{proxy} is set and {name} does not name 127.0.0.1: some programs ask the proxy for \
         endpoints of this machine"
    );
    // Words of ours: what is in the variable already is named, not repeated.
    let hint = match (name, value.is_empty()) {
        ("no_proxy", false) => "export no_proxy=\"$no_proxy,127.0.0.1,localhost\"",
        (_, false) => "export NO_PROXY=\"$NO_PROXY,127.0.0.1,localhost\"",
        (_, true) => "export NO_PROXY=\"127.0.0.1,localhost\"",
    };
    Some(Finding::warning(FindingCode::Proxy, what, hint))
}

fn is_loopback(entry: &str) -> bool {
    entry == "*" || entry == "127.0.0.1" || entry.starts_with("127.") && entry.contains('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_has_to_be_an_exception() {
        let found = check(&[("HTTP_PROXY", "http://p")].into()).unwrap();
        assert_eq!(found.hint, "export NO_PROXY=\"127.0.0.1,localhost\"");
        let found = check(&[("http_proxy", "http://p"), ("no_proxy", "a.b")].into()).unwrap();
        assert_eq!(
            found.hint,
            "export no_proxy=\"$no_proxy,127.0.0.1,localhost\""
        );
        for value in ["*", "x, 127.0.0.1", "127.0.0.0/8"] {
            assert_eq!(
                check(&[("HTTP_PROXY", "p"), ("NO_PROXY", value)].into()),
                None
            );
        }
        assert_eq!(check(&[("HTTPS_PROXY", "p")].into()), None);
    }
}
