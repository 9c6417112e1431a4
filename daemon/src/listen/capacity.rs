//! How many connections a listener may hold, from how many descriptors the
//! process may have.

use rustix::process::{Resource, getrlimit};

/// Slots of a listener where descriptors are plenty.
const MOST: usize = 512;

/// The fewest slots there are, however few descriptors.
const LEAST: usize = 4;

/// Connections of a listener that wait for a slot, where descriptors are plenty.
const MOST_WAITING: usize = 12 * 1024;

/// Listeners that can be there at once: the control socket, the endpoint for
/// programs under `exec`, and the gateway.
const LISTENERS: usize = 3;

/// Slots for each listener under the limit on descriptors in force.
pub(crate) fn slots() -> usize {
    slots_within(descriptors())
}

/// Connections that may wait for a slot of each listener.
pub(crate) fn waiting() -> usize {
    waiting_within(descriptors())
}

fn descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    })
}

/// Leaves room for what is open anyway, connections to stacks and AWS, files
/// and what is read from `/proc`, and for connections on their way out.
fn slots_within(descriptors: usize) -> usize {
    let each = descriptors.saturating_sub(others(descriptors)) / LISTENERS;
    // Who comes next needs a place to be heard in, too.
    let for_waiting = (each / 4).max((each / 2).min(8));
    (each - for_waiting).clamp(LEAST, MOST)
}

fn others(descriptors: usize) -> usize {
    (descriptors / 8).clamp(32, 128)
}

/// Connections on their way out where all of so many slots are given anew.
pub(super) fn leeway(slots: usize) -> usize {
    (slots / 8).clamp(1, 64)
}

fn waiting_within(descriptors: usize) -> usize {
    let each = descriptors.saturating_sub(others(descriptors)) / LISTENERS;
    let slots = slots_within(descriptors);
    each.saturating_sub(slots + leeway(slots))
        .clamp(1, MOST_WAITING)
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
            let held = LISTENERS * (slots + leeway(slots) + waiting_within(descriptors));
            assert!(held + 24 <= descriptors, "{slots} of {descriptors}");
        }
        assert_eq!(slots_within(0), LEAST);
        assert_eq!(waiting_within(usize::MAX), MOST_WAITING);
    }
}
