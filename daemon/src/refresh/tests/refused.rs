//! What it costs that the issuer said no.

use super::*;

#[tokio::test]
async fn a_refusal_costs_nothing_by_callers_and_is_taken_back_by_a_probe() {
    let refused = || Step::Fail(Failure::Refused("no".to_owned()));
    let world = World::new(100, vec![refused(), refused()]);
    for _ in 0..100 {
        assert!(world.value().await.is_err());
    }
    assert_eq!(world.calls(), 1);
    for (pause, calls) in [(29, 1), (1, 2), (59, 2)] {
        world.clock.advance(pause);
        world.settle().await;
        assert!(world.value().await.is_err());
        assert_eq!(world.calls(), calls);
    }
    world.clock.advance(1);
    world.settle().await;
    assert_eq!(world.calls(), 3);
    assert_eq!(world.value().await.unwrap().serial, 3);
}

#[tokio::test]
async fn trouble_during_a_probe_changes_nothing_and_what_is_definite_is_not_probed() {
    let world = World::new(
        100,
        vec![
            Step::Fail(Failure::Refused("no".to_owned())),
            Step::Fail(Failure::Transient("down".to_owned())),
        ],
    );
    assert!(world.value().await.is_err());
    world.clock.advance(30);
    world.settle().await;
    assert_eq!(world.calls(), 2);
    let known = world.value().await;
    assert_eq!(known, Err(RefreshError::Source("no".to_owned())));
    world.refresher.invalidate("logged out".to_owned());
    world.clock.advance(24 * 3600);
    world.settle().await;
    assert_eq!(world.calls(), 2);
}

#[tokio::test]
async fn a_refusal_that_was_noted_by_a_clock_that_was_wrong_is_looked_at_soon() {
    for age in [0, 24 * 3600 + 1, 100 * 24 * 3600] {
        let world = World::new(100, Vec::new());
        world.refresher.refuse("no".to_owned(), age);
        world.settle().await;
        assert!(world.value().await.is_err());
        assert_eq!(world.calls(), 0, "no caller causes it");
        world.clock.advance(30);
        world.settle().await;
        assert!(world.value().await.is_ok(), "{age}");
    }
}

#[tokio::test]
async fn a_refusal_is_given_up_after_a_day() {
    let refusals = (0..100).map(|_| Step::Fail(Failure::Refused("no".to_owned())));
    let world = World::new(1000, refusals.collect());
    assert!(world.value().await.is_err());
    for _ in 0..3 * 24 * 60 {
        world.clock.advance(60);
        world.settle().await;
    }
    assert!((8..=13).contains(&world.calls()), "{}", world.calls());
}
