//! Variables that say how a machine reaches the network: which certificates
//! count, and which proxies, as far as more than one program has to agree.

use std::collections::BTreeMap;
use std::env;

use url::Url;

use crate::Secret;

/// Variables that name certificates to trust beside the system's: files or
/// directories, in PEM.
pub const CERTIFICATE_VARIABLES: [&str; 5] = [
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "AWS_CA_BUNDLE",
];

/// The proxy for `https`. Of two spellings, the first that is set counts.
pub const HTTPS_PROXY: [&str; 2] = ["HTTPS_PROXY", "https_proxy"];
/// The proxy for `http`.
pub const HTTP_PROXY: [&str; 2] = ["HTTP_PROXY", "http_proxy"];
/// The proxy where there is none of its own.
pub const ALL_PROXY: [&str; 2] = ["ALL_PROXY", "all_proxy"];
/// Whom no proxy is asked for.
pub const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// Variables that name proxies, and whom they are not for.
pub const PROXY_VARIABLES: [[&str; 2]; 4] = [HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY];

/// A variable that is set to something, in either spelling: its name and value.
pub fn variable(spellings: &[&'static str]) -> Option<(&'static str, String)> {
    let mut set = spellings.iter().filter_map(|name| {
        let value = env::var_os(name)?.into_string().ok()?;
        (!value.trim().is_empty()).then_some((*name, value))
    });
    set.next()
}

/// What the environment of this process says about the network, for comparing
/// it with another's: by the first spelling of each name, without passwords.
pub fn environment() -> BTreeMap<String, String> {
    let certificates = CERTIFICATE_VARIABLES.iter().filter_map(|name| {
        let (_, value) = variable(&[name])?;
        // One daemon's directory is not another program's.
        let path = std::path::absolute(&value).ok()?;
        Some(((*name).to_owned(), path.to_string_lossy().into_owned()))
    });
    let proxies = PROXY_VARIABLES.iter().filter_map(|spellings| {
        let (_, value) = variable(spellings)?;
        Some((spellings[0].to_owned(), without_password(&value)))
    });
    certificates.chain(proxies).collect()
}

/// The variables of this process that name a proxy with a password, whole: by
/// the first spelling of each name.
pub fn proxies_with_passwords() -> BTreeMap<String, Secret> {
    let proxies = PROXY_VARIABLES.iter().filter_map(|spellings| {
        let (_, value) = variable(spellings)?;
        let has_password = without_password(&value) != value.trim_end_matches('/');
        has_password.then(|| (spellings[0].to_owned(), Secret::from(value)))
    });
    proxies.collect()
}

/// A proxy's address as it may be shown; what is no URL stays as it is, up to
/// an `@`, before which a password may stand.
pub fn without_password(text: &str) -> String {
    if let Ok(mut url) = Url::parse(text)
        && url.has_host()
    {
        if url.password().is_some() {
            // Only URLs that have a host get here.
            let _ = url.set_password(Some("***"));
        }
        return url.as_str().trim_end_matches('/').to_owned();
    }
    match text.rsplit_once('@') {
        Some((_, rest)) => format!("***@{rest}"),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_of_proxies_are_not_shown() {
        for (text, shown) in [
            ("http://u:p@proxy:3128", "http://u:***@proxy:3128"),
            ("socks5h://proxy:1080/", "socks5h://proxy:1080"),
            ("u:p@proxy:3128", "***@proxy:3128"),
            ("proxy:3128", "proxy:3128"),
            (".corp.example,10.0.0.0/8", ".corp.example,10.0.0.0/8"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
