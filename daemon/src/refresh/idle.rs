//! Values that nobody asks for: they are left to expire, until somebody does.

use super::Source;
use super::state::State;
use crate::clock::Moment;

impl<S: Source> State<S> {
    /// Somebody asks; answers whether nobody had for long.
    pub(super) fn ask(&mut self, now: Moment) -> bool {
        self.last_asked = Some(now);
        std::mem::take(&mut self.is_idle)
    }

    /// Whether nobody has asked for as long as what is held lives.
    fn is_unasked(&self, now: Moment) -> bool {
        let life = self.cached.as_ref().map(|cached| cached.lifetime);
        match (self.last_asked, life) {
            (Some(last_asked), Some(life)) => last_asked.after(life).reached(now),
            _ => false,
        }
    }

    /// Has nothing fetched any more where nobody has asked and nothing that could is
    /// about; whether that is so.
    pub(super) fn leave_if_unused(&mut self, source: &S, now: Moment) -> bool {
        self.is_idle = self.is_unasked(now) && !source.is_in_use();
        self.is_idle
    }
}
