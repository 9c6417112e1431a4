//! Replacing a key by another, safe to interrupt anywhere.
//!
//! The order is what makes it safe: make the successor, see that it works, use
//! it here, hand it to whoever asked; only they revoke the old key, once the
//! successor's secret is kept. Until then both work, so whoever is killed at
//! whatever step leaves a key that works and whose secret somebody has: the
//! old one in the user's keeping, and the daemon's, until the new one is.
//!
//! A secret may not touch a disk, so a killed daemon forgets the rotation. The
//! stack remembers: two active keys of one name are what an interrupted
//! rotation leaves, which lists and status report, and which the next rotation
//! refuses to add to. While the daemon lives, asking again gives the same
//! successor again.

use std::sync::Arc;
use std::time::Duration;

use quilt_proto::time::DAY;
use quilt_proto::wire::{
    ApiKey, ApiKeyFilter, ApiKeyRotation, ApiKeyStatus, CreatedApiKey, KEY_LIFETIME_DAYS,
    NewApiKey, RotatedApiKey,
};
use quilt_proto::{ApiKeyId, ApiKeySecret, Quoted, RegistryUrl, Secret};

use super::key_recheck_task;
use super::user_keys::{checked, no_key, others_key};
use super::{KeyError, KeySelector, Keys, TIMEOUT};
use crate::raw::Locked;
use crate::session::{self, KeyOrigin, LoginOutcome, Rotation, Session, SessionError};
use crate::stack::{Scope, StackError};

/// How often a new key is tried before it is given up; a replica may not know
/// it yet.
const TRIES: u32 = 3;

/// Between these tries.
const BETWEEN_TRIES: Duration = Duration::from_millis(700);

/// Makes a successor. Runs in a task of its own: a caller that hangs up
/// must not leave a key behind that nobody knows.
pub async fn rotate(
    keys: &Arc<Keys>,
    session: &Arc<Session>,
    request: ApiKeyRotation,
) -> Result<RotatedApiKey, KeyError> {
    let (own_keys, session) = (Arc::clone(keys), Arc::clone(session));
    let task = keys
        .tasks
        .spawn(async move { succeed(&own_keys, &session, request).await });
    task.await
        .unwrap_or(Err(KeyError::Session(SessionError::Stopping)))
}

async fn succeed(
    keys: &Arc<Keys>,
    session: &Arc<Session>,
    request: ApiKeyRotation,
) -> Result<RotatedApiKey, KeyError> {
    let (epoch, holder) = (session.epoch(), session.holder());
    let owner = session::known_user::owner(session).await;
    let _turn = keys.rotating.lock().await;
    let id: Option<ApiKeyId> = request.id.as_deref().map(str::parse).transpose()?;
    if let Some(under_way) = resumed(session, id.as_ref()) {
        return Ok(under_way);
    }
    let owner = match owner {
        Some(owner) => owner,
        None => LoginOutcome::name(&session.me(TIMEOUT).await?),
    };
    let current = keys.identify(session).await?;
    let old = match (&id, &current) {
        (Some(id), _) => keys.key(session, Scope::Own, id).await?,
        (None, Some((_, current))) => current.clone(),
        (None, None) if session.api_key().is_set() => return Err(KeyError::Unidentified),
        (None, None) => return Err(KeyError::NoKey(session.catalog().clone())),
    };
    refuse_same_name(keys, session, &old).await?;
    let new = checked(&NewApiKey {
        name: old.name.clone(),
        expires_in_days: request.expires_in_days.unwrap_or_else(|| lifetime(&old)),
    })?;
    let (made, registry) = keys.make(session, &new).await?;
    let CreatedApiKey { api_key, secret } = made;
    let parsed = secret.expose().parse::<ApiKeySecret>();
    let works = match parsed.clone() {
        Ok(parsed) => try_out(keys, &registry, parsed, &owner).await,
        Err(_) => Err(no_key(&registry)),
    };
    keys.stack.forget_connections();
    let works = match works {
        Ok(works) if session.holder() == holder => works,
        outcome => {
            let cause = match outcome {
                Ok(_) => KeyError::Meanwhile(session.catalog().clone()),
                Err(error) => KeyError::Useless(error),
            };
            let error = take_back(keys, session, &api_key, parsed.ok(), cause).await;
            if matches!(error, KeyError::LeftBehind { .. }) {
                session.api_key().leave(api_key);
            }
            return Err(error);
        }
    };
    let rotation = Rotation {
        old: old.clone(),
        new: api_key.clone(),
        secret: Locked::new(&secret),
        in_use: false,
        origin: session.api_key().mark().and_then(|mark| mark.origin),
    };
    let origin = rotation.origin.clone();
    let replaced = current
        .filter(|(_, record)| record.id == old.id)
        .map(|(secret, _)| secret);
    let in_use = session.succeed(epoch, replaced.as_ref(), &works, rotation);
    // It was tried here.
    session.remember_key(works.secret());
    if in_use {
        key_recheck_task::start(keys, session);
    }
    Ok(rotated(old, api_key, secret, in_use, origin.as_ref()))
}

/// An earlier rotation that nobody finished must be finished first.
async fn refuse_same_name(keys: &Keys, session: &Session, old: &ApiKey) -> Result<(), KeyError> {
    let filter = ApiKeyFilter {
        name: Some(old.name.clone()),
        status: Some(ApiKeyStatus::Active),
        ..ApiKeyFilter::default()
    };
    let now = keys.clock.now().wall;
    let mut ids: Vec<String> = keys
        .list(session, Scope::Own, &filter)
        .await?
        .into_iter()
        .filter(|key| key.is_left_beside(old, now))
        .map(|key| key.id)
        .collect();
    ids.truncate(5);
    if ids.is_empty() {
        return Ok(());
    }
    let name = Quoted::new(&old.name);
    Err(KeyError::SameName { name, ids })
}

/// The key, once the stack has accepted it as one of the same user's.
async fn try_out(
    keys: &Keys,
    registry: &RegistryUrl,
    key: ApiKeySecret,
    owner: &str,
) -> Result<ApiKeySecret, StackError> {
    let mut tries = 1;
    let me = loop {
        match keys.stack.registry(registry, key.secret()).me().await {
            Ok(me) => break me,
            Err(StackError::Unauthorized { .. } | StackError::Unreachable { .. })
                if tries < TRIES => {}
            Err(error) => return Err(error),
        }
        tries += 1;
        tokio::time::sleep(BETWEEN_TRIES).await;
    };
    if LoginOutcome::name(&me) != owner {
        return Err(others_key(registry, &me));
    }
    Ok(key)
}

/// Revokes a key that came to nothing because of `cause`, by itself if its
/// secret is one: somebody else may be logged in by now. Answers with what
/// there is to say then.
pub(super) async fn take_back(
    keys: &Keys,
    session: &Session,
    key: &ApiKey,
    secret: Option<ApiKeySecret>,
    cause: KeyError,
) -> KeyError {
    let which = match secret {
        Some(secret) => Ok(KeySelector::Secret(secret)),
        None => key.id.parse().map(KeySelector::Id),
    };
    let revoked = match which {
        Ok(which) => keys.revoke(session, &which).await,
        Err(error) => Err(error.into()),
    };
    match revoked {
        Ok(()) | Err(KeyError::NotFound) => cause,
        Err(error) => {
            tracing::warn!("an API key that is of no use is left behind: {error}");
            let cause = match cause {
                KeyError::Useless(error) => error.into(),
                cause => cause,
            };
            KeyError::LeftBehind {
                cause: Box::new(cause),
                id: key.id.clone(),
                name: Quoted::new(&key.name),
            }
        }
    }
}

/// What whoever asked for a rotation gets. Where the key in use is the one that
/// was replaced, the next start reads the old one again.
fn rotated(
    old: ApiKey,
    new: ApiKey,
    secret: Secret,
    in_use: bool,
    origin: Option<&KeyOrigin>,
) -> RotatedApiKey {
    let origin = origin.filter(|_| in_use);
    RotatedApiKey {
        api_key: new,
        secret,
        replaces: old,
        in_use,
        read_from: origin.map(ToString::to_string),
        replace_there: origin.and_then(KeyOrigin::replace_key),
    }
}

/// The successor that was made before and is not known to be kept.
fn resumed(session: &Session, wanted: Option<&ApiKeyId>) -> Option<RotatedApiKey> {
    let answer = |rotation: &Rotation| {
        let same = match wanted {
            None => rotation.in_use,
            Some(id) => [&rotation.old.id, &rotation.new.id].contains(&&id.to_string()),
        };
        same.then(|| {
            let (old, new) = (rotation.old.clone(), rotation.new.clone());
            let (secret, origin) = (rotation.secret.copy(), rotation.origin.as_ref());
            rotated(old, new, secret, rotation.in_use, origin)
        })
    };
    session.api_key().rotation(answer)
}

/// The life a key was made for, in days.
fn lifetime(key: &ApiKey) -> i64 {
    let seconds = key.expires_at.seconds_since(key.created_at);
    let days = (seconds + DAY / 2) / DAY;
    days.clamp(*KEY_LIFETIME_DAYS.start(), *KEY_LIFETIME_DAYS.end())
}
