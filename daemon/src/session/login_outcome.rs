//! Who a login or a key turned out to be, and who was there before.

use std::time::Duration;

use quilt_proto::Secret;
use quilt_proto::wire::Me;

use super::known_user::{self, bounded};
use super::session::Holder;
use super::{Session, TrustedRegistry};
use crate::stack::StackConfig;

/// How long a login or key waits for the stack to say whose it is. It stands
/// without.
pub const WHOSE_TIMEOUT: Duration = Duration::from_secs(8);

/// Why it was not waited for longer.
pub const SLOW: &str = "the stack takes too long to answer";

/// A login or key that was taken up.
#[derive(Clone, Debug)]
pub struct LoginOutcome {
    /// Whose it is, or why the stack could not be asked.
    pub me: Result<Me, String>,
    /// Who was there before, if that was, or may have been, somebody else.
    pub previous: Option<String>,
    /// What the catalog said of itself, where it was asked.
    pub published: Option<StackConfig>,
    /// It is an API key.
    pub is_key: bool,
    /// Whose requests there were then.
    pub(super) holder: Holder,
}

impl LoginOutcome {
    /// Asks the stack whose a login is that was just taken up.
    pub(super) async fn of_login(
        session: &Session,
        login_id: String,
        trusted: &TrustedRegistry,
        token: &Secret,
        so_far: Option<String>,
    ) -> Self {
        let holder = session.holder();
        let stack = &session.dependencies.stack;
        let asked = stack.registry(trusted.registry(), token).me();
        let me = match tokio::time::timeout(WHOSE_TIMEOUT, asked).await {
            Ok(me) => me.map_err(|error| error.to_string()),
            Err(_) => Err(SLOW.to_owned()),
        };
        if let Ok(me) = &me {
            known_user::remember_owner(session, login_id, me);
        }
        Self {
            holder,
            previous: Self::other_than(&me, so_far),
            me,
            published: Some(trusted.published().clone()),
            is_key: false,
        }
    }

    /// The same for a key of which the stack has said whose it is, or not.
    pub fn of_key(
        session: &Session,
        me: Result<Me, String>,
        so_far: Option<String>,
        trusted: Option<&TrustedRegistry>,
    ) -> Self {
        if let Ok(me) = &me {
            known_user::remember_key_owner(session, me);
        }
        Self {
            holder: session.holder(),
            previous: Self::other_than(&me, so_far),
            me,
            published: trusted.map(|trusted| trusted.published().clone()),
            is_key: true,
        }
    }

    /// Whether it is still this login or key by which requests are made.
    pub fn is_current(&self, session: &Session) -> bool {
        let is_under_key = session.api_key().is_set() && !self.is_key;
        !is_under_key && self.holder == session.holder()
    }

    /// A user's name, as it is remembered.
    pub fn name(me: &Me) -> String {
        bounded(&me.name)
    }

    /// Who it was so far, if that was, or may have been, somebody else.
    fn other_than(me: &Result<Me, String>, so_far: Option<String>) -> Option<String> {
        let name = me.as_ref().ok().map(Self::name);
        so_far.filter(|so_far| name.as_ref() != Some(so_far))
    }
}
