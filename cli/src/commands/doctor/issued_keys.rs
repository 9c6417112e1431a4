//! The names of the access keys that quiltd gives out now.

use std::path::PathBuf;
use std::time::Duration;

use quilt_proto::api::ReadCredentials;
use quilt_proto::{ProfileName, locations};

use super::aws_profile::AwsProfile;
use crate::context::Context;

/// How long the daemon may take: as long as a `credential_process`.
const TIMEOUT: Duration = Duration::from_secs(4);

/// What the call of a profile gives.
pub(super) fn to(profile: &AwsProfile) -> Option<String> {
    let call = profile.call()?;
    let catalog = call.asked_catalog();
    // As the program's quiltctl does it: flags of this one do not count.
    let socket = call.socket.or_else(|| locations::socket().ok())?;
    ask(socket, catalog, call.recipe)
}

/// Whether it is given to a profile, or to `quiltctl env` here.
pub(super) fn is_ours(key: &str, context: &Context, profiles: &[AwsProfile]) -> bool {
    let here = || ask(context.socket().ok()?, context.catalog().ok()?, None);
    here().as_deref() == Some(key) || profiles.iter().any(|ours| to(ours).as_deref() == Some(key))
}

fn ask(socket: PathBuf, catalog: Option<String>, recipe: Option<ProfileName>) -> Option<String> {
    let client = quiltctl_creds::client(socket, catalog).with_timeout(TIMEOUT);
    let profile = recipe.unwrap_or_else(ProfileName::default_profile);
    let credentials = client.send(&ReadCredentials(profile.into())).ok()?;
    Some(credentials.access_key_id)
}
