use proptest::prelude::*;

use super::connection_table::*;
use super::*;
use crate::listen::descriptor_budget;

const GREEDY: Origin = Origin::Process(1);
const OTHER: Origin = Origin::Process(2);

const SEARCH: Search = Search {
    ends_requests: true,
    is_owed: false,
    pressure: Pressure::Crowded,
};

struct Bench {
    table: ConnectionTable,
    now: Instant,
}

impl Bench {
    fn new(slots: usize) -> Self {
        Self {
            table: ConnectionTable::new(slots),
            now: Instant::now(),
        }
    }

    /// A slot that was free.
    fn enter(&mut self, origin: &Origin) -> Id {
        match self.table.admit(origin, SEARCH, self.now) {
            Admission::Slot {
                id, evicted: None, ..
            } => {
                self.table.rests(id);
                id
            }
            other => panic!("{other:?}"),
        }
    }

    /// Enters and asks.
    fn ask(&mut self, origin: &Origin) -> (Id, Turn) {
        let id = self.enter(origin);
        (id, self.table.ask(id, None))
    }

    /// Who has to go for a newcomer, and why.
    fn evicted(&mut self, origin: &Origin) -> Option<(Id, Why)> {
        self.evicted_by(origin, SEARCH)
    }

    /// The same for one that looks like this. Where a request was ended for it,
    /// it is gone again.
    fn evicted_by(&mut self, origin: &Origin, search: Search) -> Option<(Id, Why)> {
        let eviction = match self.table.admit(origin, search, self.now) {
            Admission::Slot { id, evicted } => {
                if evicted.is_some_and(Eviction::ends_a_request) {
                    self.table.remove(id);
                }
                evicted
            }
            Admission::Later(evicted) => evicted,
        };
        eviction.map(|eviction| (eviction.id, eviction.why))
    }
}

#[test]
fn the_oldest_quiet_one_of_whoever_holds_most_goes_first() {
    let mut bench = Bench::new(8);
    bench.enter(&OTHER);
    let greedy: Vec<_> = (0..7).map(|_| bench.enter(&GREEDY)).collect();
    let (first, second) = (greedy[0], greedy[1]);
    assert_eq!(bench.evicted(&OTHER), Some((first, Why::Quiet)));
    // Only so many may be on their way out at once.
    assert_eq!(bench.evicted(&OTHER), None);
    bench.table.remove(first);
    assert_eq!(bench.evicted(&OTHER), Some((second, Why::Quiet)));
    bench.table.remove(second);
    // Who holds half of all makes room for itself.
    assert_eq!(bench.evicted(&GREEDY), Some((greedy[2], Why::Quiet)));
}

/// One slot for each of a crowd, all but `left`.
fn crowd(bench: &mut Bench, slots: usize, left: usize) -> Vec<Id> {
    (left..slots).map(|_| bench.enter(&GREEDY)).collect()
}

#[test]
fn a_crowd_gets_no_more_slots_before_the_last_were_looked_at() {
    let mut bench = Bench::new(512);
    crowd(&mut bench, 512, 312);
    let admitted =
        |bench: &mut Bench, origin: &Origin| match bench.table.admit(origin, SEARCH, bench.now) {
            Admission::Slot { id, .. } => Some(id),
            Admission::Later(_) => None,
        };
    let new: Vec<_> = std::iter::from_fn(|| admitted(&mut bench, &GREEDY)).collect();
    assert_eq!(new.len(), 16, "there is room for 312");
    assert!(
        admitted(&mut bench, &OTHER).is_some(),
        "others need not wait"
    );
    for (what, looked_at) in [("rests", new[0]), ("asks", new[1]), ("goes", new[2])] {
        match what {
            "rests" => bench.table.rests(looked_at),
            "asks" => drop(bench.table.ask(looked_at, None)),
            _ => drop(bench.table.remove(looked_at)),
        }
        assert!(admitted(&mut bench, &GREEDY).is_some(), "one {what}");
        assert!(admitted(&mut bench, &GREEDY).is_none(), "one {what}");
    }
}

#[test]
fn a_crowd_takes_its_own_slots_from_itself_bit_by_bit() {
    let mut bench = Bench::new(512);
    let other = bench.enter(&OTHER);
    crowd(&mut bench, 512, 1);
    let replaced = |bench: &mut Bench| {
        let evicted = std::iter::from_fn(|| match bench.table.admit(&GREEDY, SEARCH, bench.now) {
            Admission::Slot { id, evicted } => {
                bench.table.rests(id);
                let Eviction { id, why } = evicted?;
                assert_eq!((why, id == other), (Why::Quiet, false));
                bench.table.remove(id);
                Some(id)
            }
            Admission::Later(evicted) => evicted.map(|eviction| eviction.id),
        });
        evicted.take(100).count()
    };
    assert_eq!(replaced(&mut bench), 16);
    assert!(
        bench.evicted(&OTHER).is_some(),
        "others take theirs at once"
    );
    bench.now += PACE;
    assert_eq!(replaced(&mut bench), 16);
}

#[test]
fn whoever_was_asked_meanwhile_stays_but_not_twice() {
    let mut bench = Bench::new(1);
    let id = bench.enter(&GREEDY);
    assert_eq!(bench.evicted(&OTHER), Some((id, Why::Quiet)));
    assert!(!bench.table.leave(id, true));
    assert_eq!(bench.table.order(id), Order::Stay);
    let mut bench = Bench::new(1);
    let id = bench.enter(&GREEDY);
    for may_stay in [true, false] {
        assert_eq!(bench.table.shed().map(|eviction| eviction.id), Some(id));
        assert_eq!(bench.table.leave(id, true), !may_stay);
    }
}

#[test]
fn a_request_that_comes_in_time_is_answered() {
    let mut bench = Bench::new(1);
    let id = bench.enter(&GREEDY);
    assert_eq!(bench.evicted(&OTHER), Some((id, Why::Quiet)));
    assert_eq!(bench.table.ask(id, None), Turn::Now);
    assert!(!bench.table.leave(id, false), "it is being answered");
}

#[test]
fn one_caller_has_half_of_all_requests_under_way_and_others_go_ahead() {
    let mut bench = Bench::new(8);
    let asked: Vec<_> = (0..7).map(|_| bench.ask(&GREEDY)).collect();
    let now = asked.iter().filter(|(_, turn)| *turn == Turn::Now).count();
    assert_eq!(now, 4);
    assert_eq!(asked[4].1, Turn::Later, "the newest wait");
    assert_eq!(bench.ask(&OTHER).1, Turn::Now);
    // The oldest that waits is next.
    assert_eq!(bench.table.answered(asked[0].0), [asked[4].0]);
    assert_eq!(bench.table.turn(asked[4].0), Turn::Now);
}

#[test]
fn however_many_are_greedy_a_newcomer_is_answered() {
    let mut bench = Bench::new(64);
    for caller in 1..=8 {
        for _ in 0..7 {
            bench.ask(&Origin::Process(caller));
        }
    }
    assert_eq!(bench.ask(&Origin::Process(9)).1, Turn::Now);
}

#[test]
fn the_newest_that_waits_is_turned_away_where_nobody_is_quiet() {
    let mut bench = Bench::new(4);
    let asked: Vec<_> = (0..4).map(|_| bench.ask(&GREEDY).0).collect();
    assert_eq!(bench.evicted(&OTHER), Some((asked[3], Why::Excess)));
    assert_eq!(bench.table.turn(asked[3]), Turn::Never);
    bench.table.answered(asked[3]);
    bench.table.remove(asked[3]);
    assert_eq!(bench.ask(&OTHER).1, Turn::Now);
    // A newcomer of the same caller waits, unless many do.
    let search = Search {
        pressure: Pressure::Waited,
        ..SEARCH
    };
    let (_, why) = bench.evicted_by(&GREEDY, search).unwrap();
    assert_eq!(why, Why::Last);
}

#[test]
fn nobody_waits_for_those_to_go_whose_answers_are_their_last() {
    let mut bench = Bench::new(64);
    for n in 0..64 {
        bench.ask(&Origin::Process(n));
    }
    // As many at once as there is leeway for.
    for n in 64..72 {
        let admitted = bench.table.admit(&Origin::Process(n), SEARCH, bench.now);
        assert!(
            matches!(
                admitted,
                Admission::Slot {
                    evicted: Some(_),
                    ..
                }
            ),
            "{n}: {admitted:?}"
        );
    }
    let next = bench.table.admit(&OTHER, SEARCH, bench.now);
    assert!(matches!(next, Admission::Later(Some(_))), "{next:?}");
    assert_eq!(bench.table.open(), 72);
}

#[test]
fn who_holds_most_takes_nothing_of_others() {
    let mut bench = Bench::new(8);
    let quiet = bench.enter(&OTHER);
    for _ in 0..7 {
        bench.ask(&GREEDY);
    }
    let taken = bench.evicted(&GREEDY).unwrap();
    assert!(taken.0 != quiet && taken.1 == Why::Excess, "{taken:?}");
    bench.table.remove(taken.0);
    assert_eq!(bench.ask(&OTHER).1, Turn::Now);
}

#[test]
fn few_requests_take_up_a_processor_and_whoever_was_served_longest_ago_is_next() {
    let mut bench = Bench::new(512);
    let greedy: Vec<_> = (0..100).map(|_| bench.ask(&GREEDY)).collect();
    let running = greedy.iter().filter(|(_, turn)| *turn == Turn::Now);
    assert_eq!(running.count(), 16);
    // What waits for somebody else lets the next one go on.
    assert_eq!(bench.table.parked(greedy[0].0), [greedy[16].0]);
    // Nobody stands behind many of them, or of all together.
    let others = (2..=4).flat_map(|n| std::iter::repeat_n(Origin::Process(n), 16));
    let others: Vec<_> = others.map(|origin| bench.ask(&origin)).collect();
    assert!(others.iter().all(|(_, turn)| *turn == Turn::Now));
    let newcomer = bench.ask(&Origin::Process(5));
    assert_eq!(newcomer.1, Turn::Later, "64 are running");
    assert_eq!(bench.table.answered(greedy[1].0), [newcomer.0]);
}

#[test]
fn whoever_keeps_us_waiting_is_cut_off_but_not_at_once() {
    let mut bench = Bench::new(4);
    let asked: Vec<_> = (1..=4).map(|n| bench.ask(&Origin::Process(n)).0).collect();
    bench.table.stall(asked[1], Some(bench.now));
    assert_eq!(bench.evicted(&OTHER), Some((asked[0], Why::Last)));
    bench.now += Duration::from_secs(2);
    assert_eq!(bench.evicted(&OTHER), Some((asked[1], Why::Stalled)));
    assert_eq!(bench.table.order(asked[1]), Order::Cut);
}

#[test]
fn what_takes_long_and_changes_nothing_is_turned_away_last() {
    let mut bench = Bench::new(2);
    let changes = bench.ask(&GREEDY).0;
    let reads = bench.enter(&OTHER);
    bench.table.ask(reads, Some(bench.now));
    assert_eq!(bench.evicted(&OTHER), Some((changes, Why::Last)));
    bench.now += Duration::from_secs(2);
    assert_eq!(bench.evicted(&OTHER), Some((reads, Why::Late)));
    assert_eq!(bench.table.turn(reads), Turn::Never);
    bench.table.answered(reads);
    bench.table.remove(reads);
    assert_eq!(bench.ask(&OTHER).1, Turn::Now);
}

#[test]
fn whoever_may_have_been_asked_something_is_not_sent_away() {
    let mut bench = Bench::new(1);
    let Admission::Slot { id, .. } = bench.table.admit(&GREEDY, SEARCH, bench.now) else {
        panic!("it was free");
    };
    assert_eq!(bench.evicted(&OTHER), None);
    bench.table.rests(id);
    assert_eq!(bench.evicted(&OTHER), Some((id, Why::Quiet)));
}

#[test]
fn whoever_keeps_us_waiting_takes_nobodys_share() {
    let mut bench = Bench::new(4);
    let asked: Vec<_> = (0..3).map(|_| bench.ask(&Origin::Unknown).0).collect();
    assert_eq!(bench.table.turn(asked[2]), Turn::Later);
    assert_eq!(bench.table.stall(asked[0], Some(bench.now)), [asked[2]]);
    assert_eq!(bench.table.turn(asked[2]), Turn::Now);
    bench.table.stall(asked[0], None);
    assert_eq!(bench.ask(&Origin::Unknown).1, Turn::Later);
}

#[test]
fn who_has_a_grant_goes_after_strangers() {
    let mut bench = Bench::new(4);
    let known = bench.enter(&Origin::Unknown);
    bench.table.ask(known, None);
    bench.table.authenticate(known, "grant");
    bench.table.answered(known);
    bench.table.rests(known);
    let strangers: Vec<_> = (0..3).map(|_| bench.enter(&Origin::Unknown)).collect();
    for stranger in strangers {
        assert_eq!(
            bench.evicted(&Origin::Unknown),
            Some((stranger, Why::Quiet))
        );
        bench.table.remove(stranger);
    }
}

#[test]
fn who_shows_a_grant_while_it_waits_waits_for_that_one_only() {
    let mut bench = Bench::new(4);
    let asked: Vec<_> = (0..4).map(|_| bench.ask(&Origin::Unknown).0).collect();
    assert_eq!(bench.table.turn(asked[2]), Turn::Later);
    assert_eq!(bench.table.authenticate(asked[2], "grant"), [asked[2]]);
    bench.table.remove(asked[2]);
    assert_eq!(bench.table.answered(asked[0]), [asked[3]]);
    for id in asked {
        bench.table.remove(id);
    }
    assert!(bench.table.is_empty());
}

#[test]
fn streams_are_few_for_one_caller_and_for_all() {
    let mut bench = Bench::new(512);
    let mut opened = [0; 6];
    for caller in 1..=5 {
        for _ in 0..20 {
            let (id, _) = bench.ask(&Origin::Process(caller));
            opened[caller as usize] += usize::from(bench.table.stream(id).is_ok());
        }
    }
    assert_eq!(opened, [0, 16, 16, 16, 16, 0]);
    let (id, _) = bench.ask(&Origin::Process(5));
    assert_eq!(bench.table.stream(id), Err(StreamRefused::Total));
}

#[derive(Clone, Debug)]
enum Step {
    Admit(u8),
    Ask(usize),
    Answered(usize),
    Rests(usize),
    Leave(usize, bool),
    Stall(usize),
    Authenticate(usize, u8),
    Stream(usize),
    Remove(usize),
    Shed,
}

fn step() -> impl Strategy<Value = Step> {
    let which = 0..20_usize;
    prop_oneof![
        3 => (0..4_u8).prop_map(Step::Admit),
        3 => which.clone().prop_map(Step::Ask),
        2 => which.clone().prop_map(Step::Answered),
        3 => which.clone().prop_map(Step::Rests),
        1 => (which.clone(), any::<bool>()).prop_map(|(n, unread)| Step::Leave(n, unread)),
        1 => which.clone().prop_map(Step::Stall),
        1 => (which.clone(), 0..3_u8).prop_map(|(n, grant)| Step::Authenticate(n, grant)),
        1 => which.clone().prop_map(Step::Stream),
        2 => which.prop_map(Step::Remove),
        1 => Just(Step::Shed),
    ]
}

proptest! {
    /// Counts never go below zero (that would panic), no more is held than
    /// there may be, and when all have gone nothing is left.
    #[test]
    fn the_book_stays_in_balance(slots in 1..12_usize, steps in prop::collection::vec(step(), 0..200)) {
        let mut bench = Bench::new(slots);
        let mut open: Vec<Id> = Vec::new();
        let mut asking: Vec<Id> = Vec::new();
        for step in steps {
            bench.now += Duration::from_millis(100);
            let pick = |from: &[Id], n: usize| (!from.is_empty()).then(|| from[n % from.len()]);
            match step {
                Step::Admit(origin) => {
                    let origin = match origin { 0 => Origin::Unknown, n => Origin::Process(n.into()) };
                    let admission = bench.table.admit(&origin, SEARCH, bench.now);
                    if let Admission::Slot { id, .. } = admission {
                        open.push(id);
                    }
                }
                Step::Ask(n) => if let Some(id) = pick(&open, n) && !asking.contains(&id) {
                    bench.table.ask(id, Some(bench.now));
                    asking.push(id);
                },
                Step::Answered(n) => if let Some(id) = pick(&asking, n) {
                    bench.table.answered(id);
                    asking.retain(|asks| *asks != id);
                },
                Step::Rests(n) => if let Some(id) = pick(&open, n) {
                    bench.table.rests(id);
                },
                Step::Leave(n, unread) => if let Some(id) = pick(&open, n) {
                    bench.table.leave(id, unread);
                },
                Step::Stall(n) => if let Some(id) = pick(&open, n) {
                    bench.table.stall(id, Some(bench.now));
                },
                Step::Authenticate(n, grant) => if let Some(id) = pick(&open, n) {
                    bench.table.authenticate(id, &grant.to_string());
                },
                Step::Stream(n) => if let Some(id) = pick(&asking, n) {
                    let _ = bench.table.stream(id);
                },
                Step::Remove(n) => if let Some(id) = pick(&open, n) {
                    bench.table.remove(id);
                    open.retain(|there| *there != id);
                    asking.retain(|asks| *asks != id);
                },
                Step::Shed => { bench.table.shed(); }
            }
            prop_assert!(bench.table.open() <= slots + descriptor_budget::leeway(slots));
            prop_assert_eq!(bench.table.open(), open.len());
        }
        for id in open {
            bench.table.remove(id);
        }
        prop_assert!(bench.table.is_empty());
    }
}
