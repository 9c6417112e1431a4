//! `[catalogs.NAME]`: names for catalogs.

use std::path::PathBuf;

use quilt_proto::CatalogUrl;

use super::SettingsError;
use super::document::Entry;

/// The file of its API key, if it has one.
pub(super) fn api_key_file(entry: &Entry<'_>) -> Result<Option<PathBuf>, SettingsError> {
    let Some(file) = entry.table()?.get("api_key_file") else {
        return Ok(None);
    };
    let path = PathBuf::from(file.string()?);
    if !path.is_absolute() {
        // The daemon works elsewhere than whoever wrote it.
        return Err(file.error("not an absolute path, such as /home/alice/api-key".to_owned()));
    }
    Ok(Some(path))
}

/// Its URL.
pub(super) fn url(entry: &Entry<'_>) -> Result<CatalogUrl, SettingsError> {
    let table = entry.table()?;
    table.allow(&["url", "api_key_file"])?;
    let Some(url) = table.get("url") else {
        return Err(entry.error("url is missing"));
    };
    CatalogUrl::from_typed(url.string()?).map_err(|error| url.error(error.to_string()))
}
