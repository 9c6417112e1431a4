//! Taking over a login that quilt3 made itself: only where that is asked for.

use std::sync::Arc;

use quilt_proto::wire::{SessionState, TokenKind};

use super::GatewayError;
use crate::quilt3::SdkFiles;
use crate::session::{self, LoginOutcome, Session, TrustedRegistry};

/// How a login of the SDK's was taken over.
#[derive(Debug)]
pub enum Imported {
    /// By this request.
    Now(Box<LoginOutcome>),
    /// By an earlier one.
    Before,
}

/// Makes a login of the SDK's own the session's, unless that has one; ends
/// what was begun by a daemon that was killed, asked for or not.
pub(super) async fn import_login(
    sdk_files: &SdkFiles,
    session: &Arc<Session>,
    trusted: &TrustedRegistry,
    import: bool,
) -> Result<Option<Imported>, GatewayError> {
    let registry = trusted.registry();
    let status = session.status();
    let is_active =
        status.state == SessionState::Active && status.kind == Some(TokenKind::Interactive);
    if !import && !is_active {
        return Ok(None);
    }
    let own = sdk_files.own_login(registry)?;
    if is_active {
        let is_begun = own.is_some_and(|own| sdk_files.is_importing(&own));
        if is_begun {
            sdk_files.forget_own_login(registry)?;
        }
        return Ok(is_begun.then_some(Imported::Before));
    }
    let Some(refresh_token) = own else {
        return Err(GatewayError::NoOwnLogin(registry.clone()));
    };
    sdk_files.begin_import(&refresh_token)?;
    // A code and a refresh token are the same thing to a stack.
    let taken = session::login::with_code_at(session, trusted.clone(), &refresh_token).await;
    if taken.is_err() {
        sdk_files.give_up_import()?;
    }
    let outcome = taken.map_err(|source| GatewayError::NotTakenOver {
        catalog: session.catalog().clone(),
        source,
    })?;
    // It has been rotated: what the SDK holds is worth nothing any more.
    sdk_files.forget_own_login(registry)?;
    Ok(Some(Imported::Now(Box::new(outcome))))
}
