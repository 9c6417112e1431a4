//! The way to AWS, as the daemon goes it: certificates and proxies as the
//! environment and `[network]` in `quiltd.toml` say.

use std::io::Read as _;
use std::sync::Arc;

use aws_config::ConfigLoader;
use quilt_network::{Clients, Network, Settings};
use quilt_proto::locations;
use quilt_trust::{Access, Role};

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
    let opened = path.and_then(|path| quilt_trust::open(&path, Role::Shared, Access::Read).ok()?);
    let text = opened.and_then(|file| {
        let mut text = String::new();
        let read = file.take(Settings::MAX_BYTES).read_to_string(&mut text);
        read.is_ok().then_some(text)
    });
    text.map_or_else(Settings::default, |text| Settings::from_toml(&text))
}
