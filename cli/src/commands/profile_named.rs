//! The profile of quiltd.toml that a command names.

use quilt_proto::ProfileName;
use quilt_proto::wire::ProfileStatus;

use super::status;
use crate::context::Context;
use crate::exit::{self, Failure};

/// The profile of this name; where there is none, those that there are.
pub(super) fn profile_named(
    context: &Context,
    profiles: Vec<ProfileStatus>,
    wanted: &ProfileName,
) -> Result<ProfileStatus, Failure> {
    let what = wanted.unknown(profiles.iter().map(|known| &known.name));
    let found = profiles.into_iter().find(|known| known.name == *wanted);
    found.ok_or_else(|| match status::settings_finding(context) {
        Some(broken) => {
            let what = format!("{what} ({})", broken.summary);
            Failure::new(exit::NOT_FOUND, what).hint(broken.hint)
        }
        None => Failure::new(exit::NOT_FOUND, what).hint("quiltctl profiles"),
    })
}
