//! What outlives the daemons: the stacks, the disk, time, what may be believed
//! of who is logged in, and what was seen.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use quilt_proto::Timestamp;
use serde_json::Value;
use tokio::time::Instant;

use super::disk::Disk;
use super::fault::{Endpoint, Fault, Trouble};
use super::figures::Figures;
use super::model::{Model, Variant};
use super::random::{Rng, at_time, jitter_by};
use super::stack::{Reply, SITES, Stacks};
use super::time::{Passed, SimClock};
use crate::clock::Clock;

/// How long everything freezes.
pub(super) const FREEZE: Duration = Duration::from_secs(17);

/// How often somebody starts, stops or freezes what requests run in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Disturbances(pub(super) u64);

pub(super) struct World {
    seed: u64,
    pub(super) dir: tempfile::TempDir,
    stacks: Mutex<Stacks>,
    model: Mutex<Model>,
    passed: Mutex<Passed>,
    clock: Mutex<Option<Arc<SimClock>>>,
    seen: Mutex<Seen>,
    pub(super) disk: Disk,
}

/// What was seen.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) story: Vec<String>,
    pub(super) breaches: Vec<String>,
    pub(super) answers: u64,
    pub(super) vends: u64,
    pub(super) crashes: u64,
    pub(super) disturbances: Disturbances,
    pub(super) disturbed_at: Option<Instant>,
    /// When the wall clock was last wrong, by the true time.
    pub(super) set_at: Option<i64>,
}

/// A directory whose files cost no disk, where there is one.
fn home() -> tempfile::TempDir {
    let quick = Path::new("/dev/shm");
    let made = quick.is_dir().then(|| tempfile::tempdir_in(quick));
    made.and_then(Result::ok)
        .unwrap_or_else(|| tempfile::tempdir().unwrap())
}

impl World {
    pub(super) fn new(rng: &mut Rng) -> Arc<Self> {
        let mut stacks = Stacks::default();
        for site in &mut stacks.sites {
            site.strict = rng.percent(50);
        }
        let world = Self {
            seed: rng.draw(),
            dir: home(),
            stacks: Mutex::new(stacks),
            model: Mutex::default(),
            passed: Mutex::default(),
            clock: Mutex::default(),
            seen: Mutex::default(),
            disk: Disk::default(),
        };
        std::fs::create_dir(world.config_dir()).unwrap();
        if rng.percent(12) {
            world.lay_down_history(rng.below(20_000));
        }
        world.write_settings(Variant {
            min_ttl: 20,
            has_plain: true,
            ..Variant::default()
        });
        Arc::new(world)
    }

    pub(super) fn state_dir(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub(super) fn config_dir(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    pub(super) fn stacks(&self) -> MutexGuard<'_, Stacks> {
        self.stacks.lock()
    }

    /// How often a stack was asked for something.
    pub(super) fn calls(&self, site: usize, at: Endpoint) -> u64 {
        self.stacks().calls.get(&(site, at)).copied().unwrap_or(0)
    }

    pub(super) fn model(&self) -> MutexGuard<'_, Model> {
        self.model.lock()
    }

    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock()
    }

    /// Time goes on where it was left. Needs a paused runtime.
    pub(super) fn begin(&self) -> Arc<SimClock> {
        let clock = Arc::new(SimClock::from(*self.passed.lock()));
        jitter_by(self.seed, &clock);
        *self.clock.lock() = Some(Arc::clone(&clock));
        clock
    }

    /// The machine stops; whatever was under way is.
    pub(super) fn end(&self) {
        self.mend_disk();
        for place in &mut self.model().logins {
            place.stopped();
        }
        let clock = self.clock.lock().take().unwrap();
        *self.passed.lock() = clock.passed();
    }

    pub(super) fn clock(&self) -> Arc<SimClock> {
        Arc::clone(self.clock.lock().as_ref().unwrap())
    }

    pub(super) fn true_time(&self) -> Timestamp {
        self.clock().true_time()
    }

    pub(super) fn wall(&self) -> Timestamp {
        self.clock().now().wall
    }

    /// Whether what is held may be from when the wall clock was wrong.
    pub(super) fn was_set(&self) -> bool {
        let now = self.true_time().unix();
        let is_off = self.clock().passed().wall_off != 0;
        is_off || self.seen().set_at.is_some_and(|at| now - at < 600)
    }

    /// The wall clock is set now.
    pub(super) fn set_now(&self) {
        let now = self.true_time().unix();
        self.seen().set_at = Some(now);
    }

    /// The machine sleeps. Trouble of just before is not over for that.
    pub(super) fn sleep(&self, time: Duration) {
        self.clock().suspend(time);
        for site in &mut self.stacks().sites {
            site.troubled_at += i64::try_from(time.as_secs()).unwrap();
        }
    }

    /// What is under way may take longer than it should.
    pub(super) fn disturb(&self) {
        let mut seen = self.seen();
        seen.disturbances.0 += 1;
        seen.disturbed_at = Some(Instant::now());
    }

    /// Whether everything has just frozen: what was under way then ends now.
    pub(super) fn was_disturbed(&self) -> bool {
        let at = self.seen().disturbed_at;
        at.is_some_and(|at| at.elapsed() < 2 * FREEZE)
    }

    /// Whatever a life has left behind.
    pub(super) fn between_lives(&self) {
        self.stored();
        self.check_audit();
        self.check_files();
        let (twice, unread) = {
            let stacks = self.stacks();
            (stacks.used_twice, stacks.unread)
        };
        if twice > 0 {
            self.breach(format!("{twice} refresh tokens were used twice"));
        }
        if unread > 0 {
            self.breach(format!(
                "{unread} answers with a refresh token were not read"
            ));
        }
    }

    pub(super) fn figures(&self) -> Figures {
        let requests = self.stacks().calls.values().sum();
        let virtual_time = self.passed.lock().true_time;
        let seen = self.seen();
        Figures {
            answers: seen.answers,
            vends: seen.vends,
            crashes: seen.crashes,
            requests,
            virtual_time,
        }
    }

    /// The settings say something else from now on.
    pub(super) fn write_settings(&self, variant: Variant) {
        self.note(format!("settings {variant:?}"));
        self.put_settings(&variant.text());
        self.model().settings.push(variant);
    }

    /// The settings cannot be understood from now on; not before those in force
    /// are known to last.
    pub(super) fn misspell_settings(&self) {
        let in_force = self.model().settings.last().map(|last| last.text());
        let kept = std::fs::read_to_string(self.state_dir().join("quiltd.toml.last"));
        let kept = kept.unwrap_or_default();
        if !in_force.is_some_and(|text| kept.contains(&text)) {
            return;
        }
        self.note("settings are misspelt");
        self.put_settings("[profiles.lake]\nrole_arm = \"?\"\n");
    }

    fn put_settings(&self, text: &str) {
        let path = self.config_dir().join("quiltd.toml");
        let beside = self.config_dir().join("quiltd.new");
        std::fs::write(&beside, text).unwrap();
        // One that is young is read again and again.
        let old = std::time::SystemTime::now() - Duration::from_hours(1);
        let file = std::fs::File::options().write(true).open(&beside).unwrap();
        file.set_modified(old).unwrap();
        std::fs::rename(&beside, &path).unwrap();
    }

    /// Something that may never be.
    pub(super) fn breach(&self, what: impl Into<String>) {
        let what = what.into();
        self.note(format!("BREACH {what}"));
        self.seen().breaches.push(what);
    }

    pub(super) fn is_broken(&self) -> bool {
        !self.seen().breaches.is_empty()
    }

    pub(super) fn note(&self, what: impl std::fmt::Display) {
        let clock = self.clock.lock().as_ref().map(Arc::clone);
        let at = clock.map(|clock| clock.passed().true_time.as_millis());
        let at = at.unwrap_or_default();
        let line = format!("{:>9}.{:03} {what}", at / 1000, at % 1000);
        self.seen().story.push(line);
    }

    /// What strikes a request, and how long it takes at least.
    pub(super) fn weather(&self, to: (usize, Endpoint)) -> (Option<Fault>, Duration) {
        let clock = self.clock();
        let now = clock.true_time().unix();
        let mut stacks = self.stacks();
        // Whoever asks first in a millisecond does not matter.
        let place = u64::try_from(to.0 * Endpoint::ALL.len()).unwrap() + to.1 as u64;
        let mut rng = at_time(self.seed ^ place, &clock);
        *stacks.calls.entry(to).or_default() += 1;
        let latency = Duration::from_millis(rng.between(2, 150));
        stacks.troubles.retain(|trouble| trouble.until > now);
        let here = stacks
            .troubles
            .iter()
            .find(|trouble| (trouble.site, trouble.at) == to)
            .copied();
        let struck = here.filter(|trouble| rng.percent(trouble.percent));
        if struck.is_some() {
            for site in stacks.sites.iter_mut().skip(to.0) {
                site.troubled_at = now;
                if to.1 != Endpoint::Sts {
                    break;
                }
            }
        }
        (struck.map(|trouble| trouble.fault), latency)
    }

    pub(super) fn answer(
        &self,
        to: (usize, Endpoint),
        fault: Option<Fault>,
        bearer: Option<&str>,
        body: &[u8],
    ) -> Reply {
        let now = self.true_time();
        let mut stacks = self.stacks();
        let before = (stacks.used_twice, stacks.unread);
        let reply = stacks.answer(to, fault, bearer, body, now);
        let after = (stacks.used_twice, stacks.unread);
        drop(stacks);
        if after != before {
            self.note(format!("  used twice, unread: {after:?}"));
        }
        reply
    }

    /// Somebody said no in the stack's voice.
    pub(super) fn said_no(&self, (site, at): (usize, Endpoint), status: u16) {
        let now = self.true_time().unix();
        let mut stacks = self.stacks();
        let site = &mut stacks.sites[site];
        match at {
            Endpoint::Token if matches!(status, 400 | 401) => site.refused(now),
            Endpoint::Credentials | Endpoint::Graphql if status == 401 => site.key_refusals += 1,
            _ => {}
        }
    }

    pub(super) fn trouble(&self, trouble: Trouble) {
        self.note(format!("trouble {trouble:?}"));
        self.stacks().troubles.push(trouble);
    }

    /// Has endpoints of a stack fail until that is cleared.
    pub(super) fn fail(&self, site: usize, endpoints: &[Endpoint], fault: Fault) {
        for at in endpoints {
            self.trouble(Trouble {
                site,
                at: *at,
                fault,
                percent: 100,
                until: i64::MAX,
            });
        }
    }

    pub(super) fn clear_troubles(&self) {
        self.stacks().troubles.clear();
    }

    /// How long ago anything last went wrong with a site, in seconds.
    pub(super) fn calm(&self, site: usize) -> i64 {
        let now = self.true_time().unix();
        let last = self.stacks().sites[site].troubled_at;
        now - last
    }

    /// The stored document, which is whole and readable at all times.
    pub(super) fn stored(&self) -> Value {
        let path = self.state_dir().join("sessions.json");
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text).unwrap_or_else(|error| {
                self.breach(format!("sessions.json cannot be read: {error}"));
                Value::Null
            }),
            Err(_) => Value::Null,
        }
    }

    /// The refresh token stored for a catalog.
    pub(super) fn stored_token(&self, site: usize) -> Option<String> {
        let stored = self.stored();
        let record = &stored["sessions"][super::stack::catalog(site)];
        record["refresh_token"].as_str().map(str::to_owned)
    }

    /// What a killed daemon leaves behind: nothing that was under way has an
    /// outcome, and what it had not stored is lost.
    pub(super) fn crashed(&self) {
        let tokens: BTreeSet<_> = (0..SITES)
            .filter_map(|site| self.stored_token(site))
            .collect();
        self.stacks().crashed(&tokens);
        self.seen().crashes += 1;
    }
}
