//! Whether this machine's clock agrees with the catalog's.

use quilt_proto::{CatalogUrl, Timestamp};

use super::Diagnostic;

/// How far apart clocks may be, in seconds. AWS takes requests that are up to
/// five minutes off.
const TOLERANCE: i64 = 60;

/// Compares the two, where the catalog says what time it is.
pub(super) fn check(
    catalog: &CatalogUrl,
    now: Timestamp,
    there: Option<Timestamp>,
) -> Result<String, Box<Diagnostic>> {
    match there.map(|there| now.seconds_since(there)) {
        Some(ahead) if ahead.abs() > TOLERANCE => Err(Box::new(Diagnostic::ClockSkew {
            catalog: catalog.clone(),
            ahead,
        })),
        Some(_) => Ok(format!(
            "{catalog} answers, and its clock agrees with this machine's"
        )),
        None => Ok(format!("{catalog} answers")),
    }
}
