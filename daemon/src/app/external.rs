//! What the daemon does not do itself: time, and the network. A test may put
//! its own in their place.

use std::sync::Arc;

use crate::aws::Aws;
use crate::clock::{SharedClock, SystemClock};
use crate::stack::StackClient;
#[cfg(test)]
use crate::{aws::Calls, stack::Wire};

/// The machine's own, unless said otherwise.
pub(crate) struct External {
    pub(crate) clock: SharedClock,
    #[cfg(test)]
    pub(crate) wire: Option<Arc<dyn Wire>>,
    #[cfg(test)]
    pub(crate) calls: Option<Calls>,
}

impl Default for External {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::default()),
            #[cfg(test)]
            wire: None,
            #[cfg(test)]
            calls: None,
        }
    }
}

#[cfg(not(test))]
#[expect(clippy::unused_self, reason = "a test has something else there")]
impl External {
    pub(super) fn stack(&self, stack: StackClient) -> StackClient {
        stack
    }

    pub(super) fn aws(&self, aws: Aws) -> Aws {
        aws
    }
}

#[cfg(test)]
impl External {
    pub(super) fn stack(&self, stack: StackClient) -> StackClient {
        match &self.wire {
            Some(wire) => stack.over(Arc::clone(wire)),
            None => stack,
        }
    }

    pub(super) fn aws(&self, aws: Aws) -> Aws {
        match &self.calls {
            Some(calls) => aws.over(calls.clone()),
            None => aws,
        }
    }
}
