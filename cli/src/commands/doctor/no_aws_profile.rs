//! No program that gets its credentials from quiltd.

use quilt_proto::wire::{Finding, FindingCode};

use super::aws_profile::AwsProfile;
use super::daemon::Daemon;

/// Whoever uses quilt3 alone needs no AWS profile.
pub(super) fn check(profiles: &[AwsProfile], daemon: &Daemon) -> Option<Finding> {
    (profiles.is_empty() && !daemon.leads_quilt3()).then(|| {
        let what = "no AWS profile gets its credentials from quiltd";
        Finding::warning(FindingCode::NoAwsProfile, what, "quiltctl setup aws")
    })
}
