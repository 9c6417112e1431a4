//! No program that gets its credentials from quiltd.

use quilt_proto::wire::{Finding, FindingCode};

use super::aws_profile::AwsProfile;
use super::daemon::Daemon;
use crate::commands::setup::aws;

/// Whoever uses quilt3 alone needs no AWS profile, unless one was set up, and is
/// gone.
pub(super) fn check(profiles: &[AwsProfile], daemon: &Daemon) -> Option<Finding> {
    let is_missed = || !daemon.leads_quilt3 || aws::has_set_up();
    (profiles.is_empty() && is_missed()).then(|| {
        let what = "no AWS profile gets its credentials from quiltd";
        Finding::warning(FindingCode::NoAwsProfile, what, "quiltctl setup aws")
    })
}
