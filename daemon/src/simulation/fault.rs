//! What may go wrong between a daemon and its stacks.

use super::random::Rng;

/// What is asked of a stack, or of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Endpoint {
    Config,
    Token,
    Credentials,
    Graphql,
    Sts,
}

impl Endpoint {
    pub(super) const ALL: [Self; 5] = [
        Self::Config,
        Self::Token,
        Self::Credentials,
        Self::Graphql,
        Self::Sts,
    ];
}

/// What somebody gets in place of a plain answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing listens.
    Refused,
    /// The connection breaks before anything is done.
    Reset,
    /// A refusal or failure in the stack's voice; nothing is done.
    Json(u16),
    /// A page of somebody on the way; nothing is done.
    Page(u16),
    /// Leads elsewhere; nothing is done.
    Redirect,
    /// `200 {}`; nothing is done.
    Empty,
    /// `me: null`, which is nobody; nothing is done.
    Nobody,
    /// Done at once, and answered after so many seconds.
    Slow(u64),
    /// Done and answered after so many seconds.
    Late(u64),
    /// Never answered; nothing is done.
    Hang,
    /// Done, and the answer is lost.
    Lost,
    /// Done, and the answer breaks off in its middle.
    Broken,
    /// Done, and the answer is half a document.
    Garbled,
    /// Done; tokens of four megabytes.
    Huge,
    /// Done; what is issued is over already.
    Dead,
}

impl Fault {
    /// Those that fit few places are named more often.
    const ALL: [Self; 33] = [
        Self::Refused,
        Self::Reset,
        Self::Json(400),
        Self::Json(401),
        Self::Json(403),
        Self::Json(404),
        Self::Json(429),
        Self::Json(500),
        Self::Json(502),
        Self::Json(503),
        Self::Page(200),
        Self::Page(400),
        Self::Page(401),
        Self::Page(403),
        Self::Page(407),
        Self::Page(503),
        Self::Redirect,
        Self::Empty,
        Self::Nobody,
        Self::Slow(2),
        Self::Slow(13),
        Self::Late(4),
        Self::Hang,
        Self::Lost,
        Self::Broken,
        Self::Garbled,
        Self::Huge,
        Self::Huge,
        Self::Huge,
        Self::Huge,
        Self::Huge,
        Self::Huge,
        Self::Dead,
    ];

    pub(super) fn any(rng: &mut Rng) -> Self {
        rng.pick(&Self::ALL)
    }

    /// Whether what was asked for is done all the same.
    pub(super) fn is_done(self) -> bool {
        matches!(
            self,
            Self::Slow(_)
                | Self::Late(_)
                | Self::Lost
                | Self::Broken
                | Self::Garbled
                | Self::Huge
                | Self::Dead
        )
    }
}

/// A fault at a place, for a while, which strikes some of the requests.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trouble {
    pub(super) site: usize,
    pub(super) at: Endpoint,
    pub(super) fault: Fault,
    pub(super) percent: u64,
    /// By the true time, in seconds.
    pub(super) until: i64,
}
