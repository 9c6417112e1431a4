//! How a login is asked for.

use std::path::PathBuf;

use clap::builder::{PathBufValueParser, TypedValueParser};
use quilt_proto::suggested_command::EXAMPLE_CATALOG;
use quilt_proto::{ApiKeySecret, CatalogName, CatalogUrl, RegistryHost};

use crate::exit::Failure;
use crate::{completion, key_source};

/// What is no catalog.
const NO_CATALOG: &str = "give an address, a host or a name of quiltd.toml";

/// How to log in.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag")]
pub(crate) struct Args {
    /// The catalog: its address, its host, or its name in quiltd.toml
    #[arg(value_name = "CATALOG", value_parser = catalog, conflicts_with = "all", add = completion::catalogs())]
    pub(in crate::commands) named: Option<String>,

    /// Log in to every catalog that needs it, those that quiltd.toml names too, one after another
    #[arg(long, conflicts_with_all = ["code_stdin", "api_key", "api_key_env", "api_key_dotenv", "api_key_secret", "accept_registry"])]
    pub(super) all: bool,

    /// Read the code from stdin; ask for nothing, open nothing
    #[arg(long)]
    pub(super) code_stdin: bool,

    /// Complete in the browser, without a code to paste
    #[arg(long, conflicts_with_all = ["code_stdin", "api_key", "api_key_env", "api_key_dotenv", "api_key_secret"])]
    pub(super) web: bool,

    /// The stack's OAuth server, if not in its usual place
    #[arg(long, requires = "web", value_name = "URL")]
    pub(super) connect_url: Option<String>,

    /// Print the login page's address instead of opening it
    #[arg(long)]
    pub(super) no_browser: bool,

    /// Log in although the catalog names another registry than before: this one
    #[arg(long, value_name = "HOST")]
    pub(super) accept_registry: Option<RegistryHost>,

    #[command(flatten)]
    pub(super) key: KeySource,
}

/// An API key, and where it comes from.
#[derive(Debug, Default, clap::Args)]
#[expect(clippy::struct_field_names, reason = "the names of the flags")]
#[group(multiple = false, conflicts_with_all = ["code_stdin", "no_browser"])]
pub(in crate::commands) struct KeySource {
    /// Use an API key: typed at a hidden prompt, or from stdin
    #[arg(long)]
    pub(super) api_key: bool,

    /// Use the API key in an environment variable [default: QUILT_API_KEY]
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = key_source::VARIABLE, value_parser = no_key)]
    pub(super) api_key_env: Option<String>,

    /// Use the QUILT_API_KEY of a .env file
    #[arg(long, value_name = "FILE", value_parser = path())]
    pub(super) api_key_dotenv: Option<PathBuf>,

    /// Use the API key in AWS Secrets Manager, read with your own AWS credentials
    #[arg(long, value_name = "ID", value_parser = no_key)]
    pub(super) api_key_secret: Option<String>,
}

impl Args {
    /// Whether nothing says which catalog it is about.
    pub(in crate::commands) fn is_about_default_catalog(&self) -> bool {
        self.named.is_none() && !self.all
    }

    /// Whether it is a login that was tried, with a catalog or the user's word
    /// for a registry, which were missing.
    pub(in crate::commands) fn repeats(&self) -> bool {
        let is_to_be_named = self.named.as_deref() == Some(EXAMPLE_CATALOG);
        is_to_be_named || self.all || self.accept_registry.is_some()
    }

    /// Whether it is one where a code is pasted.
    pub(in crate::commands) fn asks_for_code(&self) -> bool {
        !self.all && !self.web && !self.code_stdin && !self.key.is_asked_for()
    }
}

impl KeySource {
    pub(in crate::commands) fn is_asked_for(&self) -> bool {
        self.api_key
            || self.api_key_env.is_some()
            || self.api_key_dotenv.is_some()
            || self.api_key_secret.is_some()
    }

    pub(super) fn read(&self) -> Result<Option<ApiKeySecret>, Failure> {
        if self.api_key {
            return key_source::prompted().map(Some);
        }
        if let Some(name) = &self.api_key_env {
            return key_source::environment(name).map(Some);
        }
        match &self.api_key_dotenv {
            Some(path) => key_source::dotenv(path).map(Some),
            None => Ok(None),
        }
    }
}

/// What names the place of a key. Who gives the key itself did not mean to show it.
fn no_key(text: &str) -> Result<String, &'static str> {
    if ApiKeySecret::is_like_or_token(text.trim()) {
        return Err("give where the key is, not the key");
    }
    Ok(text.to_owned())
}

/// The same of a file, which need not be named in UTF-8.
fn path() -> impl TypedValueParser<Value = PathBuf> {
    PathBufValueParser::new().try_map(|path| match path.to_str() {
        Some(text) => no_key(text).map(PathBuf::from),
        None => Ok(path),
    })
}

/// What is typed as a catalog. Whatever else somebody gives by mistake is a
/// code or a key, and is not repeated.
fn catalog(text: &str) -> Result<String, &'static str> {
    let legal = |c: char| c.is_ascii_graphic() && !"'\"`$;&|<>(){}\\".contains(c);
    let is_name = text.parse::<CatalogName>().is_ok();
    let is_address = CatalogUrl::from_typed(text).is_ok();
    if ApiKeySecret::is_like(text) || !text.chars().all(legal) {
        return Err(NO_CATALOG);
    }
    if is_address || is_name {
        Ok(text.to_owned())
    } else {
        Err(NO_CATALOG)
    }
}
