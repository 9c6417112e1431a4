//! The way to AWS, as the daemon goes it: certificates and proxies as the
//! environment and `[network]` in `quiltd.toml` say.

use std::fmt::Display;
use std::io::Read as _;
use std::sync::Arc;

use aws_config::ConfigLoader;
use quilt_network::{Clients, Network, Settings};
use quilt_proto::{Command, exit_code, locations, quoted};
use quilt_trust::{Access, Role};

use crate::failure::Failure;

/// The SDK's usual configuration over that way.
pub(crate) fn loader() -> Result<ConfigLoader, Failure> {
    let settings = settings()?;
    let network = Arc::new(Network::new(move || settings.clone()));
    let clients = Clients::new(&network, |builder| {
        builder.connect_timeout(quilt_network::aws::CONNECT_TIMEOUT)
    });
    Ok(quilt_network::aws::loader(&Arc::new(clients)))
}

/// What the settings say, where there are any. Where they cannot be read, AWS is not
/// asked past the proxy and without the certificates that they may name.
fn settings() -> Result<Settings, Failure> {
    let Ok(path) = locations::settings() else {
        return Ok(Settings::default());
    };
    let refused = |why: &dyn Display, hint| Failure::new(exit_code::INPUT, why, hint);
    let opened = quilt_trust::open(&path, Role::Shared, Access::Read)
        .map_err(|distrust| refused(&distrust, distrust.remedy()))?;
    let Some(file) = opened else {
        return Ok(Settings::default());
    };
    let mut text = String::new();
    let broken = |why: &str| {
        let what = format!("{}{why}", quoted::path(&path));
        refused(&what, Command::edit(&path))
    };
    file.take(Settings::MAX_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| broken(&format!(": {error}")))?;
    Settings::from_toml(&text).map_err(|error| {
        let start = error.span().map_or(0, |span| span.start);
        let line = text.as_bytes()[..start]
            .split(|byte| *byte == b'\n')
            .count();
        broken(&format!(", line {line}, is no TOML"))
    })
}
