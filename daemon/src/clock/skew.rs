//! A clock of this machine that is wrong, as what arrives shows.

use quilt_proto::Timestamp;

/// What arrived is over already, which only a wrong clock explains.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} expired at {expired_at}, but this machine's clock says {now}: the clock is wrong")]
pub struct ClockSkew {
    what: &'static str,
    expired_at: Timestamp,
    now: Timestamp,
}

impl ClockSkew {
    /// Passes what expires later than `now`, the wall's time before it was kept.
    pub fn check(what: &'static str, expires_at: Timestamp, now: Timestamp) -> Result<(), Self> {
        if expires_at > now {
            return Ok(());
        }
        Err(Self {
            what,
            expired_at: expires_at,
            now,
        })
    }
}
