//! The place of a session's API key, which is empty or holds one over the login.
//! What it holds is in `key_in_use.rs`, what that changes for requests in
//! `api_key.rs`; who sets and drops it, in `keys/set_key.rs`.

use parking_lot::Mutex;
use quilt_proto::wire::{ApiKey, SessionStatus};
use quilt_proto::{ApiKeySecret, RegistryUrl, Secret};
use tokio::sync::watch;

use super::Identity;
use super::identity::Announcer;
use super::key_in_use::{KeyInUse, KeyInfo, Rotation, UntrustedRegistry};
use super::key_origin::{KeyMark, KeyOrigin};
use crate::clock::{Deadline, Moment};

/// The most successors that wait to be kept: each of another key.
const MOST_ROTATIONS: usize = 16;

/// A key in use, told from those before and after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeySerial(u64);

/// The place of a session's API key.
pub struct ApiKeySlot {
    state: Mutex<State>,
    serial: watch::Sender<u64>,
    identity: Announcer,
}

#[derive(Default)]
struct State {
    key: Option<KeyInUse>,
    /// Keys' successors that are not known to be kept yet.
    rotations: Vec<Rotation>,
    /// Successors that came to nothing, and could not be revoked.
    left_behind: Vec<ApiKey>,
}

/// A key as it may be used now.
pub(super) enum KeyState {
    /// There is none.
    None,
    /// The stack refuses it.
    Refused(KeyMark),
    /// It goes to this registry.
    At(RegistryUrl, Secret, Identity),
    /// It has not succeeded anywhere yet.
    NoRegistryYet(KeySerial),
}

impl ApiKeySlot {
    pub(super) fn new(identity: Announcer) -> Self {
        Self {
            state: Mutex::default(),
            serial: watch::Sender::default(),
            identity,
        }
    }

    /// Which key is in use, whether or not it works.
    pub fn serial(&self) -> KeySerial {
        KeySerial(*self.serial.borrow())
    }

    fn changed(&self) {
        self.serial.send_modify(|serial| *serial += 1);
        self.identity.change();
    }

    /// Whether there is a key.
    pub fn is_set(&self) -> bool {
        self.state.lock().key.is_some()
    }

    /// Uses a key, unless `is_over` says that it comes too late.
    pub(super) fn set(
        &self,
        secret: &ApiKeySecret,
        registry: Option<RegistryUrl>,
        info: KeyInfo,
        now: Moment,
        is_over: impl FnOnce() -> bool,
    ) -> bool {
        let mut state = self.state.lock();
        // Looked at under the lock: who ends this takes the key out afterwards.
        if is_over() {
            return false;
        }
        state.key = Some(KeyInUse::new(secret, registry, info, now));
        state.rotations.clear();
        self.changed();
        true
    }

    /// Drops the key; answers whether there was one.
    pub(super) fn clear(&self) -> bool {
        let mut state = self.state.lock();
        state.rotations.clear();
        let had = state.key.take().is_some();
        if had {
            self.changed();
        }
        had
    }

    /// A copy of the key, refused or not.
    pub fn secret(&self) -> Option<Secret> {
        self.state.lock().key.as_ref().map(KeyInUse::copy)
    }

    /// The next daemon reads the key again where this one did at its start.
    pub fn set_origin(&self, origin: KeyOrigin) {
        if let Some(key) = &mut self.state.lock().key {
            key.origin = Some(origin);
        }
    }

    /// What tells the key from others.
    pub fn mark(&self) -> Option<KeyMark> {
        self.state.lock().key.as_ref().map(KeyInUse::mark)
    }

    /// The key that would be lost with this daemon, and where it is sent, if
    /// that is settled.
    pub fn to_hand_over(&self) -> Option<(Secret, Option<RegistryUrl>)> {
        let state = self.state.lock();
        let key = state.key.as_ref().filter(|key| key.origin.is_none())?;
        Some((key.copy(), key.registry.clone()))
    }

    /// Where the key has succeeded, with a copy of it.
    pub fn settled(&self) -> Option<(RegistryUrl, Secret)> {
        let state = self.state.lock();
        let key = state.key.as_ref()?;
        Some((key.registry.clone()?, key.copy()))
    }

    /// Where the key is sent, if that is settled.
    pub(super) fn registry(&self) -> Option<RegistryUrl> {
        self.state.lock().key.as_ref()?.registry.clone()
    }

    /// Why the key is sent nowhere, if it is not.
    pub fn untrusted_registry(&self) -> Option<UntrustedRegistry> {
        self.state.lock().key.as_ref()?.untrusted_registry.clone()
    }

    /// What the stack said of the key.
    pub fn info(&self) -> Option<KeyInfo> {
        self.state.lock().key.as_ref().map(|key| key.info.clone())
    }

    /// Keeps what the stack says of a key, if it still is the one in use.
    pub fn set_info(&self, secret: &Secret, info: KeyInfo) {
        if let Some(key) = self.state.lock().key.as_mut().filter(|key| key.is(secret)) {
            key.info = info;
        }
        self.identity.events().changes.announce();
    }

    /// Keeps a key's successor until it is known to be kept, and uses it from
    /// now on where `old` is the key in use. Answers whether it does. Nothing
    /// is kept where `is_over` says that it comes too late.
    pub(super) fn succeed(
        &self,
        old: Option<&Secret>,
        new: &ApiKeySecret,
        rotation: Rotation,
        now: Moment,
        is_over: impl FnOnce() -> bool,
    ) -> bool {
        let mut state = self.state.lock();
        if is_over() {
            return false;
        }
        let replaced = old.and_then(|old| state.key.take_if(|key| key.is(old)));
        let in_use = replaced.is_some();
        if let Some(old) = replaced {
            let info = KeyInfo {
                record: Some(rotation.new.clone()),
                me: old.info.me,
                ..KeyInfo::default()
            };
            // Where the old one is, the new one was made.
            state.key = Some(KeyInUse::new(new, old.registry, info, now));
            self.changed();
        }
        // One a key: what became of an older one of it, the stack remembers.
        let old = &rotation.old.id;
        state.rotations.retain(|known| known.old.id != *old);
        if state.rotations.len() == MOST_ROTATIONS {
            state.rotations.remove(0);
        }
        state.rotations.push(Rotation { in_use, ..rotation });
        in_use
    }

    /// The first that is found among rotations whose successors are not known to
    /// be kept, the newest first.
    pub fn rotation<T>(&self, find: impl FnMut(&Rotation) -> Option<T>) -> Option<T> {
        self.state.lock().rotations.iter().rev().find_map(find)
    }

    /// A successor came to nothing, and could not be revoked.
    pub fn leave(&self, key: ApiKey) {
        let mut state = self.state.lock();
        if state.left_behind.len() == MOST_ROTATIONS {
            state.left_behind.remove(0);
        }
        state.left_behind.push(key);
        drop(state);
        self.identity.events().changes.announce();
    }

    /// Forgets them: whoever made them is not logged in any more.
    pub(super) fn forget_rotations(&self) {
        let mut state = self.state.lock();
        state.rotations.clear();
        state.left_behind.clear();
    }

    /// The keys that rotations have left.
    pub fn unfinished(&self) -> Vec<ApiKey> {
        let state = self.state.lock();
        let replaced = state.rotations.iter().map(|rotation| &rotation.old);
        replaced.chain(&state.left_behind).cloned().collect()
    }

    /// Whether there is no key, and nothing to be told of one.
    pub(super) fn is_unused(&self) -> bool {
        let state = self.state.lock();
        state.key.is_none() && state.rotations.is_empty() && state.left_behind.is_empty()
    }

    /// A key of this id is gone, which settles a rotation it had part in.
    pub fn settle(&self, id: &str) {
        let mut state = self.state.lock();
        let has_part = |rotation: &Rotation| rotation.old.id == id || rotation.new.id == id;
        state.rotations.retain(|rotation| !has_part(rotation));
        state.left_behind.retain(|key| key.id != id);
        if let Some(key) = &mut state.key {
            key.info.same_name.retain(|twin| twin.id != id);
        }
    }

    /// The key as anybody may use it now. While the stack refuses it, it is
    /// sent nowhere on anybody's account.
    pub(super) fn usable(&self) -> KeyState {
        let state = self.state.lock();
        match &state.key {
            None => KeyState::None,
            Some(key) if key.is_refused() => KeyState::Refused(key.mark()),
            Some(key) => match &key.registry {
                Some(registry) => {
                    KeyState::At(registry.clone(), key.copy(), self.identity.current())
                }
                None => KeyState::NoRegistryYet(self.serial()),
            },
        }
    }

    /// The same once its registry is known, or why it is not.
    pub(super) fn usable_at(
        &self,
        serial: KeySerial,
        registry: &Result<RegistryUrl, super::SessionError>,
    ) -> Option<(Secret, Identity)> {
        let mut state = self.state.lock();
        // It has to be the same key still.
        if self.serial() != serial {
            return None;
        }
        let key = state.key.as_mut()?;
        key.untrusted_registry = registry
            .as_ref()
            .err()
            .and_then(UntrustedRegistry::because_of);
        Some((key.copy(), self.identity.current()))
    }

    /// Whether it is not settled yet where this key is sent.
    pub(super) fn is_unsettled(&self, secret: &Secret) -> bool {
        let state = self.state.lock();
        let key = state.key.as_ref().filter(|key| key.is(secret));
        key.is_some_and(|key| key.registry.is_none())
    }

    /// The stack accepted the key at this registry. Answers whether that
    /// settles where it is sent.
    pub(super) fn accepted(&self, secret: &Secret, registry: &RegistryUrl) -> bool {
        let mut state = self.state.lock();
        let Some(key) = state.key.as_mut().filter(|key| key.is(secret)) else {
            return false;
        };
        let is_news = key.accepted();
        let settles = key.registry.is_none();
        if settles {
            key.registry = Some(registry.clone());
        }
        drop(state);
        if is_news {
            self.serial.send_modify(|_| {});
            self.identity.announce();
        }
        settles
    }

    /// The stack refused the key, twice.
    pub(super) fn set_refused(&self, secret: &Secret, now: Moment) {
        if let Some(key) = self.state.lock().key.as_mut().filter(|key| key.is(secret)) {
            key.recheck.refused(now);
        }
        self.serial.send_modify(|_| {});
        self.identity.events().changes.announce();
    }

    /// The stack could not be asked about the key.
    pub fn unanswered(&self, serial: KeySerial, now: Moment, retry_after: Option<u32>) {
        if self.serial() == serial
            && let Some(key) = &mut self.state.lock().key
        {
            key.recheck.unanswered(now, retry_after);
        }
    }

    /// When the stack is to be asked about the key again, without anybody's
    /// doing; returns nothing once this key is not in use any more.
    pub async fn next_check(&self, serial: KeySerial) -> Option<Deadline> {
        let mut serials = self.serial.subscribe();
        loop {
            if *serials.borrow_and_update() != serial.0 {
                return None;
            }
            if let Some(due) = self.state.lock().key.as_ref()?.recheck.due() {
                return Some(due);
            }
            serials.changed().await.ok()?;
        }
    }

    pub(super) fn status(&self, refused: impl FnOnce(KeyMark) -> String) -> Option<SessionStatus> {
        let state = self.state.lock();
        let key = state.key.as_ref()?;
        Some(key.status(|| refused(key.mark())))
    }
}
