//! How long something takes, on machines that do much else.

use std::time::{Duration, Instant};

/// How often it is tried.
const TRIES: usize = 5;

/// Does something again until it has taken less than `limit` once. That shows
/// what it takes by itself, however busy the machine is with others.
///
/// # Panics
/// When it never does.
pub async fn within<T>(limit: Duration, work: impl AsyncFn() -> T) -> T {
    let mut took = Vec::new();
    for _ in 0..TRIES {
        let begun = Instant::now();
        let done = work().await;
        took.push(begun.elapsed());
        if took.last() < Some(&limit) {
            return done;
        }
    }
    panic!("not once within {limit:?}: {took:?}");
}
