use super::*;

const MIB: usize = 1024 * 1024;
const WAIT: Duration = Duration::from_secs(30);

fn room() -> Arc<BodyMemory> {
    BodyMemory::new(32 * MIB, 16 * MIB)
}

fn process(number: u32) -> Holder {
    Holder::Process(number)
}

/// Whether there is room for so much at once.
async fn at_once(place: &Place, bytes: usize) -> bool {
    place.hold(bytes, Duration::ZERO).await.is_ok()
}

#[tokio::test(start_paused = true)]
async fn what_is_announced_holds_nothing() {
    let room = room();
    let many: Vec<_> = (0..500)
        .map(|number| room.enter(process(number % 2), 16 * MIB))
        .collect();
    assert_eq!(room.free(), 32 * MIB);
    // Each has sent a little.
    for place in &many {
        at_once(place, 1).await;
    }
    assert!(room.free() > 31 * MIB, "{}", room.free());
    let other = room.enter(process(7), 100_000);
    assert!(at_once(&other, 100_000).await);
    let own = room.enter(process(0), 100_000);
    assert!(at_once(&own, 100_000).await, "another body of the same");
    let large = room.enter(process(7), 15 * MIB);
    assert!(at_once(&large, 15 * MIB).await);
}

#[tokio::test(start_paused = true)]
async fn nobody_takes_more_than_a_share_and_all_comes_back() {
    let room = room();
    let one = room.enter(process(1), 16 * MIB);
    assert!(at_once(&one, 16 * MIB).await);
    one.arrived(16 * MIB);
    let more = room.enter(process(1), MIB);
    assert!(!at_once(&more, MIB).await);
    let other = room.enter(process(2), 16 * MIB);
    assert!(at_once(&other, 10 * MIB).await);
    other.arrived(9 * MIB);
    assert_eq!(room.free(), 7 * MIB);
    drop((one, more, other));
    assert_eq!(room.free(), 32 * MIB);
}

/// Bodies that come in steps, all at once, of few and many.
#[tokio::test(start_paused = true)]
async fn however_many_come_all_of_them_end() {
    for holders in [1, 2, 3, 40] {
        let room = room();
        let mut bodies = tokio::task::JoinSet::new();
        for number in 0..40 {
            let place = room.enter(process(number % holders), 15 * MIB);
            bodies.spawn(async move {
                for held in 1..=15 {
                    place.hold(held * MIB, WAIT * 100).await.unwrap();
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                place.arrived(15 * MIB);
            });
        }
        while let Some(ended) = bodies.join_next().await {
            ended.unwrap();
        }
        assert_eq!(room.free(), 32 * MIB, "{holders}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_does_not_keep_up_goes_for_who_waits_and_for_nobody_else() {
    let room = room();
    let slow: Vec<_> = [1, 2].map(|it| room.enter(process(it), 16 * MIB)).into();
    for place in &slow {
        assert!(at_once(place, 16 * MIB - 1).await);
    }
    assert_eq!(room.free(), 0);
    // Nothing has come since.
    tokio::time::sleep(SLOW * 2).await;
    assert!(timeout(Duration::ZERO, slow[0].lost()).await.is_err());
    let waiting = room.enter(process(3), MIB);
    let leaving = async {
        let lost = tokio::select! {
            lost = slow[0].lost() => (0, lost),
            lost = slow[1].lost() => (1, lost),
        };
        drop(slow);
        lost
    };
    let (held, lost) = tokio::join!(waiting.hold(MIB, WAIT), leaving);
    assert_eq!((held, lost.1), (Ok(()), NoRoom::TooSlow));
}

#[tokio::test(start_paused = true)]
async fn who_holds_more_than_others_goes_for_who_waits_long() {
    let room = room();
    let one = room.enter(process(1), 16 * MIB);
    let other = room.enter(process(2), 16 * MIB);
    assert!(at_once(&one, 16 * MIB).await && at_once(&other, 16 * MIB).await);
    other.arrived(16 * MIB);
    let waiting = room.enter(Holder::Named("somebody".to_owned()), MIB);
    let leaving = async {
        let lost = one.lost().await;
        drop(one);
        lost
    };
    let begun = Instant::now();
    let (held, lost) = tokio::join!(waiting.hold(MIB, WAIT), leaving);
    assert_eq!((held, lost), (Ok(()), NoRoom::BeyondShare));
    assert!(begun.elapsed() >= PATIENCE);
    // What has arrived is not given up.
    let more = room.enter(process(1), 16 * MIB);
    assert!(at_once(&more, 15 * MIB).await);
    more.arrived(15 * MIB);
    assert_eq!(waiting.hold(16 * MIB, WAIT).await, Ok(()), "its own");
    let late = room.enter(process(4), MIB);
    assert_eq!(late.hold(MIB, WAIT).await, Err(NoRoom::Waited));
}
