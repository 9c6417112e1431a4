//! A deterministic simulation of stacks, daemons and their clients.
//!
//! Each seed is one thread and one paused tokio runtime a life: tasks run in
//! an order that follows from the seed, and time passes when all of them wait.
//! The daemon is the real [`App`](crate::app::App) behind its real router, on
//! a state directory on the disk; only what the machine gives it is
//! simulated: the clock ([`time`]), the network ([`wire`]) and chance
//! ([`random`]). A crash drops the runtime, with every task wherever it is,
//! and the next life begins with what is on the disk.
//!
//! Paused tokio and not `turmoil` or `madsim`: both simulate hosts that listen
//! on sockets, and `madsim` wants every dependency replaced by one of its own,
//! while what matters here is below the sockets, is driven over the router in
//! fewer steps than HTTP takes, and needs clocks that disagree (a suspend, a
//! wall clock that is set), which neither has. One seam in
//! [`StackClient`](crate::stack::StackClient) and one in the configuration of
//! AWS's SDK is all that it takes.
//!
//! `QUILT_SIMULATION_SEED=N cargo test -p quiltd --lib simulation::every` tells
//! the story of one seed; with `QUILT_SIMULATION_LOG=info`, and `--nocapture`,
//! what its daemons log as well. `QUILT_SIMULATION_FROM=N` begins elsewhere.

mod aws_credentials;
mod calm;
mod client;
mod daemon;
mod day;
mod disk;
mod fault;
mod figures;
mod fleet;
mod judge;
mod life;
mod long;
mod model;
mod random;
mod stack;
mod time;
mod wire;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

use parking_lot::Mutex;

use self::figures::Figures;
use self::random::Rng;
use self::world::World;

/// Seeds of an ordinary run.
const SEEDS: u64 = 200;

/// What a seed told.
struct Told {
    story: Vec<String>,
    breaches: Vec<String>,
    figures: Figures,
}

/// Lives one after the other, and then calm.
fn tell(seed: u64, mixes: bool) -> Told {
    let mut rng = Rng::new(seed);
    let world = World::new(&mut rng);
    world.stacks().mixes = mixes;
    let lives = rng.between(1, 3);
    for life in 0..=lives {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .start_paused(true)
            .build()
            .unwrap();
        if life < lives {
            runtime.block_on(life::life(&world, &mut rng));
        } else {
            runtime.block_on(calm::calm(&world, &mut rng));
        }
        drop(runtime);
        world.between_lives();
        if world.is_broken() {
            break;
        }
    }
    let figures = world.figures();
    let mut all = world.seen();
    Told {
        story: std::mem::take(&mut all.story),
        breaches: std::mem::take(&mut all.breaches),
        figures,
    }
}

/// The same, and what panicked is a breach as well.
fn tell_all(seed: u64) -> Told {
    let told = catch_unwind(AssertUnwindSafe(|| tell(seed, false)));
    told.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
        Told {
            story: Vec::new(),
            breaches: vec![text.unwrap_or_else(|| "a panic".to_owned())],
            figures: Figures::default(),
        }
    })
}

fn asked<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

#[test]
fn every_seed_holds() {
    if let Some(seed) = asked("QUILT_SIMULATION_SEED") {
        // What the daemons log stands before the story.
        let level: Option<tracing::Level> = asked("QUILT_SIMULATION_LOG");
        if let Some(level) = level {
            tracing_subscriber::fmt().with_max_level(level).init();
        }
        let told = tell_all(seed);
        println!("{}", told.story.join("\n"));
        assert!(
            told.breaches.is_empty(),
            "seed {seed}: {:#?}",
            told.breaches
        );
        return;
    }
    let seeds = asked("QUILT_SIMULATION_SEEDS").unwrap_or(SEEDS);
    let from = asked("QUILT_SIMULATION_FROM").unwrap_or(0);
    let (next, begun) = (AtomicU64::new(from), Instant::now());
    let (broken, figures) = (Mutex::new(Vec::new()), Mutex::new(Figures::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, SeqCst);
            if seed >= from + seeds {
                return;
            }
            let told = tell_all(seed);
            figures.lock().add(&told.figures);
            if let Some(first) = told.breaches.into_iter().next() {
                broken.lock().push((seed, first));
            }
        }
    };
    std::thread::scope(|scope| {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..threads {
            scope.spawn(work);
        }
    });
    let figures = figures.into_inner();
    let line = figures.line(seeds, begun.elapsed());
    let broken = broken.into_inner();
    let lines: Vec<_> = broken
        .iter()
        .map(|(seed, first)| {
            format!(
                "seed {seed}: {first}\n  QUILT_SIMULATION_SEED={seed} cargo test -p quiltd --lib \
                 simulation::every"
            )
        })
        .collect();
    assert!(
        broken.is_empty(),
        "{} of {seeds} seeds:\n{}",
        broken.len(),
        lines.join("\n")
    );
    figures::tell("simulation", &line);
}

#[test]
fn a_seed_tells_the_same_story_again() {
    for seed in 0..3 {
        let (mut once, mut again) = (tell(seed, false), tell(seed, false));
        // In one millisecond, who comes first is not told.
        once.story.sort();
        again.story.sort();
        let differs = once.story.iter().zip(&again.story).find(|(a, b)| a != b);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(once.story.len(), again.story.len(), "seed {seed}");
    }
}

/// That it would be noticed.
#[test]
fn a_stack_that_mixes_people_up_is_found_out() {
    let found = (0..5).filter(|seed| !tell(*seed, true).breaches.is_empty());
    assert_eq!(found.count(), 5);
}
