//! `credential-process`: the document AWS SDKs ask for.

use std::time::{Duration, Instant};

use quilt_client::Error;
use quilt_proto::ProfileName;
use quilt_proto::api::ReadCredentials;
use serde::de::IgnoredAny;

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// The whole run, starting the daemon included, stays below the 4 s promised.
const TIMEOUT: Duration = Duration::from_millis(3700);

/// Whose credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    pub(crate) profile: Option<ProfileName>,
}

/// Passes the document on as the daemon wrote it.
pub(crate) fn run(context: &Context, args: &Args) -> Result<(), Failure> {
    let deadline = Instant::now() + TIMEOUT;
    let profile = args.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let reply = context.reply_by(&ReadCredentials(profile.into()), deadline)?;
    let document = reply.body();
    if document.first() != Some(&b'{') || serde_json::from_slice::<IgnoredAny>(document).is_err() {
        return Err(Error::InvalidAnswer("credentials of another shape").into());
    }
    output::bytes(document)
}
