//! What is said of AWS profiles where the default catalog becomes another.

use quilt_proto::Command;
use quilt_proto::wire::ConfigValues;

use super::setup::aws;
use super::{config, doctor};
use crate::output;

/// Says of AWS profiles that they follow another default catalog, which these
/// values are of.
pub(super) fn tell(values: &ConfigValues) {
    if !aws::has_set_up() {
        return;
    }
    let region = config::text(values, "region");
    let follow = "AWS profiles that name no catalog follow it";
    if region.is_some_and(doctor::has_profile_of_another_region) {
        let what = format!("{follow}, with the region they had until they are set up again");
        output::advise(&what, &Command::of("quiltctl setup aws"));
    } else {
        output::note(format_args!("{follow}."));
    }
}
