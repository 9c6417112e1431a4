//! The region of a profile: without one, programs fail before they need
//! credentials; with the one of a catalog that `use` left, in another place.

use quilt_proto::api::ReadProfiles;
use quilt_proto::wire::{Finding, FindingCode};
use quilt_proto::{Command, ProfileName, quoted};

use quilt_proto::suggested_command::first_login;

use super::aws_profile::AwsProfile;
use super::daemon::Daemon;
use super::remedy;
use super::variables::Variables;
use crate::aws_files;
use crate::aws_variables::REGIONS;
use crate::context::Context;

pub(super) fn check(
    context: &Context,
    variables: &Variables,
    profile: &AwsProfile,
    daemon: &Daemon,
) -> Option<Finding> {
    if !variables.set(&REGIONS).is_empty() {
        return None;
    }
    let call = profile.call()?;
    let recipe = call.recipe.clone();
    let recipe = recipe.unwrap_or_else(ProfileName::default_profile);
    let known = daemon.region(call.catalog.as_deref(), &recipe);
    let mut lines = profile.settings.iter();
    let Some(set) = lines.find(|line| line.key == "region") else {
        let hint = match known {
            Some(_) => remedy::set_up_again(profile),
            // Whoever is logged in has it filled in.
            None if daemon.sessions.is_empty() => first_login(),
            None => Command::of("aws configure set region YOUR-REGION")
                .option("--profile", &profile.name),
        };
        let what = aws_files::no_region(&profile.name);
        return Some(Finding::warning(FindingCode::ProfileNoRegion, what, hint));
    };
    let known = known.filter(|known| *known != set.value)?;
    // Another region than the catalog's is the user's choice, unless it is one
    // that a catalog left there.
    let left = daemon.sessions.iter().find(|catalog| {
        let profiles = context.of_catalog(catalog.as_str()).send(&ReadProfiles);
        profiles.is_ok_and(|profiles| {
            let mut same = profiles.iter().filter(|profile| profile.name == recipe);
            same.any(|profile| profile.region.as_ref() == Some(&set.value))
        })
    })?;
    let what = format!(
        "profile {} has the region of {}, {}; its catalog is in {known}",
        quoted::name(&profile.name),
        left.as_str(),
        quoted::name(&set.value),
    );
    let hint = remedy::set_up_again(profile);
    Some(Finding::warning(
        FindingCode::ProfileOtherRegion,
        what,
        hint,
    ))
}
