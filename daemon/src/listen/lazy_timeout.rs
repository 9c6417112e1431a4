//! A limit to waiting that costs nothing where nothing is waited for.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

/// The time is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TimedOut;

/// As [`tokio::time::timeout`], but the timer is made only once there is
/// something to wait for.
///
/// The future is polled once each time the task is: whoever yields in it lets
/// others go first.
pub(super) async fn within<F: Future>(
    time: Duration,
    mut future: Pin<&mut F>,
) -> Result<F::Output, TimedOut> {
    let mut timer = None;
    poll_fn(|context| {
        if let Poll::Ready(output) = future.as_mut().poll(context) {
            return Poll::Ready(Ok(output));
        }
        let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(time)));
        timer.as_mut().poll(context).map(|()| Err(TimedOut))
    })
    .await
}

#[cfg(test)]
mod tests {
    use std::pin::pin;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn what_is_there_is_given_and_what_never_comes_is_given_up() {
        assert_eq!(within(SECOND, pin!(async { 1 })).await, Ok(1));
        let later = pin!(async {
            tokio::time::sleep(SECOND / 2).await;
            2
        });
        assert_eq!(within(SECOND, later).await, Ok(2));
        let never = pin!(std::future::pending::<()>());
        assert_eq!(within(SECOND, never).await, Err(TimedOut));
    }

    #[tokio::test]
    async fn who_yields_lets_others_go_first() {
        let order = parking_lot::Mutex::new(Vec::new());
        let note = |word| order.lock().push(word);
        let yields = async {
            let future = pin!(async {
                tokio::task::yield_now().await;
                note("after the others");
            });
            within(SECOND, future).await
        };
        let other = async { note("another") };
        let (ended, ()) = tokio::join!(yields, other);
        assert_eq!(ended, Ok(()));
        assert_eq!(*order.lock(), ["another", "after the others"]);
    }
}
