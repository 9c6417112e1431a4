//! How many connections a listener may hold, from how many descriptors the
//! process may have.

use rustix::process::{Resource, getrlimit};

/// Slots of a listener where descriptors are plenty.
const MOST: usize = 512;

/// The fewest slots there are, however few descriptors.
const LEAST: usize = 4;

/// Listeners that can be there at once: the control socket, the endpoint for
/// programs under `exec`, and the gateway.
const LISTENERS: usize = 3;

/// Slots for each listener under the limit on descriptors in force.
pub(crate) fn slots() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    slots_within(limit)
}

/// Leaves room for what is open anyway, connections to stacks and AWS, files
/// and what is read from `/proc`, and for connections on their way out.
fn slots_within(descriptors: usize) -> usize {
    let others = (descriptors / 8).clamp(32, 128);
    let each = descriptors.saturating_sub(others) / LISTENERS;
    (each - each / 8).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_listeners_and_everything_else_fit() {
        assert_eq!(slots_within(usize::MAX), MOST);
        assert_eq!(slots_within(4096), MOST);
        for descriptors in 64..4096 {
            let slots = slots_within(descriptors);
            let on_their_way_out = (slots / 8).clamp(1, 64);
            let held = LISTENERS * (slots + on_their_way_out);
            assert!(held + 24 <= descriptors, "{slots} of {descriptors}");
        }
        assert_eq!(slots_within(0), LEAST);
    }
}
