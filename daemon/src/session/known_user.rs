//! Whose a session is, as the stack said last: here, and in the notes that a
//! restart finds.

use std::time::Duration;

use quilt_proto::ApiKeySecret;
use quilt_proto::wire::{Me, SessionUser};

use super::{LoginOutcome, Session};
use crate::token_store::{CatalogFact, KeptUser, KnownCatalog, LoginOwner};

/// The longest name that is remembered, in characters.
const MAX_NAME: usize = 200;

/// How long the stack may take to say whose a login is, where it did not before.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Who this session is, or may be, or where nobody is logged in, who was last.
pub async fn last(session: &Session) -> Option<String> {
    match owner(session).await {
        Some(owner) => Some(owner),
        None => known(session).await?.last_user,
    }
}

/// Who this session is: the stack said so when the key was set, or the login made.
pub async fn owner(session: &Session) -> Option<String> {
    if let Some(info) = session.api_key().info() {
        return info.me.as_ref().map(LoginOutcome::name);
    }
    let owner = known(session).await?.login_owner?;
    let is_of_login = session.login_id().as_ref() == Some(&owner.login_id);
    is_of_login.then_some(owner.name)
}

/// The same; the stack is asked where it did not say so.
pub async fn asked_owner(session: &Session) -> Option<String> {
    if let Some(owner) = owner(session).await {
        return Some(owner);
    }
    let holder = session.holder();
    let asked = tokio::time::timeout(TIMEOUT, session.me(TIMEOUT));
    let me = asked.await.ok()?.ok()?;
    if session.holder() != holder {
        return None;
    }
    remember_login(session, &me).await;
    Some(LoginOutcome::name(&me))
}

async fn known(session: &Session) -> Option<KnownCatalog> {
    let store = &session.dependencies.store;
    store.known_catalog(&session.catalog).await.ok()
}

/// Remembers whose the login is, as the stack has just said, where it was not
/// known yet. What it says later of a login that is known is shown, and decides
/// nothing: by whose the login is, tokens and keys of others are told.
pub async fn remember_login(session: &Session, me: &Me) {
    if session.api_key().is_set() || owner(session).await.is_some() {
        return;
    }
    if let Some(login_id) = session.login_id() {
        remember_owner(session, login_id, me);
    }
}

/// Remembers whose the login of a number is, unless it is another one by now.
pub(super) fn remember_owner(session: &Session, login_id: String, me: &Me) {
    if session.login_id().as_ref() != Some(&login_id) {
        return;
    }
    let name = LoginOutcome::name(me);
    session.registry_trust().learn(vec![
        CatalogFact::LastUser(name.clone()),
        CatalogFact::LoginOwner(LoginOwner { login_id, name }),
    ]);
}

/// Remembers whose the login of a number was as the last that was there: a key may
/// have been in use over it, and dropped.
pub(super) async fn remember_last(session: &Session, login_id: &str) {
    let owner = known(session).await.and_then(|known| known.login_owner);
    if let Some(owner) = owner.filter(|owner| owner.login_id == login_id) {
        let fact = CatalogFact::LastUser(owner.name);
        session.registry_trust().learn(vec![fact]);
    }
}

/// Remembers whose a key is.
pub(super) fn remember_key_owner(session: &Session, me: &Me) {
    let fact = CatalogFact::LastUser(LoginOutcome::name(me));
    session.registry_trust().learn(vec![fact]);
}

/// Keeps whose this session is, as the stack has just said, for the next
/// daemon; forgets it where nobody is known. Nobody waits for the disk.
pub fn keep(session: &Session, user: Option<SessionUser>) {
    let kept = user.zip(fingerprint(session)).map(|(mut user, session)| {
        user.name = bounded(&user.name);
        user.role = user.role.as_deref().map(bounded);
        KeptUser { session, user }
    });
    {
        let mut state = session.state.lock();
        let is_news = |before: &KeptUser| {
            let seen_at = before.user.seen_at;
            kept.clone().is_none_or(|mut kept| {
                kept.user.seen_at = seen_at;
                kept != *before
            })
        };
        // When it was said again is not worth a write each time.
        if !state.user.as_ref().map_or(kept.is_some(), is_news) {
            return;
        }
        state.user.clone_from(&kept);
    }
    session
        .registry_trust()
        .learn(vec![CatalogFact::User(kept)]);
}

/// Whose this session was when the stack last said so, where it is the same
/// one since.
pub fn kept(session: &Session) -> Option<SessionUser> {
    let now = fingerprint(session)?;
    let kept = session.state.lock().user.clone()?;
    (kept.session == now).then_some(kept.user)
}

/// Whether the stack, which says who this is, said another role the last time:
/// it was switched elsewhere, as on the catalog's page.
pub fn has_other_role(session: &Session, me: &Me) -> bool {
    let before = kept(session).and_then(|user| user.role);
    let now = me.role.as_deref().map(bounded);
    before.is_some() && now.is_some() && before != now
}

/// Tells this session from those of others, also after a restart: the key by
/// what the stack shows of it, the login by its number and how often its
/// role was switched.
fn fingerprint(session: &Session) -> Option<String> {
    if let Some(secret) = session.api_key.secret() {
        let key: ApiKeySecret = secret.expose().parse().ok()?;
        return Some(key.fingerprint());
    }
    let state = session.state.lock();
    let login = state.login.as_ref()?;
    Some(format!("{} {}", login.id, login.role_switches))
}

pub(super) fn bounded(name: &str) -> String {
    let shown = name.chars().filter(|c| !c.is_control());
    shown.take(MAX_NAME).collect()
}
