//! `profiles`: the profiles of quiltd.toml and what each last gave.

use quilt_proto::api::ReadProfiles;

use super::status;
use crate::context::Context;
use crate::exit::Failure;
use crate::output::{self, or_dash};

pub(super) fn run(context: &Context) -> Result<(), Failure> {
    context.print(&ReadProfiles, |profiles| {
        let rows: Vec<[String; 6]> = profiles
            .iter()
            .map(|profile| {
                let roles = profile.role_arn.join(" > ");
                [
                    profile.name.to_string(),
                    or_dash(profile.catalog_url.as_ref()),
                    or_dash(Some(roles).filter(|roles| !roles.is_empty())),
                    or_dash(profile.region.as_ref()),
                    or_dash(profile.expires_at),
                    or_dash(profile.last_error.as_ref()),
                ]
            })
            .collect();
        output::table(
            [
                "PROFILE",
                "CATALOG",
                "ROLES",
                "REGION",
                "CREDENTIALS UNTIL",
                "PROBLEM",
            ],
            &rows,
        )?;
        status::warn_of_settings(context);
        Ok(())
    })
}
