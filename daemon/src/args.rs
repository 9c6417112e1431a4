//! The command line of quiltd.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};
use quiltd::store::StoreChoice;
use tracing_subscriber::EnvFilter;

/// Local daemon that owns Quilt sessions and vends AWS credentials.
#[derive(Debug, Parser)]
#[command(name = "quiltd", version)]
pub(crate) struct Args {
    /// Listen here [default: QUILTD_SOCKET, else quilt/quiltd.sock in the runtime directory]
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
    /// Read settings from here [default: QUILTD_CONFIG, else quilt/quiltd.toml in the configuration directory]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Keep refresh tokens here
    #[arg(long, value_enum, default_value = "auto")]
    pub(crate) token_store: TokenStoreArg,
    /// Read an API key from this open file descriptor and use it
    #[arg(long, value_name = "N")]
    pub(crate) api_key_fd: Option<u32>,
    /// The catalog the API key is for [default: QUILT_CATALOG, else the configured one]
    #[arg(long, value_name = "URL")]
    pub(crate) catalog: Option<String>,
    /// What to log, such as info or quiltd=debug
    #[arg(long, value_name = "FILTER", default_value = "info", value_parser = filter)]
    pub(crate) log: String,
}

/// `--token-store`.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum TokenStoreArg {
    /// The keyring where it answers, else the file
    Auto,
    /// The operating system's keyring
    Keyring,
    /// A file in the state directory
    File,
    /// Nowhere: a restart needs a new login
    Memory,
}

impl From<TokenStoreArg> for StoreChoice {
    fn from(arg: TokenStoreArg) -> Self {
        match arg {
            TokenStoreArg::Auto => Self::Auto,
            TokenStoreArg::Keyring => Self::Keyring,
            TokenStoreArg::File => Self::File,
            TokenStoreArg::Memory => Self::Memory,
        }
    }
}

/// Refuses a filter that would not parse, while it still is a usage error.
fn filter(text: &str) -> Result<String, String> {
    match EnvFilter::try_new(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}
