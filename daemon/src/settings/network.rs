//! `[network]`: certificates and proxies for a daemon whose environment is not
//! the user's.

use std::path::PathBuf;

use quilt_network::{ProxyUrl, Settings as Network};
use quilt_proto::network_variables::environment;
use quilt_proto::wire::NetworkStatus;

use super::document::{Entry, Table};
use super::{Settings, SettingsError};

/// Parses the table. `proxy = ""` is no proxy, whatever variables say.
pub(super) fn parse(table: &Table<'_>) -> Result<Network, SettingsError> {
    table.allow(&[Network::CA_BUNDLE, Network::PROXY, Network::NO_PROXY])?;
    let ca_bundle = table.get(Network::CA_BUNDLE).map(|entry| bundles(&entry));
    let proxy = table.get(Network::PROXY).map(|entry| proxy(&entry));
    let no_proxy = table.get(Network::NO_PROXY).map(|entry| entry.strings());
    Ok(Network {
        ca_bundle: ca_bundle.transpose()?.unwrap_or_default(),
        proxy: proxy.transpose()?,
        no_proxy: no_proxy.transpose()?.map(|names| names.join(",")),
    })
}

impl Settings {
    /// How the network is reached, by these settings and the environment.
    pub fn network_status(&self) -> NetworkStatus {
        let network = &self.network;
        let proxy = network.proxy.as_ref();
        NetworkStatus {
            environment: environment(),
            ca_bundle: network
                .ca_bundle
                .iter()
                .map(|path| path.display().to_string())
                .collect(),
            proxy: proxy.map(|proxy| proxy.as_ref().map_or_else(String::new, ProxyUrl::address)),
            no_proxy: network.no_proxy.clone(),
        }
    }
}

fn bundles(entry: &Entry<'_>) -> Result<Vec<PathBuf>, SettingsError> {
    let paths = entry.strings()?.into_iter().map(PathBuf::from);
    let paths: Vec<PathBuf> = paths.collect();
    if paths.iter().all(|path| path.is_absolute()) {
        Ok(paths)
    } else {
        // The daemon's directory is nobody's business.
        Err(entry.error("must be a path from the root, /…"))
    }
}

fn proxy(entry: &Entry<'_>) -> Result<Option<ProxyUrl>, SettingsError> {
    match entry.string()?.trim() {
        "" => Ok(None),
        text => text
            .parse()
            .map(Some)
            .map_err(|error: quilt_network::SettingsError| entry.error(error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Settings;

    #[test]
    fn the_network_is_as_it_is_written() {
        let text = "[network]\nca_bundle = '/etc/corp.pem'\nproxy = 'socks5h://127.0.0.1:1080'\n\
                    no_proxy = ['.corp.example', '10.0.0.0/8']\n";
        let network = Settings::parse(text).unwrap().network;
        assert_eq!(network.ca_bundle, [std::path::Path::new("/etc/corp.pem")]);
        assert_eq!(
            network.proxy.unwrap().unwrap().to_string(),
            "127.0.0.1:1080"
        );
        assert_eq!(network.no_proxy.unwrap(), ".corp.example,10.0.0.0/8");
        let none = Settings::parse("[network]\nproxy = ''\n").unwrap().network;
        assert_eq!(none.proxy, Some(None));
        for wrong in [
            "[network]\nproxy = 'ftp://x'\n",
            "[network]\nca_bundle = 'corp.pem'\n",
            "[network]\nca_bundel = '/corp.pem'\n",
            "[network]\nno_proxy = 1\n",
        ] {
            let error = Settings::parse(wrong).unwrap_err().to_string();
            assert!(error.starts_with("line 2: "), "{error}");
        }
        // A password in it is not repeated.
        let error = Settings::parse("[network]\nproxy = 'ftp://u:geheim@x'\n").unwrap_err();
        assert!(!error.to_string().contains("geheim"), "{error}");
    }
}
