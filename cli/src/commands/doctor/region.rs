//! The region of a profile: without one, programs fail before they need
//! credentials.

use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, ProfileName, quoted};

use super::aws_profile::AwsProfile;
use super::daemon::Daemon;
use super::remedy;
use super::variables::Variables;
use crate::aws_variables::REGIONS;

pub(super) fn check(
    variables: &Variables,
    profile: &AwsProfile,
    daemon: &Daemon,
) -> Option<Finding> {
    let has_region = profile.settings.iter().any(|line| line.key == "region");
    if has_region || !variables.set(&REGIONS).is_empty() {
        return None;
    }
    let call = profile.call()?;
    let recipe = call.recipe.unwrap_or_else(ProfileName::default_profile);
    let known = daemon.region(call.catalog.as_deref(), &recipe);
    let hint = if known {
        remedy::set_up_again(profile)
    } else {
        Command::of("aws configure set region YOUR-REGION").option("--profile", &profile.name)
    };
    let what = format!("profile {} has no region", quoted::name(&profile.name));
    Some(Finding::warning(FindingCode::ProfileNoRegion, what, hint))
}
