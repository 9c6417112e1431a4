//! The way to AWS, as the daemon goes it: certificates and proxies as the
//! environment and `[network]` in `quiltd.toml` say.

use std::fs;
use std::sync::Arc;

use aws_config::ConfigLoader;
use quilt_network::{Clients, Network, Settings};
use quilt_proto::locations;
use quilt_trust::Role;

/// The SDK's usual configuration over that way.
pub(crate) fn loader() -> ConfigLoader {
    let settings = settings();
    let network = Arc::new(Network::new(move || settings.clone()));
    let clients = Clients::new(&network, |builder| {
        builder.connect_timeout(quilt_network::aws::CONNECT_TIMEOUT)
    });
    quilt_network::aws::loader(&Arc::new(clients))
}

/// What the settings say, if they are certainly the user's own.
fn settings() -> Settings {
    let path = locations::settings().ok();
    let path = path.filter(|path| quilt_trust::judge(path, Role::Shared).is_ok());
    let text = path.and_then(|path| fs::read_to_string(path).ok());
    text.map_or_else(Settings::default, |text| Settings::from_toml(&text))
}
