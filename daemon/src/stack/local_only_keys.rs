//! What is this machine's to say, and no catalog's.

use quilt_proto::python_sdk;
use serde_json::{Map, Value};

/// What programs keep where on this machine, in the words of quilt3, and what they
/// tell of its user: for its user to say. A catalog that could would choose what a
/// deletion without a place deletes from, and over which files a package is
/// installed.
const LOCAL_ONLY: [&str; 3] = [
    python_sdk::DEFAULT_LOCAL_REGISTRY,
    python_sdk::DEFAULT_INSTALL_LOCATION,
    python_sdk::TELEMETRY_DISABLED,
];

/// Takes it out of what a catalog publishes of itself.
pub(super) fn remove(published: &mut Map<String, Value>) {
    published.retain(|key, _| !LOCAL_ONLY.contains(&key.as_str()));
}
