//! `credential-process`: the document AWS SDKs ask for.

use std::time::Instant;

use quilt_client::Error;
use quilt_proto::ProfileName;
use quilt_proto::api::ReadCredentials;
use quiltctl_creds::{HandedOn, TIMEOUT, is_document};

use crate::context::Context;
use crate::exit::Failure;
use crate::output;

/// Whose credentials.
#[derive(Clone, Debug, Default, PartialEq, Eq, clap::Args)]
pub(crate) struct Args {
    /// A profile of quiltd.toml, instead of the stack's own credentials
    #[arg(long, value_name = "PROFILE", add = crate::completion::profiles())]
    pub(crate) profile: Option<ProfileName>,
}

/// Passes the document on as the daemon wrote it. What `quiltctl-creds` has
/// tried is not tried anew, or for no longer than there is time left.
pub(crate) fn run(
    context: &Context,
    args: &Args,
    handed_on: Option<HandedOn>,
) -> Result<(), Failure> {
    let timeout = match handed_on {
        Some(HandedOn::Failed(error)) => return Err(error.into()),
        Some(HandedOn::Again(left)) => left,
        None => TIMEOUT,
    };
    let deadline = Instant::now() + timeout;
    let profile = args.profile.clone();
    let profile = profile.unwrap_or_else(ProfileName::default_profile);
    let reply = context.reply_by(&ReadCredentials(profile.into()), deadline)?;
    let document = reply.body();
    if !is_document(document) {
        return Err(Error::InvalidAnswer("credentials of another shape").into());
    }
    output::bytes(document)
}
