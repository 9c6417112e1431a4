//! Grants as people read of them: what each opens, and who has it.

use quilt_proto::wire::{GrantKind, GrantStatus};

use crate::look::name;

/// What a grant opens.
pub(crate) fn opens(grant: &GrantStatus) -> String {
    match (grant.kind, &grant.profile, grant.without_api_keys) {
        (GrantKind::Credentials, Some(profile), _) => format!("profile {}", name(profile.as_str())),
        (GrantKind::Credentials, None, _) => "credentials".to_owned(),
        (GrantKind::Registry, _, false) => "registry".to_owned(),
        (GrantKind::Registry, _, true) => "registry without API keys".to_owned(),
    }
}

/// Who has it.
pub(crate) fn holder(grant: &GrantStatus) -> String {
    match grant.pid {
        Some(pid) => format!("process {pid}"),
        None if grant.kind == GrantKind::Registry => "quilt3".to_owned(),
        None => "whoever has it".to_owned(),
    }
}
