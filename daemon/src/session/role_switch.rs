//! Switching the active role.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use quilt_proto::wire::Me;
use quilt_proto::{CatalogUrl, quoted};
use tokio::sync::Mutex;
use tokio::time::{Instant, sleep_until};

use super::{Session, SessionError, Sessions};
use crate::stack::StackError;
use crate::token_store::{Document, Reservation, StoreError};

/// How long to wait for a token that has to be fetched first.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How long credentials last at least, whatever is sent through the gateway: who
/// switches roles there without end, or sends what may be a switch, leaves others
/// time to get theirs.
const PAUSE: Duration = Duration::from_secs(1);

/// The requests carried for others that may have switched the role.
#[derive(Default)]
pub(super) struct CarriedSwitches {
    answered: AtomicU64,
    told: Mutex<Told>,
}

/// Up to which of those requests everything obtained before is another role's.
#[derive(Default)]
struct Told {
    last: u64,
    at: Option<Instant>,
}

impl Sessions {
    /// Makes `role` the user's active role, for the user everywhere. Whatever
    /// was obtained before is another identity's from then on, also when the
    /// answer was lost, and when the caller hangs up meanwhile.
    pub async fn switch_role(
        self: &Arc<Self>,
        session: &Arc<Session>,
        role: String,
    ) -> Result<Me, SessionError> {
        let (sessions, session) = (Arc::clone(self), Arc::clone(session));
        let task = self.dependencies.tasks.spawn(async move {
            let before = session.identity();
            let switched = switch(&session, &role).await;
            if session.identity() != before {
                sessions.tell_siblings(&session).await;
            }
            switched
        });
        task.await.unwrap_or(Err(SessionError::Stopping))
    }

    /// Everything obtained so far is another role's, here and in other daemons
    /// on the same store: the role was switched by somebody else.
    pub async fn role_switched(&self, session: &Arc<Session>) {
        role_switched(session).await;
        self.tell_siblings(session).await;
    }

    /// A request that was carried, and answered just now, may have switched the role:
    /// once this returns, everything obtained before is another role's. Many such
    /// requests are told of together, once a second.
    pub async fn role_may_have_been_switched(&self, session: &Arc<Session>) {
        let switches = &session.carried_switches;
        let this = switches.answered.fetch_add(1, Ordering::SeqCst) + 1;
        let mut told = switches.told.lock().await;
        if told.last >= this {
            return;
        }
        if let Some(at) = told.at {
            sleep_until(at + PAUSE).await;
        }
        told.last = switches.answered.load(Ordering::SeqCst);
        self.role_switched(session).await;
        told.at = Some(Instant::now());
    }

    async fn tell_siblings(&self, session: &Session) {
        for sibling in self.siblings(session) {
            role_switched(&sibling).await;
        }
    }

    /// The other sessions at the registry of `session`: its catalog may have more
    /// than one name, and a role is switched for the user, not for a login.
    pub fn siblings(&self, session: &Session) -> Vec<Arc<Session>> {
        let is_sibling = |other: &CatalogUrl| {
            let here = session.catalog();
            other != here && self.store().have_same_registry(here, other)
        };
        let mut siblings = self.all();
        siblings.retain(|other| is_sibling(other.catalog()));
        siblings
    }
}

async fn switch(session: &Arc<Session>, role: &str) -> Result<Me, SessionError> {
    // Other daemons have to be told: without room for that, nothing is done.
    let is_login = session.state.lock().login.is_some();
    let reservation = if is_login {
        session.dependencies.store.reserve().await?
    } else {
        Reservation::default()
    };
    let stack = &session.dependencies.stack;
    let switched = session
        .authorized(TIMEOUT, true, |bearer| async move {
            bearer.at(stack).switch_role(role).await
        })
        .await;
    // Whatever else the stack says, it may have done it first.
    if let Err(SessionError::Stack(StackError::Unreachable { failure, .. })) = &switched
        && failure.is_before_request()
    {
        return switched;
    }
    let told = tell(session, reservation).await;
    let switched = switched?;
    told?;
    if switched.role.as_deref() == Some(role) {
        return Ok(switched);
    }
    let now = switched
        .role
        .as_deref()
        .map_or("none".to_owned(), |role| quoted::name(role).to_string());
    let reason = format!("it says that your role is {now}");
    Err(StackError::invalid(&session.catalog, reason).into())
}

async fn role_switched(session: &Arc<Session>) {
    if let Err(error) = tell(session, Reservation::default()).await {
        tracing::warn!("cannot note that the role was switched: {error}");
    }
}

async fn tell(session: &Arc<Session>, reservation: Reservation) -> Result<(), SessionError> {
    session.change_identity();
    let owned = Arc::clone(session);
    let telling = async move {
        let told = tell_switched(&owned, reservation).await;
        told.map_err(SessionError::HalfSwitched)
    };
    session.change(telling, SessionError::HalfSwitched).await
}

async fn tell_switched(session: &Session, reservation: Reservation) -> Result<(), StoreError> {
    let _turn = session.epochs.lock().await;
    let count = |document: &mut Document| {
        let record = document.sessions.get_mut(&session.catalog)?;
        record.role_switches += 1;
        Some((record.login_id.clone(), record.role_switches))
    };
    let store = &session.dependencies.store;
    if let Some((id, count)) = store.update(reservation, count).await?
        && let Some(login) = &mut session.state.lock().login
        && login.id == id
    {
        login.role_switches = count;
    }
    Ok(())
}
