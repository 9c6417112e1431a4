//! Where values come from in the storm: it fails, crashes, and keeps count.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::SeqCst};

use async_trait::async_trait;
use parking_lot::Mutex;
use quilt_proto::Timestamp;
use tokio::task::yield_now;

use crate::clock::Clock;
use crate::clock::manual::ManualClock;
use crate::refresh::{Expires, Failure, Source};

/// What the world does beside asking.
#[derive(Clone, Copy, Default)]
pub(super) struct Weather {
    /// Fetches fail and crash.
    pub(super) breaks: bool,
    /// Values come from elsewhere.
    pub(super) publishes: bool,
    /// Everything is forgotten, and fetches are refused for good.
    pub(super) resets: bool,
}

/// Places in the one order of all events.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub(super) began: u64,
    pub(super) ended: u64,
    /// The published value it descends from, if any.
    pub(super) line: Option<u64>,
    pub(super) expires_at: Timestamp,
}

impl Expires for Value {
    fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}

#[derive(Clone, Debug, thiserror::Error)]
#[error("{self:?}")]
pub(super) struct Trouble {
    pub(super) began: u64,
    pub(super) ended: u64,
    pub(super) at: Timestamp,
    pub(super) definite: bool,
}

pub(super) struct Upstream {
    pub(super) clock: Arc<ManualClock>,
    pub(super) weather: Weather,
    pub(super) events: AtomicU64,
    pub(super) calls: AtomicUsize,
    /// Calls under way, by the published value they are to replace.
    under_way: Mutex<BTreeMap<u64, usize>>,
    pub(super) overlaps: AtomicUsize,
    /// Calls made with nothing to replace.
    pub(super) from_nothing: AtomicUsize,
    pub(super) failed_at: AtomicI64,
    pub(super) crashed: AtomicU64,
    /// What is older must not be handed out.
    pub(super) floor: AtomicU64,
}

impl Upstream {
    pub(super) fn new(clock: Arc<ManualClock>, weather: Weather) -> Self {
        Self {
            clock,
            weather,
            events: AtomicU64::new(1),
            calls: AtomicUsize::default(),
            under_way: Mutex::default(),
            overlaps: AtomicUsize::default(),
            from_nothing: AtomicUsize::default(),
            failed_at: AtomicI64::default(),
            crashed: AtomicU64::default(),
            floor: AtomicU64::default(),
        }
    }

    pub(super) fn event(&self) -> u64 {
        self.events.fetch_add(1, SeqCst)
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.clock.now().wall
    }

    fn count(&self, line: Option<u64>, add: impl FnOnce(&mut usize)) {
        let mut under_way = self.under_way.lock();
        if let Some(line) = line {
            let calls = under_way.entry(line).or_default();
            add(calls);
            if *calls > 1 {
                self.overlaps.fetch_add(1, SeqCst);
            }
        }
    }
}

#[async_trait]
impl Source for Arc<Upstream> {
    type Value = Value;
    type Error = Trouble;

    async fn fetch(&self, held: Option<Value>) -> Result<Value, Failure<Trouble>> {
        self.calls.fetch_add(1, SeqCst);
        if held.is_none() {
            self.from_nothing.fetch_add(1, SeqCst);
        }
        let line = held.and_then(|held| held.line);
        let began = self.event();
        self.count(line, |calls| *calls += 1);
        for _ in 0..below(6) {
            yield_now().await;
        }
        self.count(line, |calls| *calls -= 1);
        let (at, ended) = (self.wall(), self.event());
        let fate = if self.weather.breaks { below(12) } else { 12 };
        let definite = fate == 0 && self.weather.resets;
        match fate {
            0..=2 => {
                self.failed_at.fetch_max(at.unix(), SeqCst);
                let trouble = Trouble {
                    began,
                    ended,
                    at,
                    definite,
                };
                Err(if definite {
                    Failure::Definite(trouble)
                } else {
                    Failure::Transient(trouble)
                })
            }
            3 => {
                self.failed_at.fetch_max(at.unix(), SeqCst);
                self.crashed.fetch_max(ended, SeqCst);
                // A panic, without a report of it on the terminal.
                resume_unwind(Box::new("scripted"))
            }
            _ => Ok(Value {
                began,
                ended,
                line,
                expires_at: at.plus_seconds(life()),
            }),
        }
    }
}

pub(super) fn below(bound: u64) -> u64 {
    u64::from(getrandom::u32().unwrap()) % bound
}

/// Dead on arrival as often as not: each such value is a reason for a fetch.
pub(super) fn life() -> i64 {
    if below(2) == 0 { 0 } else { 3600 }
}
