//! Whether profiles give AWS credentials: the stack's own, and those that
//! failed when they were last asked for.

use std::collections::BTreeSet;
use std::sync::Arc;

use quilt_proto::ProfileName;
use quilt_proto::time::span_ahead;
use tokio::time::Instant;

use super::{Diagnostic, DoctorContext};
use crate::session::Session;

/// Asks for the credentials once more: what failed may have passed.
pub(super) async fn check(
    context: &DoctorContext<'_>,
    session: &Arc<Session>,
    deadline: Instant,
) -> Vec<Result<String, Diagnostic>> {
    let held = context.vault.status(session.catalog());
    let settings = context.settings.current();
    let is_of_this = |name: &ProfileName| {
        settings.is_used_with(name, session.catalog(), context.default_catalog.as_ref())
    };
    let failing = held
        .into_iter()
        .filter(|held| held.last_error.is_some() && is_of_this(&held.profile));
    let profiles: BTreeSet<_> = failing
        .map(|held| held.profile)
        .chain([ProfileName::default_profile()])
        .collect();
    let mut outcomes = Vec::new();
    for profile in profiles {
        let timeout = deadline.saturating_duration_since(Instant::now());
        let asked = context.vault.credentials(session, &profile, timeout).await;
        outcomes.push(match asked {
            Ok(credentials) => Ok(format!(
                "profile '{profile}' of {} has AWS credentials for {}",
                session.catalog(),
                span_ahead(
                    credentials
                        .expires_at
                        .seconds_since(context.clock.now().wall)
                )
            )),
            Err(source) => Err(Diagnostic::Credential {
                profile,
                catalog: session.catalog().clone(),
                source,
            }),
        });
    }
    outcomes
}

/// For how many seconds the profiles that gave credentials go on, whatever becomes of the
/// stack; nothing where one of them has none any more, or the stack's own has
/// none. What a profile never gave is not for the stack to be missed.
pub(super) fn last_for(context: &DoctorContext<'_>, session: &Session) -> Option<i64> {
    let now = context.clock.now().wall;
    let held = context.vault.status(session.catalog()).into_iter();
    let own = ProfileName::default_profile();
    let counts = held.filter(|held| held.expires_at.is_some() || held.profile == own);
    let ends: Option<Vec<_>> = counts
        .map(|held| held.expires_at.filter(|end| *end > now))
        .collect();
    let first = ends?.into_iter().min()?;
    Some(first.seconds_since(now))
}
