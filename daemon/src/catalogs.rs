//! Which catalog a request is about.

use quilt_proto::{CatalogUrl, UrlError};

use crate::python_sdk::{ConfigError, ConfigFile};

/// Why no catalog could be told.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CatalogError {
    /// What was asked for is not a catalog's URL.
    #[error("{0}")]
    Url(#[from] UrlError),
    /// Nothing was asked for and nothing is configured.
    #[error("no catalog is configured")]
    NotConfigured,
    /// The configuration cannot be read.
    #[error(transparent)]
    Config(#[from] ConfigError),
}

/// The catalog asked for, else the configured one.
pub fn resolve(asked: Option<&str>, config: &ConfigFile) -> Result<CatalogUrl, CatalogError> {
    match asked {
        Some(text) if !text.trim().is_empty() => Ok(text.parse()?),
        _ => config.catalog()?.ok_or(CatalogError::NotConfigured),
    }
}
